//! The protocol rules of a client: those of its profile, made stricter by its own.

use postern_identity::{
    administration::{
        clients::update,
        metadata::{ClientMetadataChange, PolicyChange},
    },
    clients::ClientAuthMethod,
    core::RequestContext,
};
use serde_json::{Value, json};

use crate::{
    client_assertions,
    flow::{Ask, CALLBACK, World, code, error, list, refused_on_page, told, told_at},
    seeds::{self, NOTES, Seeds, TASKS},
    support::TestApp,
};

async fn change(app: &TestApp, client_id: &str, change: ClientMetadataChange) {
    update(&app.app, client_id, change, &RequestContext::of_command(&app.app)).await.unwrap();
}

fn strict() -> ClientMetadataChange {
    ClientMetadataChange { profile: Some("strict".to_owned()), ..ClientMetadataChange::default() }
}

fn own(policy: PolicyChange) -> ClientMetadataChange {
    ClientMetadataChange { policy, ..ClientMetadataChange::default() }
}

fn word(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn the_port_of_localhost_is_free_for_a_native_app_unless_its_rules_say_otherwise() {
    let world = World::new().await;
    let metadata = ClientMetadataChange {
        token_endpoint_auth_method: Some(ClientAuthMethod::None),
        redirect_uris: list(&["http://localhost:3118/callback", "http://127.0.0.1/cb"]),
        ..ClientMetadataChange::default()
    };
    world.app.client("desktop", metadata).await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let ask = |uri: &str| Ask::of("desktop").with("redirect_uri", uri).with("prompt", "none").path();
    let answered = async |uri: &str| {
        let answer = browser.get(&ask(uri)).await;
        if answer.status == 303 {
            told_at(&answer, uri);
            return true;
        }
        refused_on_page(&answer, "This app is not set up right");
        false
    };
    let (name, ip) = ("http://localhost:49152/callback", "http://127.0.0.1:49152/cb");
    assert!(answered(name).await && answered(ip).await);
    for elsewhere in [
        "http://localhost:49152/other",
        "http://localhost.evil.test/callback",
        "http://localhost:1@evil.test/callback",
        "https://localhost:49152/callback",
        "http://app.localhost:49152/callback",
    ] {
        assert!(!answered(elsewhere).await, "{elsewhere}");
    }
    change(&world.app, "desktop", strict()).await;
    assert!(!answered(name).await && answered(ip).await);
    assert!(answered("http://localhost:3118/callback").await, "the registered one");
    let exact = PolicyChange { redirect_uri_match: word("exact"), ..PolicyChange::default() };
    change(&world.app, "desktop", own(exact)).await;
    assert!(!answered(name).await && !answered(ip).await);
    assert!(answered("http://127.0.0.1/cb").await);
}

#[tokio::test]
async fn scopes_that_are_not_understood_are_left_out_or_refused() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let ask = Ask::of("own").with("scope", "openid phone nonsense").path();
    code(&browser.get(&ask).await);
    let refuse = PolicyChange { unknown_scopes: word("refused"), ..PolicyChange::default() };
    for stricter in [strict(), own(refuse)] {
        change(&world.app, "own", ClientMetadataChange { profile: word("standard"), ..Default::default() })
            .await;
        code(&browser.get(&ask).await);
        change(&world.app, "own", stricter).await;
        let answer = browser.get(&ask).await;
        assert_eq!(error(&answer), "invalid_scope");
        let said = &told(&answer)["error_description"];
        assert!(said.contains("phone") && said.contains("nonsense") && !said.contains("openid"), "{said}");
        code(&browser.get(&Ask::of("own").with("scope", "openid email").path()).await);
    }
}

#[tokio::test]
async fn a_secret_may_come_in_the_header_or_in_the_form_unless_one_is_demanded() {
    let seeds = Seeds::new().await;
    let form = [("grant_type", "client_credentials")];
    let by_header = || seeds.post_as("service", &seeds.service, "/oauth2/token", &form);
    let in_form = || {
        let credentials = [("client_id", "service"), ("client_secret", &*seeds.service)];
        let form: Vec<_> = form.iter().copied().chain(credentials).collect();
        let app = &seeds.app;
        async move { app.post_form("/oauth2/token", &form).await }
    };
    assert_eq!((by_header().await.status.as_u16(), in_form().await.status.as_u16()), (200, 200));
    change(&seeds.app, "service", strict()).await;
    assert_eq!((by_header().await.status.as_u16(), in_form().await.status.as_u16()), (200, 401));
    let post = ClientMetadataChange {
        token_endpoint_auth_method: Some(ClientAuthMethod::ClientSecretPost),
        ..ClientMetadataChange::default()
    };
    change(&seeds.app, "service", post).await;
    assert_eq!((by_header().await.status.as_u16(), in_form().await.status.as_u16()), (401, 200));
}

#[tokio::test]
async fn a_strict_client_names_the_resource_of_each_token() {
    let seeds = Seeds::new().await;
    let ask = async |more: &[(&str, &str)]| {
        let form = [("grant_type", "client_credentials"), ("scope", "tasks:read notes:read")];
        let form: Vec<_> = form.iter().chain(more).copied().collect();
        seeds.post_as("service", &seeds.service, "/oauth2/token", &form).await
    };
    assert_eq!(ask(&[]).await.status, 200);
    change(&seeds.app, "service", strict()).await;
    assert_eq!(seeds::error(&ask(&[]).await), "invalid_target");
    assert_eq!(seeds::error(&ask(&[("resource", TASKS), ("resource", NOTES)]).await), "invalid_target");
    assert_eq!(ask(&[("resource", NOTES)]).await.status, 200);
}

#[tokio::test]
async fn pkce_that_was_begun_is_proven_and_pkce_that_was_not_is_not_claimed() {
    let world = World::new().await;
    let trusted = ClientMetadataChange { first_party: Some(true), ..ClientMetadataChange::default() };
    change(&world.app, "rp", trusted).await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let redeem = async |ask: Ask, verifier: Option<&str>| {
        let code = code(&browser.get(&ask.path()).await);
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", "rp"),
            ("client_secret", &*world.rp_secret),
            ("code", &*code),
            ("redirect_uri", CALLBACK),
        ];
        form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        let answer = world.app.post_form("/oauth2/token", &form).await;
        if answer.status == 200 { "tokens".to_owned() } else { seeds::error(&answer) }
    };
    let with = || Ask::of("rp");
    let without = || with().without("code_challenge").without("code_challenge_method").without("nonce");
    let wrong = "a".repeat(43);
    assert_eq!(redeem(without(), None).await, "tokens", "neither PKCE nor nonce");
    assert_eq!(redeem(with(), Some(crate::flow::VERIFIER)).await, "tokens");
    for (ask, verifier) in [
        (with(), None),
        (with(), Some(&*wrong)),
        (with(), Some("short")),
        (without(), Some(crate::flow::VERIFIER)),
    ] {
        assert_eq!(redeem(ask, verifier).await, "invalid_grant", "{verifier:?}");
    }
}

/// Runs a command. Returns its exit code and what it said.
fn run(app: &TestApp, arguments: &[&str]) -> (i32, String) {
    let output = app.command(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    (output.status.code().unwrap(), text)
}

fn json_of(app: &TestApp, arguments: &[&str]) -> Value {
    let (code, said) = run(app, &[arguments, &["--json"]].concat());
    assert_eq!(code, 0, "{said}");
    serde_json::from_str(&said).unwrap()
}

#[tokio::test]
async fn commands_set_the_rules_towards_stricter_only_and_say_what_they_mean() {
    let app = TestApp::empty().await;
    let added = json_of(&app, &["client", "add", "shop", "--redirect-uri", "https://web.test/"]);
    let policy = &added["policy"];
    assert_eq!(policy["pkce"]["value"], "optional");
    assert_eq!(policy["client_authentication"]["value"], "any_method");
    let meaning = policy["client_authentication"]["meaning"].as_str().unwrap();
    assert!(meaning.contains("client_secret_basic or client_secret_post"), "{meaning}");
    assert_eq!(policy["response_modes"]["value"], json!(["query", "fragment", "form_post"]));
    assert!(policy.as_object().unwrap().values().all(|rule| rule["set_by"] == "profile"));

    let update = ["client", "update", "shop"];
    let own = [
        ("--require-pkce", None, "pkce", json!("required")),
        (
            "--client-authentication",
            Some("registered_method"),
            "client_authentication",
            json!("registered_method"),
        ),
        ("--assertion-lifetime", Some("10m"), "assertion_lifetime", json!("10m")),
        ("--assertion-audience", Some("issuer"), "assertion_audience", json!("issuer")),
        ("--unknown-scopes", Some("refused"), "unknown_scopes", json!("refused")),
        ("--response-mode", Some("query"), "response_modes", json!(["query"])),
        ("--redirect-uri-match", Some("exact"), "redirect_uri_match", json!("exact")),
        ("--resources-per-token", Some("one"), "resources_per_token", json!("one")),
    ];
    for (flag, value, rule, shown) in own {
        let arguments: Vec<_> = update.iter().copied().chain([flag]).chain(value).collect();
        let changed = json_of(&app, &arguments);
        assert_eq!(
            (&changed["policy"][rule]["value"], &changed["policy"][rule]["set_by"]),
            (&shown, &json!("client"))
        );
    }
    let (_, text) = run(&app, &["client", "show", "shop"]);
    for said in
        ["RULE", "every authorization request must have a code_challenge", "refused with invalid_scope"]
    {
        assert!(text.contains(said), "{said} is not in {text}");
    }
    // An empty value takes the profile's again.
    let changed = json_of(&app, &[&update[..], &["--unknown-scopes", "", "--response-mode", ""]].concat());
    assert_eq!(
        changed["policy"]["unknown_scopes"],
        json_of(&app, &["client", "show", "shop"])["policy"]["unknown_scopes"]
    );
    assert_eq!(changed["policy"]["unknown_scopes"]["value"], "left_out");
    assert_eq!(changed["policy"]["response_modes"]["set_by"], "profile");

    let (code, said) = run(&app, &[&update[..], &["--assertion-lifetime", "2h"]].concat());
    assert!(code == 2 && said.contains("must not be laxer than the profile standard"), "{said}");
    let changed = json_of(&app, &[&update[..], &["--profile", "strict"]].concat());
    assert_eq!(
        changed["policy"]["assertion_lifetime"]["value"], "5m",
        "the profile's is shorter than the own 10m"
    );
    for (flag, value) in [
        ("--client-authentication", "any_method"),
        ("--unknown-scopes", "left_out"),
        ("--response-mode", "fragment"),
        ("--redirect-uri-match", "localhost_port"),
        ("--resources-per-token", "several"),
        ("--assertion-lifetime", "6m"),
    ] {
        let (code, said) = run(&app, &[&update[..], &[flag, value]].concat());
        assert!(code == 2 && said.contains("must not be laxer than the profile strict"), "{flag}: {said}");
    }
    let add = ["client", "add", "spa", "--redirect-uri", "https://spa.test/", "--response-mode", "fragment"];
    json_of(&app, &add);
    let (code, said) = run(&app, &["client", "update", "spa", "--profile", "strict"]);
    assert!(code == 2 && said.contains("must include one that the profile strict allows"), "{said}");
    for (arguments, rule) in [
        (["--profile", "fapi2"], "pushed authorization requests"),
        (["--profile", "lenient"], "must be standard or strict"),
        (["--unknown-scopes", "reported"], "left_out"),
        (["--assertion-lifetime", "soon"], "a length of time"),
        (["--assertion-lifetime", "1s"], "at least 30s"),
    ] {
        let (code, said) = run(&app, &[&update[..], &arguments].concat());
        assert!(code == 2 && said.contains(rule), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn a_client_brings_its_secret_or_its_keys_in_a_file() {
    let seeds = Seeds::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let secret = "an old secret, percent-encoded: %+&=";
    let add = |client_id: &str, more: &[&str]| {
        let arguments =
            ["client", "add", client_id, "--grant-type", "client_credentials", "--scope", "tasks:read"];
        let arguments: Vec<_> =
            arguments.iter().chain(&["--default-scope", "tasks:read"]).chain(more).copied().collect();
        run(&seeds.app, &arguments)
    };
    for short in
        ["", &"a".repeat(31), "with a newline\ninside of the text", "in other letters: äöüäöüäöüäöüäöü"]
    {
        let (code, said) = add("old", &["--secret-file", &file("short", short)]);
        assert!(code == 2 && said.contains("client_secret must have 32"), "{said}");
    }
    let (code, said) = add("old", &["--secret-file", &file("secret", &format!("{secret}\n"))]);
    assert!(code == 0 && !said.contains(secret) && !said.contains("client_secret  "), "{said}");
    let (code, said) = add("pub", &["--public", "--secret-file", &file("secret", secret)]);
    assert!(code == 2, "{said}");
    let (code, said) = add("none", &["--secret-file", "/does/not/exist"]);
    assert!(code == 2 && said.contains("/does/not/exist"), "{said}");
    let keys = postern_token_verifier::testing::Issuer::new("client");
    let jwks = file("jwks.json", &keys.jwks().to_string());
    let (code, said) = add("signer", &["--auth-method", "private_key_jwt", "--jwks", &jwks]);
    assert!(code == 0 && !said.contains("client_secret  "), "{said}");
    let shown = json_of(&seeds.app, &["client", "show", "signer"]);
    assert_eq!(shown["jwks"], keys.jwks());
    let (code, said) = add("other", &["--auth-method", "private_key_jwt"]);
    assert!(code == 2 && said.contains("jwks must hold the public keys"), "{said}");

    let (code, said) =
        add("hmac", &["--auth-method", "client_secret_jwt", "--secret-file", &file("secret", secret)]);
    assert!(code == 0 && !said.contains(secret), "{said}");

    seeds.app.app.reload(postern_identity::clients::TOPIC).await.unwrap();
    let form = [("grant_type", "client_credentials")];
    assert_eq!(seeds.post_as("old", secret, "/oauth2/token", &form).await.status, 200);
    assert_eq!(seeds.post_as("old", &secret[1..], "/oauth2/token", &form).await.status, 401);
    let signed = client_assertions::under_secret(&seeds, "hmac", secret, "one");
    assert_eq!(client_assertions::present(&seeds.app, &signed).await.status, 200);
}
