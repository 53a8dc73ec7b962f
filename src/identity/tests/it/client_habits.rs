//! What real clients send beside the letter of the standards, and where the profile `strict` refuses it.

use poem::{Request, http::header};
use postern_identity::{
    administration::{ChangeError, clients, metadata::ClientMetadataChange},
    clients::ClientAuthMethod,
    core::RequestContext,
};
use serde_json::Value;

use crate::{
    flow::{Ask, World, list, refused_on_page, told_at},
    seeds::{NOTES, Seeds, TASKS, error},
    support::{Answer, TestApp, form_request},
};

const PUBLIC: Option<ClientAuthMethod> = Some(ClientAuthMethod::None);

fn native(redirect_uri: &str) -> ClientMetadataChange {
    ClientMetadataChange {
        redirect_uris: list(&[redirect_uri]),
        token_endpoint_auth_method: PUBLIC,
        ..ClientMetadataChange::default()
    }
}

fn strict() -> ClientMetadataChange {
    ClientMetadataChange { profile: Some("strict".to_owned()), ..ClientMetadataChange::default() }
}

async fn update(app: &TestApp, client_id: &str, change: ClientMetadataChange) -> Result<(), ChangeError> {
    clients::update(&app.app, client_id, change, &RequestContext::of_command(&app.app)).await.map(drop)
}

/// The origin that the token endpoint lets read an answer.
async fn allowed_origin(app: &TestApp, path: &str, origin: &str) -> String {
    let mut request = form_request(path, &[("grant_type", "authorization_code")]);
    request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
    app.send(request).await.header("access-control-allow-origin").to_owned()
}

#[tokio::test]
async fn a_native_app_registers_one_name_of_this_machine_and_comes_with_another() {
    let world = World::new().await;
    let hosts = ["http://localhost", "http://127.0.0.1", "http://[::1]"];
    for (index, registered) in hosts.iter().enumerate() {
        let client_id = format!("native-{index}");
        world.app.client(&client_id, native(&format!("{registered}:3118/callback"))).await;
        for asked in hosts {
            let (origin, uri) = (format!("{asked}:49152"), format!("{asked}:49152/callback"));
            let browser = world.app.browser();
            browser.sign_in(&world.alice).await;
            let ask = Ask::of(&client_id).with("redirect_uri", &uri).with("prompt", "none");
            let told = told_at(&browser.get(&ask.path()).await, &uri);
            assert_eq!(told["error"], "consent_required", "{registered} {asked}");
            for path in ["/oauth2/token", "/oauth2/userinfo", "/oauth2/revoke"] {
                assert_eq!(allowed_origin(&world.app, path, &origin).await, origin, "{registered} {asked}");
            }
            assert_eq!(allowed_origin(&world.app, "/api/auth/login", &origin).await, "", "{origin}");
        }
        let elsewhere = Ask::of(&client_id).with("redirect_uri", "http://localhost:1/other");
        refused_on_page(&world.app.get(&elsewhere.path()).await, "This app is not set up right");
    }
}

#[tokio::test]
async fn a_strict_native_app_comes_with_the_name_that_it_registered() {
    let world = World::new().await;
    for client_id in ["native", "own"] {
        update(&world.app, client_id, strict()).await.unwrap();
    }
    update(&world.app, "own", native("http://localhost:3000/cb")).await.unwrap();
    for (client_id, uri) in [
        ("native", "http://localhost:1/cb"),
        ("native", "http://[::1]:1/cb"),
        ("own", "http://localhost:3001/cb"),
        ("own", "http://127.0.0.1:3000/cb"),
    ] {
        let ask = Ask::of(client_id).with("redirect_uri", uri);
        refused_on_page(&world.app.get(&ask.path()).await, "This app is not set up right");
    }
    for (origin, known) in [
        ("http://127.0.0.1:5", true),
        ("http://localhost:3000", true),
        ("http://localhost:3001", false),
        ("http://[::1]:5", false),
    ] {
        assert_eq!(allowed_origin(&world.app, "/oauth2/token", origin).await == origin, known, "{origin}");
    }
}

#[tokio::test]
async fn the_page_of_an_issuer_on_this_machine_opens_no_other_port() {
    let app = TestApp::empty().await;
    app.client("docs", clients::docs_client_metadata(&app.app)).await;
    assert_eq!(allowed_origin(&app, "/oauth2/token", "http://localhost:7117").await, "http://localhost:7117");
    for other in ["http://localhost:7118", "http://127.0.0.1:7117", "http://localhost"] {
        assert_eq!(allowed_origin(&app, "/oauth2/token", other).await, "", "{other}");
    }
}

#[tokio::test]
async fn a_private_scheme_without_a_dot_is_for_whom_the_operator_allows_it() {
    let world = World::new().await;
    let app = &world.app;
    let refused = update(app, "native", native("myapp:/callback")).await.unwrap_err().to_string();
    assert!(refused.contains("--private-schemes"), "{refused}");
    let capacitor =
        || ClientMetadataChange { origins: list(&["capacitor://localhost"]), ..Default::default() };
    let refused = update(app, "native", capacitor()).await.unwrap_err().to_string();
    assert!(refused.contains("--private-schemes"), "{refused}");
    assert_eq!(allowed_origin(app, "/oauth2/token", "capacitor://localhost").await, "");

    let allowed = ClientMetadataChange {
        private_schemes: Some(true),
        redirect_uris: list(&["myapp:/callback", "myapp://callback"]),
        ..capacitor()
    };
    update(app, "native", allowed.clone()).await.unwrap();
    assert_eq!(allowed_origin(app, "/oauth2/token", "capacitor://localhost").await, "capacitor://localhost");
    let browser = app.browser();
    browser.sign_in(&world.alice).await;
    for uri in ["myapp:/callback", "myapp://callback"] {
        let ask = Ask::of("native").with("redirect_uri", uri).with("prompt", "none");
        assert_eq!(told_at(&browser.get(&ask.path()).await, uri)["error"], "consent_required");
    }
    refused_on_page(
        &browser.get(&Ask::of("native").with("redirect_uri", "myapp:/other").path()).await,
        "This app is not set up right",
    );
    // A confidential client has an address of its own, and some schemes belong to others.
    assert!(update(app, "rp", allowed).await.is_err());
    for uri in [
        "javascript:alert(1)",
        "data:text/html,x",
        "mailto:a@b.test",
        "intent://x",
        "ftp://x/cb",
        "ms-settings:x",
        "localhost:3000/cb",
    ] {
        assert!(update(app, "native", native(uri)).await.is_err(), "{uri}");
    }
    // Taken back while such addresses are registered: refused, so that none stays by accident.
    let back = ClientMetadataChange { private_schemes: Some(false), ..Default::default() };
    assert!(update(app, "native", back).await.is_err());
}

#[tokio::test]
async fn an_origin_with_a_private_scheme_never_brings_cookies() {
    let world = World::new().await;
    let change = ClientMetadataChange {
        private_schemes: Some(true),
        origins: list(&["capacitor://localhost", "https://app.own.test"]),
        ..Default::default()
    };
    update(&world.app, "own", change).await.unwrap();
    let preflight = async |origin: &str| -> Answer {
        let request = Request::builder()
            .method(poem::http::Method::OPTIONS)
            .uri("/api/auth/login".parse().unwrap())
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST");
        world.app.send(request.finish()).await
    };
    let page = preflight("https://app.own.test").await;
    assert_eq!(page.header("access-control-allow-credentials"), "true");
    let web_view = preflight("capacitor://localhost").await;
    assert_eq!(web_view.header("access-control-allow-origin"), "");
    assert_eq!(web_view.header("access-control-allow-credentials"), "");
}

#[tokio::test]
async fn extra_spaces_in_scope_do_no_harm_unless_the_client_is_strict() {
    let seeds = Seeds::new().await;
    let browser = seeds.app.browser();
    browser.sign_in(&seeds.ada).await;
    let ask = |scope: &str| {
        let ask = Ask::of("trusted").with("redirect_uri", crate::fixtures::REDIRECT_URI);
        ask.with("scope", scope).path()
    };
    let form = |scope: &'static str| [("grant_type", "client_credentials"), ("scope", scope)];
    let spaced = [" openid email", "openid email ", "openid  email", "  openid   email  "];
    for scope in spaced {
        let told = told_at(&browser.get(&ask(scope)).await, crate::fixtures::REDIRECT_URI);
        assert!(told.contains_key("code"), "{scope:?}: {told:?}");
    }
    let answer = seeds.post_as("service", &seeds.service, "/oauth2/token", &form(" tasks:read  ")).await;
    assert_eq!(answer.json::<Value>()["scope"], "tasks:read");
    let tokens = seeds.tokens("openid email").await;
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let answer = seeds.refresh(refresh_token, &[("scope", " openid  email")]).await;
    assert_eq!(answer.json::<Value>()["scope"], "openid email", "{answer:?}");

    for client_id in ["trusted", "service"] {
        update(&seeds.app, client_id, strict()).await.unwrap();
    }
    for scope in spaced {
        let told = told_at(&browser.get(&ask(scope)).await, crate::fixtures::REDIRECT_URI);
        assert_eq!(told["error"], "invalid_scope", "{scope:?}");
    }
    let answer = seeds.post_as("service", &seeds.service, "/oauth2/token", &form("tasks:read ")).await;
    assert_eq!(error(&answer), "invalid_scope");
}

/// Go's `oauth2` tries the header first, with the empty secret of a public client.
#[tokio::test]
async fn a_public_client_may_name_itself_in_the_header_unless_it_is_strict() {
    let seeds = Seeds::new().await;
    let refresh_token = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let ask = async |client_id: &str, secret: &str| {
        error(&seeds.post_as(client_id, secret, "/oauth2/token", &refresh_token).await)
    };
    assert_eq!(ask("mobile", "").await, "invalid_grant");
    assert_eq!(ask("mobile", "x").await, "invalid_client");
    assert_eq!(ask("web", "").await, "invalid_client", "a confidential client");
    // It may no more than with its name in the form: a caller without a secret could scan for tokens.
    let introspected = seeds.post_as("mobile", "", "/oauth2/introspect", &[("token", "x")]).await;
    assert_eq!((introspected.status.as_u16(), error(&introspected).as_str()), (401, "invalid_client"));
    assert!(introspected.header("www-authenticate").starts_with("Basic "));
    assert_eq!(seeds.post_as("mobile", "", "/oauth2/revoke", &[("token", "x")]).await.status, 200);
    update(&seeds.app, "mobile", strict()).await.unwrap();
    assert_eq!(ask("mobile", "").await, "invalid_client");
}

#[tokio::test]
async fn a_resource_is_the_same_with_a_slash_after_its_host_and_without() {
    let seeds = Seeds::new().await;
    let slashed = "https://slashed.example.test/";
    let change = postern_identity::administration::resources::ResourceChange {
        scopes: Some([("slashed:read".to_owned(), "Read".to_owned())].into()),
        ..Default::default()
    };
    let context = RequestContext::of_command(&seeds.app.app);
    postern_identity::administration::resources::add(&seeds.app.app, slashed, change, &context)
        .await
        .unwrap();
    let more = ClientMetadataChange {
        add_scopes: vec!["slashed:read".to_owned()],
        ..ClientMetadataChange::default()
    };
    update(&seeds.app, "service", more.clone()).await.unwrap();
    update(&seeds.app, "mobile", more).await.unwrap();
    for (asked, scope, audience) in [
        (format!("{TASKS}/"), "tasks:read", TASKS),
        (format!("{NOTES}/"), "notes:read", NOTES),
        ("https://slashed.example.test".to_owned(), "slashed:read", slashed),
        (slashed.to_owned(), "slashed:read", slashed),
    ] {
        let form = [("grant_type", "client_credentials"), ("scope", scope), ("resource", &asked)];
        let answer = seeds.post_as("service", &seeds.service, "/oauth2/token", &form).await;
        assert_eq!(answer.status, 200, "{asked}: {}", answer.body);
        assert_eq!(seeds.claims(&answer.json::<Value>()["access_token"]).await["aud"], audience, "{asked}");

        let code = seeds.code(&seeds.grant("mobile", &format!("openid {scope}")).await).await;
        let answer = seeds.redeem(&code, &[("resource", &asked)]).await;
        assert_eq!(seeds.claims(&answer.json::<Value>()["access_token"]).await["aud"], audience, "{asked}");
    }
    for other in ["http://localhost:7118//", "http://localhost:7118/?", "http://localhost:7118/a", "/", ""] {
        let form = [("grant_type", "client_credentials"), ("scope", "tasks:read"), ("resource", other)];
        let answer = seeds.post_as("service", &seeds.service, "/oauth2/token", &form).await;
        let named = !other.is_empty();
        assert_eq!(answer.status == 400, named, "{other}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_resource_with_the_other_slash_limits_an_authorization_request_too() {
    let seeds = Seeds::new().await;
    let browser = seeds.app.browser();
    browser.sign_in(&seeds.ada).await;
    let uri = crate::fixtures::REDIRECT_URI;
    let slashed = format!("{TASKS}/");
    let ask = Ask::of("trusted").with("redirect_uri", uri).with("scope", "openid tasks:read notes:read");
    let mut told = told_at(&browser.get(&ask.and("resource", &slashed).path()).await, uri);
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "trusted"),
        ("code", &told.remove("code").unwrap()),
        ("redirect_uri", uri),
        ("code_verifier", crate::flow::VERIFIER),
        ("resource", &slashed),
    ];
    let tokens: Value = seeds.app.post_form("/oauth2/token", &form).await.json();
    let claims = seeds.claims(&tokens["access_token"]).await;
    assert_eq!(claims["aud"], TASKS);
    assert!(!claims["scope"].as_str().unwrap().contains("notes"), "{claims}");
}

/// Libraries parse a body by its content type, so an empty one has none.
#[tokio::test]
async fn a_revocation_is_answered_without_a_body_and_without_a_content_type() {
    let seeds = Seeds::new().await;
    let tokens = seeds.tokens("openid email").await;
    for token in
        ["unknown", tokens["refresh_token"].as_str().unwrap(), tokens["access_token"].as_str().unwrap()]
    {
        for hint in ["refresh_token", "access_token", "of another kind"] {
            let form = [("client_id", "mobile"), ("token", token), ("token_type_hint", hint)];
            let answer = seeds.app.post_form("/oauth2/revoke", &form).await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""));
            assert!(answer.headers.get(header::CONTENT_TYPE).is_none(), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_wrong_or_missing_code_verifier_is_an_invalid_grant() {
    let seeds = Seeds::new().await;
    let other = "b".repeat(43);
    for verifier in [Some(other.as_str()), Some("short"), None] {
        let code = seeds.code(&seeds.grant("mobile", "openid").await).await;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", "mobile"),
            ("code", code.as_str()),
            ("redirect_uri", crate::seeds::REDIRECT_URI),
        ];
        form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        let answer = seeds.app.post_form("/oauth2/token", &form).await;
        assert_eq!((answer.status.as_u16(), error(&answer).as_str()), (400, "invalid_grant"), "{verifier:?}");
    }
}

/// RFC 7521 section 4.2.1.
#[tokio::test]
async fn an_assertion_of_an_unknown_type_is_an_invalid_client() {
    let seeds = Seeds::new().await;
    for path in ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"] {
        let form = [
            ("grant_type", "client_credentials"),
            ("token", "x"),
            ("client_id", "service"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"),
            ("client_assertion", "PHNhbWw+"),
        ];
        let answer = seeds.app.post_form(path, &form).await;
        assert_eq!((answer.status.as_u16(), error(&answer).as_str()), (401, "invalid_client"), "{path}");
    }
}
