//! Why a request was refused, as the operator reads it in the log, and the developer of the app on a page where the issuer
//! runs on a loopback address.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use poem::http::header;
use postern_identity::{
    administration::{clients, metadata::ClientMetadataChange},
    clients::ClientAuthMethod,
    core::RequestContext,
};
use postern_service::{
    settings::{LogFormat, TelemetrySettings},
    telemetry::{self, LogWriter},
};
use serde_json::Value;
use url::form_urlencoded;

use crate::{
    flow::{Ask, World, error, list, refused_on_page, told, waits_on},
    seeds::{REDIRECT_URI, Seeds},
    support::{Answer, ISSUER, TestApp, form_request},
};

const EVIL: &str = "https://evil.test/<script>alert(1)</script>";

async fn update(app: &TestApp, client_id: &str, change: ClientMetadataChange) {
    clients::update(&app.app, client_id, change, &RequestContext::of_command(&app.app)).await.unwrap();
}

/// The explanation on a page: the texts of its list, without markup.
fn explanation(page: &str) -> String {
    let begin = page.find("id=\"explanation\"").unwrap_or_else(|| panic!("no explanation in {page}"));
    let end = begin + page[begin..].find("</section>").unwrap();
    let mut text = String::new();
    let mut inside = true;
    for character in page[begin..end].chars() {
        match character {
            '<' => inside = true,
            '>' => inside = false,
            _ if !inside => text.push(character),
            _ => {}
        }
    }
    text.replace("&#x2f;", "/").replace("&#x27;", "'").replace("&quot;", "\"").replace("&amp;", "&")
}

/// The explanation on the page that an error leads to.
async fn explained(app: &TestApp, error_uri: &str) -> String {
    let page = app.get(error_uri.strip_prefix(ISSUER).unwrap()).await;
    assert_eq!(page.status, 200);
    explanation(&page.body)
}

#[track_caller]
fn says(explanation: &str, parts: &[&str]) {
    for part in parts {
        assert!(explanation.contains(part), "{part:?} is not in {explanation}");
    }
}

#[tokio::test]
async fn a_page_says_what_came_what_was_expected_and_the_command_that_allows_it() {
    let world = World::new().await;
    let ask = Ask::of("rp").with("redirect_uri", "https://rp.test/callback?x=1&y=2");
    let page = world.app.get(&ask.path()).await;
    refused_on_page(&page, "This app is not set up right");
    let command = "postern client update rp --add-redirect-uri 'https://rp.test/callback?x=1&y=2'";
    says(
        &explanation(&page.body),
        &["redirect_uri", "https://rp.test/cb https://rp.test/cb2?x=%7e", command],
    );

    // The command does what it says.
    let arguments = ["client", "update", "rp", "--add-redirect-uri", "https://rp.test/callback?x=1&y=2"];
    assert!(world.app.command(&arguments).output().unwrap().status.success());
    world.app.app.reload(postern_identity::clients::TOPIC).await.unwrap();
    waits_on(&world.app.get(&ask.path()).await, "/login");
    waits_on(&world.app.get(&Ask::of("rp").path()).await, "/login");
}

#[tokio::test]
async fn what_a_stranger_sent_is_escaped_and_cut_and_in_no_command() {
    let world = World::new().await;
    for (uri, shown) in [
        (EVIL.to_owned(), "&lt;script&gt;"),
        (format!("https://evil.test/{}", "a".repeat(4000)), "aaa…"),
        ("https://evil.test/\u{202e}x".to_owned(), "evil.test&#x2f;?x"),
        ("https://evil.test/'; rm -rf ~; '".to_owned(), "rm -rf"),
        ("javascript:alert(1)".to_owned(), "javascript:"),
    ] {
        let page = world.app.get(&Ask::of("rp").with("redirect_uri", &uri).path()).await;
        assert!(page.body.contains(shown), "{shown} is not in {}", page.body);
        assert!(!page.body.contains("<script>alert") && page.body.len() < 8000, "{}", page.body);
        let quoted = uri == EVIL;
        assert_eq!(page.body.contains("id=\"explanation-remedy\""), quoted, "{}", page.body);
    }
    let page = world.app.get(&Ask::of("rp").with("client_id", "--enabled").path()).await;
    assert!(!page.body.contains("id=\"explanation-remedy\""), "{}", page.body);
}

#[tokio::test]
async fn an_unknown_or_disabled_client_is_explained() {
    let world = World::new().await;
    let page = world.app.get(&Ask::of("nobody").path()).await;
    let command = "postern client add nobody --redirect-uri https://rp.test/cb";
    says(&explanation(&page.body), &["client_id", "nobody", "registered and enabled", command]);
    let app = &world.app.app;
    clients::set_enabled(app, "rp", false, &RequestContext::of_command(app)).await.unwrap();
    let page = world.app.get(&Ask::of("rp").path()).await;
    says(&explanation(&page.body), &["postern client update rp --enabled true"]);
    let page = world.app.get(&Ask::of("rp").without("client_id").path()).await;
    says(&explanation(&page.body), &["no client_id"]);
    let page = world.app.get(&Ask::of("own").without("redirect_uri").path()).await;
    says(&explanation(&page.body), &["no redirect_uri", "https://rp.test/cb"]);
    let page = world.app.get(&Ask::of("native").with("redirect_uri", "myapp:/callback").path()).await;
    says(&explanation(&page.body), &["--add-redirect-uri myapp:/callback --private-schemes"]);
}

#[tokio::test]
async fn nothing_is_explained_to_the_outside_of_an_issuer_that_others_reach() {
    let world = World::with(&[("POSTERN_ISSUER", "https://id.example.test")]).await;
    let page = world.app.get(&Ask::of("rp").with("redirect_uri", EVIL).path()).await;
    refused_on_page(&page, "This app is not set up right");
    for said in ["explanation", "evil.test", "https:&#x2f;&#x2f;rp.test", "postern client"] {
        assert!(!page.body.contains(said), "{said} in {}", page.body);
    }
    let page = world.app.get(&format!("/errors/{}", page.header("x-request-id"))).await;
    assert_eq!(page.status, 200);
    assert!(!page.body.contains("explanation"), "{}", page.body);
    let form = [("grant_type", "client_credentials"), ("client_id", "rp"), ("client_secret", "x")];
    let answer = world.app.post_form("/oauth2/token", &form).await;
    let reference = answer.header("x-request-id");
    assert!(!world.app.get(&format!("/errors/{reference}")).await.body.contains("explanation"));
    assert_eq!(answer.json::<Value>()["error_description"], "client authentication failed");
}

#[tokio::test]
async fn an_error_that_went_to_the_app_is_explained_on_the_page_of_its_reference() {
    let world = World::new().await;
    let stricter = ClientMetadataChange {
        require_pkce: Some(true),
        policy: postern_identity::administration::metadata::PolicyChange {
            response_modes: Some(vec!["query".to_owned()]),
            unknown_scopes: Some("refused".to_owned()),
            ..Default::default()
        },
        ..ClientMetadataChange::default()
    };
    update(&world.app, "rp", stricter).await;
    let rp = || Ask::of("rp");
    for (ask, code, parts) in [
        (
            rp().with("response_type", "id_token token"),
            "unsupported_response_type",
            &["response_type", "id_token token", "code"][..],
        ),
        (rp().without("response_type"), "invalid_request", &["no response_type"]),
        (
            rp().with("response_mode", "fragment"),
            "invalid_request",
            &["response_mode", "fragment", "query", "postern client update rp --response-mode ''"],
        ),
        (rp().with("response_mode", "jwt"), "invalid_request", &["response_mode", "jwt", "query"]),
        (
            rp().without("code_challenge").without("code_challenge_method"),
            "invalid_request",
            &["no code_challenge", "S256", "postern client update rp --require-pkce=false"],
        ),
        (
            rp().with("code_challenge_method", "plain"),
            "invalid_request",
            &["code_challenge_method", "plain", "S256"],
        ),
        (
            rp().with("scope", "openid tasks:read nonsense"),
            "invalid_scope",
            &[
                "tasks:read nonsense",
                "openid profile email",
                "postern client update rp --add-scope tasks:read",
            ],
        ),
        (
            rp().and("resource", "https://elsewhere.test/api"),
            "invalid_target",
            &["resource", "https://elsewhere.test/api", "postern resource list"],
        ),
        (rp().with("max_age", "x"), "invalid_request", &["max_age must be a number of seconds"]),
        (
            Ask::of("machine"),
            "unauthorized_client",
            &["grant_type", "--grant-type client_credentials --grant-type authorization_code"],
        ),
    ] {
        let answer = world.app.get(&ask.path()).await;
        let mut parameters =
            if answer.header("location").contains('#') { panic!("{answer:?}") } else { told(&answer) };
        assert_eq!(error(&answer), code, "{ask:?}");
        let uri = parameters.remove("error_uri").unwrap();
        says(&explained(&world.app, &uri).await, parts);
    }
}

/// The error of an answer, and what the page of its reference says.
async fn token_error(app: &TestApp, answer: &Answer) -> (String, String) {
    let error: Value = answer.json();
    let explanation = explained(app, error["error_uri"].as_str().unwrap()).await;
    (error["error"].as_str().unwrap().to_owned(), explanation)
}

#[tokio::test]
async fn a_refused_token_request_is_explained_there_too() {
    let seeds = Seeds::new().await;
    let other = "b".repeat(43);
    for (changed, parts) in [
        (("code_verifier", other.as_str()), &["code_verifier", "of another code_challenge"][..]),
        (("code_verifier", ""), &["code_verifier", "missing"]),
        (("redirect_uri", "https://app.example.test/other"), &["redirect_uri", "/other", REDIRECT_URI]),
        (("code", "unknown"), &["code", "an unknown code"]),
        (("scope", "openid notes:read \u{e9}"), &["scope"]),
    ] {
        let code = seeds.code(&seeds.grant("mobile", "openid").await).await;
        let (_, explanation) = token_error(&seeds.app, &seeds.redeem(&code, &[changed]).await).await;
        says(&explanation, parts);
        for secret in [code.as_str(), crate::seeds::VERIFIER, &other] {
            assert!(!explanation.contains(secret), "{explanation}");
        }
    }
    let form = [("grant_type", "client_credentials"), ("client_id", "mobile")];
    let (error, explanation) =
        token_error(&seeds.app, &seeds.app.post_form("/oauth2/token", &form).await).await;
    assert_eq!(error, "unauthorized_client");
    says(&explanation, &["client_credentials", "authorization_code and refresh_token"]);
}

#[tokio::test]
async fn a_client_that_fails_to_authenticate_is_explained_and_told_nothing_more() {
    let seeds = Seeds::new().await;
    let strict = ClientMetadataChange { profile: Some("strict".to_owned()), ..Default::default() };
    update(&seeds.app, "post", strict).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let mut bodies = Vec::new();
    for (client_id, secret, parts) in [
        ("post", seeds.post.as_str(), &["client_secret_post alone", "--auth-method client_secret_basic"][..]),
        ("web", "wrong-secret", &["a live secret", "postern client rotate-secret web"]),
        ("mobile", "wrong-secret", &["the client is public", "--auth-method client_secret_basic"]),
        ("nobody", "wrong-secret", &["a client that is known and enabled"]),
    ] {
        let answer = seeds.post_as(client_id, secret, "/oauth2/token", &form).await;
        let (error, explanation) = token_error(&seeds.app, &answer).await;
        assert_eq!((answer.status.as_u16(), error.as_str()), (401, "invalid_client"), "{client_id}");
        says(&explanation, &[&["client_authentication", "a secret in the header"], parts].concat());
        assert!(!explanation.contains(secret), "{explanation}");
        let mut body: Value = answer.json();
        body["error_uri"].take();
        bodies.push(body);
    }
    assert!(bodies.windows(2).all(|two| two[0] == two[1]), "the caller learns no cause: {bodies:?}");
}

#[tokio::test]
async fn an_origin_that_may_not_read_is_explained() {
    let seeds = Seeds::new().await;
    let mut request = form_request("/oauth2/token", &[("grant_type", "refresh_token")]);
    request.headers_mut().insert(header::ORIGIN, "https://localhost.evil.test:5173".parse().unwrap());
    request.set_method(poem::http::Method::OPTIONS);
    request.headers_mut().insert(header::ACCESS_CONTROL_REQUEST_METHOD, "POST".parse().unwrap());
    let answer = seeds.app.send(request).await;
    let page = seeds.app.get(&format!("/errors/{}", answer.header("x-request-id"))).await;
    let command = "postern client update CLIENT_ID --add-origin https://localhost.evil.test:5173";
    says(&explanation(&page.body), &["cors_origin", "https://localhost.evil.test:5173", command]);
}

#[tokio::test]
async fn the_last_hundred_refusals_are_kept_and_no_more() {
    let world = World::new().await;
    let first = world.app.get(&Ask::of("nobody").path()).await;
    let page = format!("/errors/{}", first.header("x-request-id"));
    for _ in 0..99 {
        world.app.get(&Ask::of("nobody").path()).await;
    }
    assert!(world.app.get(&page).await.body.contains("id=\"explanation\""));
    world.app.get(&Ask::of("nobody").path()).await;
    assert!(!world.app.get(&page).await.body.contains("id=\"explanation\""));
}

#[tokio::test]
async fn the_page_explains_in_german_too() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.speaks("de");
    let page = browser.get(&Ask::of("nobody").path()).await;
    says(&explanation(&page.body), &["Was ankam", "Was erwartet wurde", "Befehl"]);
}

/// The log of a test.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The question of a sign-out that stays here says to the developer what would lead back.
#[tokio::test]
async fn a_sign_out_that_leads_nowhere_says_which_address_is_registered() {
    let world = World::new().await;
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    let hint = world.app.id_token("rp", &world.alice, session.sid).await;
    let explained = async |parameters: &[(&str, &str)]| {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        explanation(&browser.get(&format!("/oauth2/logout?{query}")).await.body)
    };
    let bye = ("post_logout_redirect_uri", "https://rp.test/new");
    let unregistered = explained(&[("id_token_hint", &hint), bye]).await;
    let registered = world.app.app.clients().find("rp").unwrap().row.post_logout_redirect_uris.clone();
    let remedy = "postern client update rp --add-post-logout-redirect-uri https://rp.test/new";
    says(&unregistered, &["https://rp.test/new", &registered[0], remedy]);
    let native = ClientMetadataChange {
        token_endpoint_auth_method: Some(ClientAuthMethod::None),
        redirect_uris: list(&["com.example.app:/cb"]),
        ..ClientMetadataChange::default()
    };
    world.app.client("pocket", native).await;
    let of_native = [("client_id", "pocket"), ("post_logout_redirect_uri", "com.example.app:/bye")];
    says(
        &explained(&of_native).await,
        &["this client has none", "client update pocket --add-post-logout-redirect-uri com.example.app:/bye"],
    );
    let with_query = ("post_logout_redirect_uri", "https://rp.test/new?code=secret");
    let cut = explained(&[("id_token_hint", &hint), with_query]).await;
    says(&cut, &["https://rp.test/new"]);
    assert!(!cut.contains("secret") && !cut.contains("postern client"), "{cut}");
    says(&explained(&[bye]).await, &["id_token_hint or client_id beside"]);
    says(&explained(&[bye, ("client_id", "nobody")]).await, &["nobody", "registered and enabled"]);
    let invalid = explained(&[("id_token_hint", "x.y.z"), bye]).await;
    assert!(invalid.contains("an ID token that the client was given") && !invalid.contains("x.y.z"));
}

#[tokio::test]
async fn the_log_has_one_line_with_all_of_it_whoever_reaches_the_issuer() {
    let world = World::with(&[("POSTERN_ISSUER", "https://id.example.test")]).await;
    let sink = Sink::default();
    let writer = LogWriter::start(Box::new(sink.clone()));
    let settings = TelemetrySettings { log: "info".to_owned(), format: LogFormat::Json };
    let logging = tracing::subscriber::set_default(telemetry::subscriber(&settings, &writer, false).unwrap());
    let uri = format!("https://rp.test/\u{202e}{}", "x".repeat(4000));
    let wrong =
        [Ask::of("rp").with("redirect_uri", &uri), Ask::of("rp").with("redirect_uri", "https://rp.test/new")];
    let token =
        [("grant_type", "client_credentials"), ("client_id", "rp"), ("client_secret", "a-wrong-secret")];
    // Other tests reach the same call sites without a subscriber, which would keep them disabled.
    world.app.get(&wrong[0].path()).await;
    world.app.post_form("/oauth2/token", &token).await;
    tracing::callsite::rebuild_interest_cache();
    let mut ids = Vec::new();
    for ask in &wrong {
        ids.push(world.app.get(&ask.path()).await.header("x-request-id").to_owned());
    }
    ids.push(world.app.post_form("/oauth2/token", &token).await.header("x-request-id").to_owned());
    drop((logging, writer));

    let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("a-wrong-secret") && !text.contains('\u{202e}'), "{text}");
    let line = |id: &str| {
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut found: Vec<_> =
            lines.filter(|line| line["request_id"] == id && line.get("expected").is_some()).collect();
        assert_eq!(found.len(), 1, "{text}");
        found.remove(0)
    };
    let [long, new, secret] = [&ids[0], &ids[1], &ids[2]].map(|id| line(id));
    assert_eq!((&long["check"], &long["client_id"]), (&"redirect_uri".into(), &"rp".into()));
    assert_eq!(long["came"].as_str().unwrap().chars().count(), 201);
    assert!(long.get("remedy").is_none(), "{long}");
    assert_eq!(new["came"], "https://rp.test/new");
    assert_eq!(new["expected"], "one that is registered: https://rp.test/cb https://rp.test/cb2?x=%7e");
    assert_eq!(new["remedy"], "postern client update rp --add-redirect-uri https://rp.test/new");
    assert_eq!(
        (&secret["message"], &secret["client_id"]),
        (&"client authentication failed".into(), &"rp".into())
    );
    assert_eq!(secret["remedy"], "postern client rotate-secret rp");
}
