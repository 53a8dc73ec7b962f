//! `postern client add --preset`: what each preset sets, and that what it prints works against the provider.

use std::collections::BTreeSet;

use postern_identity::clients::TOPIC;
use serde_json::{Value, json};

use crate::{
    commands::Ended,
    flow::{Ask, CHALLENGE, VERIFIER, waits_on},
    seeds::basic,
    support::{ISSUER, TestApp, form_request},
};

const STACKS: [&str; 9] =
    ["web", "spa", "native", "nextjs", "spring", "django", "fastapi", "apache", "oauth2-proxy"];

fn run(app: &TestApp, arguments: &[&str]) -> Ended {
    app.command(arguments).output().unwrap().into()
}

async fn add(app: &TestApp, client_id: &str, more: &[&str]) -> Value {
    let arguments = [&["client", "add", client_id, "--json"], more].concat();
    let added = serde_json::from_str(&run(app, &arguments).succeeded()).unwrap();
    app.app.reload(TOPIC).await.unwrap();
    added
}

fn show(app: &TestApp, client_id: &str) -> Value {
    serde_json::from_str(&run(app, &["client", "show", client_id, "--json"]).succeeded()).unwrap()
}

fn text(value: &Value) -> String {
    value.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn what_each_preset_prints_signs_a_person_in() {
    let app = TestApp::new().await;
    for stack in STACKS {
        let client_id = &*format!("my-{stack}");
        let added = add(&app, client_id, &["--preset", stack]).await;
        let (snippet, shown) = (added["snippet"].as_str().unwrap(), show(&app, client_id));
        let (redirect_uri, scope) = (shown["redirect_uris"][0].as_str().unwrap(), text(&shown["scopes"]));
        for part in [ISSUER, client_id, redirect_uri, scope.split(' ').next().unwrap()] {
            assert!(snippet.contains(part), "{part} is not in the snippet of {stack}: {snippet}");
        }
        for placeholder in ["{{", "}}", "{%", "undefined"] {
            assert!(!snippet.contains(placeholder), "{placeholder} in the snippet of {stack}: {snippet}");
        }
        assert_eq!(shown["profile"], "standard");
        let public = ["spa", "native"].contains(&stack);
        assert_eq!(added["client_secret"].is_string(), !public, "{stack}");
        if let Some(secret) = added["client_secret"].as_str() {
            assert!(!snippet.contains(secret), "the secret is shown once: {snippet}");
        }
        let refreshes = text(&shown["grant_types"]).contains("refresh_token");
        assert_eq!(scope.contains("offline_access"), refreshes, "{stack}: {scope}");

        let browser = app.browser();
        browser.sign_in(app.alice()).await;
        let ask = Ask::of(client_id).with("redirect_uri", redirect_uri).with("scope", &scope);
        let handle = waits_on(&browser.get(&ask.path()).await, "/consent");
        let page = browser.get(&format!("/consent?request={handle}")).await;
        let form_token =
            page.body.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let form = [("request", handle.as_str()), ("form_token", form_token), ("answer", "allow")];
        let answer = browser.post("/consent", &form).await;
        let answer = browser.get(answer.header("location")).await;
        let location = url::Url::parse(answer.header("location")).unwrap();
        assert!(answer.header("location").starts_with(redirect_uri), "{stack}: {answer:?}");
        let code = location.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", VERIFIER),
        ];
        if public {
            form.push(("client_id", client_id));
        }
        let mut request = form_request("/oauth2/token", &form);
        if let Some(secret) = added["client_secret"].as_str() {
            request.headers_mut().insert("authorization", basic(client_id, secret).parse().unwrap());
        }
        let answer = app.send(request).await;
        assert_eq!(answer.status, 200, "{stack}: {}", answer.body);
        assert_eq!(answer.json::<Value>()["refresh_token"].is_string(), refreshes, "{stack}");
    }
    assert!(!CHALLENGE.is_empty());
}

#[tokio::test]
async fn a_service_gets_a_token_by_the_command_that_is_printed() {
    let app = TestApp::new().await;
    run(&app, &["client", "add", "worker", "--preset", "service"]).failed(2, "--scope");
    let added = add(&app, "worker", &["--preset", "service", "--scope", "tasks:read notes:read"]).await;
    let snippet = added["snippet"].as_str().unwrap();
    assert!(snippet.contains(&format!("{ISSUER}/oauth2/token")), "{snippet}");
    assert!(snippet.contains("scope=tasks:read notes:read"), "{snippet}");
    for form in [
        &[("grant_type", "client_credentials"), ("scope", "tasks:read notes:read")][..],
        &[("grant_type", "client_credentials")],
    ] {
        let mut request = form_request("/oauth2/token", form);
        let header = basic("worker", added["client_secret"].as_str().unwrap());
        request.headers_mut().insert("authorization", header.parse().unwrap());
        let answer = app.send(request).await;
        assert_eq!(answer.json::<Value>()["scope"], "tasks:read notes:read", "{}", answer.body);
    }
}

#[tokio::test]
async fn explicit_flags_and_the_address_of_the_app_win_over_the_preset() {
    let app = TestApp::new().await;
    let based = ["--preset", "nextjs", "--base-url", "https://app.example.com/"];
    let added = add(&app, "based", &based).await;
    let uri = "https://app.example.com/api/auth/callback/postern";
    let shown = show(&app, "based");
    assert_eq!(shown["redirect_uris"], json!([uri]));
    assert_eq!(shown["post_logout_redirect_uris"], json!(["https://app.example.com/"]));
    assert!(added["snippet"].as_str().unwrap().contains("AUTH_URL=https://app.example.com\n"));

    let flags = [
        "--preset",
        "web",
        "--redirect-uri",
        "https://app.example.com/oidc/cb",
        "--scope",
        "openid",
        "--grant-type",
        "authorization_code",
        "--auth-method",
        "client_secret_post",
        "--profile",
        "strict",
        "--post-logout-redirect-uri",
        "https://app.example.com/bye",
    ];
    let added = add(&app, "explicit", &flags).await;
    let shown = show(&app, "explicit");
    assert_eq!(shown["redirect_uris"], json!(["https://app.example.com/oidc/cb"]));
    assert_eq!(shown["scopes"], json!(["openid"]));
    assert_eq!(shown["grant_types"], json!(["authorization_code"]));
    assert_eq!(shown["token_endpoint_auth_method"], "client_secret_post");
    assert_eq!(shown["profile"], "strict");
    assert_eq!(shown["post_logout_redirect_uris"], json!(["https://app.example.com/bye"]));
    let snippet = added["snippet"].as_str().unwrap();
    assert!(
        snippet.contains("https://app.example.com/oidc/cb") && snippet.contains("scope: 'openid',"),
        "{snippet}"
    );

    let no_refresh = ["--preset", "web", "--grant-type", "authorization_code"];
    add(&app, "no-refresh-now", &no_refresh).await;
    assert_eq!(show(&app, "no-refresh-now")["scopes"], json!(["openid", "profile", "email"]));
}

#[tokio::test]
async fn the_list_shows_what_each_sets_and_a_wrong_name_leads_there() {
    let app = TestApp::new().await;
    let list: Value =
        serde_json::from_str(&run(&app, &["client", "add", "--preset", "list", "--json"]).succeeded())
            .unwrap();
    let names: BTreeSet<_> =
        list.as_array().unwrap().iter().map(|one| one["preset"].as_str().unwrap()).collect();
    assert_eq!(names, STACKS.into_iter().chain(["service"]).collect());
    let text = run(&app, &["client", "add", "--preset", "list"]).succeeded();
    assert!(text.contains("http://localhost:8080/login/oauth2/code/postern"), "{text}");
    run(&app, &["client", "add", "x", "--preset", "rails"]).failed(2, "--preset list");
    run(&app, &["client", "add", "--preset", "web"]).failed(2, "CLIENT_ID");
    run(&app, &["client", "add", "x", "--base-url", "https://x.test"]).failed(2, "--preset");
    run(&app, &["client", "add", "x", "--preset", "web", "--base-url", "http://x.test"]).failed(2, "https");
    // A browser of another program gets the secret nowhere else than above the snippet.
    let text = run(&app, &["client", "add", "shown", "--preset", "oauth2-proxy"]).succeeded();
    assert_eq!(text.matches("client_secret  ").count(), 1, "{text}");
}
