//! What every answer carries, what the assets carry, and what operators may override.

use std::fs;

use poem::{
    Request,
    http::{HeaderValue, StatusCode, header},
};

use crate::{
    flow::{Ask, World, told},
    person::open,
    support::{Answer, TestApp},
};

/// An https issuer, as in production.
const HTTPS: &[(&str, &str)] = &[("POSTERN_ISSUER", "https://id.example.test")];

async fn asset_path(test: &TestApp, name: &str) -> String {
    test.app.templates.assets().path(name).unwrap()
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let test = TestApp::with(HTTPS).await;
    let stylesheet = asset_path(&test, "postern.css").await;
    for path in [stylesheet.as_str(), "/assets/x/nothing.css", "/nothing"] {
        let answer = test.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(
            answer.header("strict-transport-security"),
            "max-age=31536000; includeSubDomains",
            "{path}"
        );
        assert_eq!(answer.header("server"), "", "{path}");
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        for weak in ["unsafe-inline", "unsafe-eval", "*", "http:"] {
            assert!(!policy.contains(weak), "{path}: {policy}");
        }
    }
}

/// Chromium applies `form-action` to every redirect that follows a form, and an opener policy, also on a redirect, takes a
/// popup away from the app that opened it.
fn lets_the_app_have_its_browser_back(answer: &Answer) {
    assert_eq!(answer.header("cross-origin-opener-policy"), "", "{answer:?}");
    let policy = answer.header("content-security-policy");
    assert!(!policy.contains("form-action"), "{policy}");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
}

#[tokio::test]
async fn a_sign_in_for_an_app_stands_in_nobodys_way_from_begin_to_end() {
    let world = World::new().await;
    let browser = world.app.browser();
    let begun = browser.get(&Ask::of("rp").path()).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER);
    lets_the_app_have_its_browser_back(&begun);
    lets_the_app_have_its_browser_back(
        &world.app.post_form("/oauth2/authorize", &Ask::of("rp").form()).await,
    );
    let login = open(&browser, begun.header("location")).await;
    lets_the_app_have_its_browser_back(&login.answer);
    lets_the_app_have_its_browser_back(&login.click("#login-register").await.answer);
    let code_page = login.press("#login-submit", &[("identifier", "alice@example.test")]).await;
    lets_the_app_have_its_browser_back(&code_page.answer);
    let wrong = code_page.press("#login-submit", &[("code", "0000 0000")]).await;
    assert_eq!(wrong.answer.status, StatusCode::BAD_REQUEST);
    lets_the_app_have_its_browser_back(&wrong.answer);
    let code = world.app.code_for("alice@example.test").await;
    let consent = wrong.press("#login-submit", &[("code", &code)]).await;
    lets_the_app_have_its_browser_back(&consent.answer);
    let answered = consent.press("#consent-allow", &[]).await.answer;
    assert!(told(&answered).contains_key("code"));
    lets_the_app_have_its_browser_back(&answered);
}

#[tokio::test]
async fn neither_do_registration_recovery_sign_out_and_what_is_refused_on_the_way() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    for path in [
        "/register",
        "/register?sent=yes",
        "/verify-email?token=x",
        "/forgot-password",
        "/forgot-password?sent=yes",
        "/reset-password?token=x",
        "/oauth2/logout",
        "/logged-out",
        "/account/restore",
        "/login?request=unknown",
        "/login/verify",
        "/consent?request=unknown",
        &Ask::of("nobody").path(),
        &Ask::of("rp").with("redirect_uri", "https://evil.test").path(),
    ] {
        lets_the_app_have_its_browser_back(&browser.get(path).await);
    }
    for path in ["/login", "/consent", "/register", "/verify-email", "/reset-password", "/oauth2/logout"] {
        lets_the_app_have_its_browser_back(&browser.post(path, &[("form_token", "x")]).await);
    }
}

#[tokio::test]
async fn pages_of_ones_own_keep_their_forms_and_their_window_to_themselves() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    for path in
        ["/account", "/account/profile", "/account/passkeys", "/account/sessions", "/errors/7k2m9qxw4hd0t5vz"]
    {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert!(answer.header("content-security-policy").contains("form-action 'self'"), "{path}");
    }
    for path in ["/account/nothing", "/docs", "/openapi.json", "/health/live"] {
        assert_eq!(browser.get(path).await.header("cross-origin-opener-policy"), "same-origin", "{path}");
    }
    assert!(browser.get("/docs").await.header("content-security-policy").contains("form-action 'none'"));
}

#[tokio::test]
async fn a_loopback_issuer_over_http_promises_no_https() {
    let test = TestApp::new().await;
    assert_eq!(test.get("/nothing").await.header("strict-transport-security"), "");
}

/// The promise would hold for every port of `localhost`.
#[tokio::test]
async fn a_loopback_issuer_over_https_promises_no_https() {
    for issuer in ["https://localhost:7117", "https://127.0.0.1:7117"] {
        let test = TestApp::with(&[("POSTERN_ISSUER", issuer)]).await;
        assert_eq!(test.get("/nothing").await.header("strict-transport-security"), "", "{issuer}");
    }
}

#[tokio::test]
async fn an_asset_is_kept_for_ever_under_the_hash_of_its_content() {
    let test = TestApp::new().await;
    let path = asset_path(&test, "postern.css").await;
    let answer = test.get(&path).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");

    let mut again = Request::builder().uri(path.parse().unwrap()).finish();
    let etag = HeaderValue::from_str(answer.header("etag")).unwrap();
    again.headers_mut().insert(header::IF_NONE_MATCH, etag);
    assert_eq!(test.send(again).await.status, StatusCode::NOT_MODIFIED);

    let other_version = test.get("/assets/0123456789abcdef/postern.css").await;
    assert_eq!(other_version.status, StatusCode::OK);
    assert_eq!(other_version.header("cache-control"), "public, no-cache");
    assert_eq!(test.get("/assets/x/..%2f..%2flayout.html").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_error_page_says_what_to_do_and_nothing_of_the_inside() {
    let test = TestApp::new().await;
    let answer = test.get("/assets/x/nothing.css").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.body.contains("There is nothing here") && answer.body.contains("error-way-on"));
    assert!(!answer.body.contains("poem") && !answer.body.contains("nothing.css"));
}

#[tokio::test]
async fn an_operators_files_take_the_place_of_ours_and_a_change_is_seen_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for sub in ["pages", "messages", "assets"] {
        fs::create_dir(folder.path().join(sub)).unwrap();
    }
    fs::write(folder.path().join("messages/en.ftl"), "error-not-found = Nothing of Acme's here\n").unwrap();
    fs::write(folder.path().join("messages/de.ftl"), "error-not-found = Hier ist nichts\n").unwrap();
    fs::write(folder.path().join("assets/postern.css"), "/* Acme */").unwrap();
    let test = TestApp::with(&[("POSTERN_PAGES__TEMPLATES", folder.path().to_str().unwrap())]).await;
    let missing = "/assets/x/nothing.css";
    assert!(test.get(missing).await.body.contains("Nothing of Acme's here"));
    assert_eq!(test.get(&asset_path(&test, "postern.css").await).await.body, "/* Acme */");

    let mut german = Request::builder().uri(missing.parse().unwrap()).finish();
    german.headers_mut().insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static("de-AT,de;q=0.9,en;q=0.5"));
    let german = test.send(german).await.body;
    assert!(german.contains("Hier ist nichts") && german.contains("<html lang=\"de\""), "{german}");

    let page = folder.path().join("pages/error.html");
    fs::write(&page, "<p>Acme says: {{ title }}</p>").unwrap();
    assert!(test.get(missing).await.body.contains("Acme says: Nothing of Acme's here"));
    fs::write(&page, "{{ not_there }} still being written").unwrap();
    let broken = test.get(missing).await;
    assert!(broken.body.contains("<h1>Nothing of Acme's here</h1>"), "a mistake must not take the page away");
    fs::remove_file(&page).unwrap();
    assert!(test.get(missing).await.body.contains("<h1>Nothing of Acme's here</h1>"));
}

#[tokio::test]
async fn where_nothing_is_a_person_gets_a_page_and_a_program_a_problem() {
    let test = TestApp::new().await;
    let mut person = Request::builder().uri("/nothing".parse().unwrap()).finish();
    person.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("text/html,*/*;q=0.8"));
    let page = test.send(person).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.body.contains("There is nothing here") && page.body.contains("id=\"reference\""));
    let program = test.get("/nothing").await;
    assert_eq!(program.status, StatusCode::NOT_FOUND);
    assert_eq!(program.header("content-type"), "application/problem+json");
}
