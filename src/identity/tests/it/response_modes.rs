//! How authorization responses reach the client (OAuth 2.0 Multiple Response Type Encoding Practices, OAuth 2.0 Form
//! Post Response Mode).

use std::collections::BTreeMap;

use postern_identity::{
    administration::{
        clients,
        metadata::{ClientMetadataChange, PolicyChange},
    },
    clients::ClientAuthMethod,
    core::RequestContext,
};

use crate::{
    flow::{Ask, CALLBACK, World, error, list, resume, told, told_at, waits_on},
    person::{Filled, open},
    support::{Browser, ISSUER},
};

/// The form of a response by `form_post`: a page that no script has to run on.
async fn form(browser: &Browser<'_>, path: &str) -> Filled {
    let page = open(browser, path).await;
    assert_eq!(page.answer.status, 200, "{}", page.answer.body);
    assert!(page.answer.header("cache-control").contains("no-store"));
    assert_eq!(page.answer.header("referrer-policy"), "no-referrer");
    assert!(page.has("form[method=post] #back-to-app"), "{}", page.answer.body);
    page.fill("#back-to-app", &[])
}

#[tokio::test]
async fn a_response_comes_in_the_mode_that_the_request_names() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    for ask in [Ask::of("own"), Ask::of("own").with("response_mode", "query")] {
        let told = told(&browser.get(&ask.path()).await);
        assert_eq!((told["state"].as_str(), told.len()), ("a state", 3));
    }

    let by_fragment = browser.get(&Ask::of("own").with("response_mode", "fragment").path()).await;
    let location = by_fragment.header("location");
    let fragment = location.strip_prefix(CALLBACK).unwrap().strip_prefix('#').unwrap();
    let told: BTreeMap<_, _> = url::form_urlencoded::parse(fragment.as_bytes()).into_owned().collect();
    assert_eq!((told["state"].as_str(), told["iss"].as_str(), told.len()), ("a state", ISSUER, 3));
    assert_eq!(told["code"].len(), 64);

    let posted = form(&browser, &Ask::of("own").with("response_mode", "form_post").path()).await;
    assert_eq!(posted.action, CALLBACK);
    assert_eq!((posted.fields["state"].as_str(), posted.fields.len()), ("a state", 3));
    assert_eq!((posted.fields["iss"].as_str(), posted.fields["code"].len()), (ISSUER, 64));
}

#[tokio::test]
async fn a_registered_query_is_kept_in_every_mode() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let registered = "https://rp.test/cb2?x=%7e";
    let ask = |mode: &str| Ask::of("own").with("redirect_uri", registered).with("response_mode", mode);
    told_at(&browser.get(&ask("query").path()).await, registered);
    let by_fragment = browser.get(&ask("fragment").path()).await;
    assert!(by_fragment.header("location").starts_with("https://rp.test/cb2?x=%7e#code="));
    assert_eq!(form(&browser, &ask("form_post").path()).await.action, registered);
}

#[doc(alias = "oidcc-formpost-basic-certification-test-plan")]
#[tokio::test]
async fn an_error_comes_in_the_same_mode_as_a_code() {
    let world = World::new().await;
    let browser = world.app.browser();
    let ask = |mode: &str| Ask::of("own").with("prompt", "none").with("response_mode", mode);
    let by_fragment = browser.get(&ask("fragment").path()).await;
    assert!(by_fragment.header("location").starts_with("https://rp.test/cb#error=login_required&"));
    let posted = form(&browser, &ask("form_post").path()).await;
    assert_eq!(posted.fields["error"], "login_required");
    assert!(!posted.fields.contains_key("code"));

    // By POST too, and for a request that is itself wrong.
    let wrong = ask("form_post").with("prompt", "whatever");
    let answer = browser.post("/oauth2/authorize", &wrong.form()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("value=\"invalid_request\""), "{}", answer.body);
    assert_eq!(error(&browser.get(&ask("web_message").path()).await), "invalid_request");
}

#[tokio::test]
async fn what_a_client_sent_stays_text_in_the_form() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let state = "\"><script>alert(1)</script>";
    let ask = Ask::of("own").with("response_mode", "form_post").with("state", state);
    let page = open(&browser, &ask.path()).await;
    assert!(!page.answer.body.contains("<script>alert"), "{}", page.answer.body);
    assert_eq!(page.fill("#back-to-app", &[]).fields["state"], state);
}

#[tokio::test]
async fn a_browser_posts_no_form_to_the_scheme_of_an_app() {
    let world = World::new().await;
    let metadata = ClientMetadataChange {
        redirect_uris: list(&["com.example.app:/cb"]),
        token_endpoint_auth_method: Some(ClientAuthMethod::None),
        scopes: list(&["openid"]),
        ..ClientMetadataChange::default()
    };
    world.app.client("phone", metadata).await;
    let ask = Ask::of("phone").with("redirect_uri", "com.example.app:/cb").with("response_mode", "form_post");
    let told = told_at(&world.app.get(&ask.path()).await, "com.example.app:/cb");
    assert_eq!(told["error"], "invalid_request");
    assert!(told["error_description"].contains("form_post"), "{told:?}");
}

#[tokio::test]
async fn a_client_has_no_mode_that_its_policy_does_not_allow() {
    let world = World::new().await;
    let strict =
        ClientMetadataChange { profile: Some("strict".to_owned()), ..ClientMetadataChange::default() };
    let context = RequestContext::of_command(&world.app.app);
    clients::update(&world.app.app, "own", strict, &context).await.unwrap();
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    told(&browser.get(&Ask::of("own").path()).await);
    let ask = |mode: &str| Ask::of("own").with("response_mode", mode).path();
    assert!(form(&browser, &ask("form_post")).await.fields.contains_key("code"));
    // The error must not come in the mode that is not allowed.
    assert_eq!(error(&browser.get(&ask("fragment")).await), "invalid_request");
}

#[tokio::test]
async fn a_waiting_request_is_not_answered_in_a_mode_that_was_taken_away() {
    let world = World::new().await;
    let browser = world.app.browser();
    let begun = waits_on(&browser.get(&Ask::of("own").path()).await, "/login");
    browser.sign_in(&world.alice).await;
    let policy =
        PolicyChange { response_modes: Some(vec!["form_post".to_owned()]), ..PolicyChange::default() };
    let change = ClientMetadataChange { policy, ..ClientMetadataChange::default() };
    let context = RequestContext::of_command(&world.app.app);
    clients::update(&world.app.app, "own", change, &context).await.unwrap();
    let answer = browser.get(&resume(&begun)).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.headers.get("location").is_none(), "{answer:?}");
}
