//! How good a new password would be, told while it is typed: by the rules that decide when it is set.

use postern_identity::{
    accounts::{
        invitations,
        recovery::{self, ResetRequest},
    },
    core::RequestContext,
    passwords::breached::build::{DumpFormat, build},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    person::open,
    support::{Answer, Browser, TestApp},
};

const GOOD: &str = "seven brass lamps upstream";
const CAROL: &str = "carol@example.test";

/// What the script of a page sends, and what it is told.
async fn ask(browser: &Browser<'_>, path: &str, more: &[(&str, &str)]) -> Answer {
    let page = open(browser, path).await;
    let token = page.attribute("input[name=form_token]", "value");
    let fields: Vec<_> = [("form_token", token.as_str())].into_iter().chain(more.iter().copied()).collect();
    browser.post("/password/strength", &fields).await
}

async fn told(browser: &Browser<'_>, path: &str, more: &[(&str, &str)]) -> (u64, String, String) {
    let answer = ask(browser, path, more).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store");
    let told: Value = answer.json();
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    (told["score"].as_u64().unwrap(), text("word"), text("hint"))
}

/// What the newest mailed link carries.
async fn newest_token(app: &TestApp) -> String {
    app.run_jobs().await;
    let link = app.inbox.newest_first()[0].link.clone().unwrap();
    link.rsplit_once('=').unwrap().1.to_owned()
}

#[tokio::test]
async fn what_would_be_refused_is_told_while_it_is_typed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("breached");
    build("a violet tram in wet gravel\n".as_bytes(), DumpFormat::Plain, &file, |_| ()).unwrap();
    let app = TestApp::with(&[("POSTERN_PASSWORD__BREACHED_FILE", file.to_str().unwrap())]).await;
    let browser = app.browser();
    for (password, word, hint) in [
        ("kx9 Vq2 mZp4t", "Weak.", "Use at least 15 characters."),
        ("passwordpassword", "Very weak.", "easy to guess"),
        ("Carol Clark Carol Clark", "Very weak.", "your address, your name"),
        ("a violet tram in wet gravel", "Very weak.", "known from a data breach"),
        (&"lamps ".repeat(50), "Very weak.", "at most 256 characters"),
        (GOOD, "Very good.", ""),
    ] {
        let fields = [("email", CAROL), ("name", "Carol Clark"), ("password", password)];
        let (score, told_word, told_hint) = told(&browser, "/register", &fields).await;
        assert_eq!((score >= 3, told_word.as_str()), (hint.is_empty(), word), "{password}");
        assert!(
            told_hint.contains(hint) && told_hint.is_empty() == hint.is_empty(),
            "{password}: {told_hint}"
        );
        assert!(!told_hint.contains(password));
        let refused = open(&browser, "/register").await.press("#register-submit", &fields).await;
        assert_eq!(refused.has("#password-error"), !hint.is_empty(), "the form says the same of {password}");
    }
    browser.speaks("de");
    let (_, word, _) = told(&browser, "/register", &[("email", ""), ("password", "123")]).await;
    assert_eq!(word, "Sehr schwach.");
}

#[tokio::test]
async fn ones_own_account_is_known_by_its_session_or_by_its_link() {
    let app = TestApp::new().await;
    let user = app.user("alice.adams@example.test").await;
    let browser = app.browser();
    browser.sign_in(&user).await;
    let (_, _, hint) = told(&browser, "/account/password", &[("password", "alice-adams-example!")]).await;
    assert!(hint.contains("your address"), "{hint}");

    let elsewhere = app.browser();
    let page = open(&elsewhere, "/forgot-password").await;
    page.press("#forgot-submit", &[("email", "alice.adams@example.test")]).await;
    let fields = [("token", &*newest_token(&app).await), ("password", "alice-adams-example!")];
    let (_, _, hint) = told(&elsewhere, "/register", &fields).await;
    assert!(hint.contains("your address"), "{hint}");
    // The same when an app's request led to it.
    let context = RequestContext::of_command(&app.app);
    let forgot = ResetRequest {
        email: &user.email,
        authorization_request_id: Some(Uuid::from_u128(1)),
        browser_secret: None,
        device_secret: None,
    };
    recovery::request_reset(&app.app, forgot, &context).await.unwrap();
    let fields = [("token", &*newest_token(&app).await), ("password", "alice-adams-example!")];
    let (_, _, hint) = told(&elsewhere, "/register", &fields).await;
    assert!(hint.contains("your address"), "{hint}");
    invitations::invite(&app.app, "dave.dunn@example.test", &context).await.unwrap();
    let fields = [("invitation", &*newest_token(&app).await), ("password", "dave-dunn-example!")];
    let (_, _, hint) = told(&elsewhere, "/register", &fields).await;
    assert!(hint.contains("your address"), "{hint}");
    let unknown = ask(&elsewhere, "/register", &[("token", "x"), ("password", GOOD)]).await;
    assert_eq!(unknown.status, 400);
    let nobody = ask(&elsewhere, "/register", &[("password", GOOD)]).await;
    assert_eq!(nobody.status, 400, "whose would it be?");
}

#[tokio::test]
async fn nobody_is_told_where_nobody_may_set_a_password() {
    for (mode, title) in [("closed", "Nobody can register here"), ("invitation", "invitation")] {
        let app = TestApp::with(&[("POSTERN_REGISTRATION__MODE", mode)]).await;
        let browser = app.browser();
        let stranger = ask(&browser, "/login?to=account", &[("email", CAROL), ("password", GOOD)]).await;
        assert_eq!(stranger.status, 403, "{title}: {}", stranger.body);
        let used_up = [("invitation", "x"), ("password", GOOD)];
        assert_ne!(ask(&browser, "/login?to=account", &used_up).await.status, 200, "{mode}");
    }
}

#[tokio::test]
async fn an_address_that_has_an_account_is_judged_as_one_that_has_none() {
    let app = TestApp::new().await;
    app.user(CAROL).await;
    let browser = app.browser();
    let known = told(&browser, "/register", &[("email", CAROL), ("password", GOOD)]).await;
    let unknown = told(&browser, "/register", &[("email", "dave@example.test"), ("password", GOOD)]).await;
    assert_eq!(known, unknown);
}

#[tokio::test]
async fn it_answers_our_own_pages_only_and_so_often() {
    let app = TestApp::with(&[("POSTERN_LIMITS__STRENGTHS_PER_SOURCE", "3 per 1m per ip")]).await;
    let browser = app.browser();
    let fields = [("email", CAROL), ("password", GOOD)];
    assert_eq!(app.post_form("/password/strength", &fields).await.status, 403, "from nowhere");
    assert_eq!(
        browser.post("/password/strength", &fields).await.status,
        403,
        "without the token of its form"
    );
    for _ in 0..3 {
        assert_eq!(ask(&browser, "/register", &fields).await.status, 200);
    }
    let limited = ask(&browser, "/register", &fields).await;
    assert_eq!((limited.status.as_u16(), limited.header("retry-after")), (429, "60"));
    assert!(!limited.body.contains(GOOD));
    app.clock.advance(std::time::Duration::from_millis(500));
    let limited = ask(&browser, "/register", &fields).await;
    assert_eq!(limited.header("retry-after"), "60", "59.5 seconds are not 59");
    app.clock.advance(std::time::Duration::from_mins(1));
    assert_eq!(ask(&browser, "/register", &fields).await.status, 200);
    let register = open(&browser, "/register").await;
    assert_eq!(register.press("#register-submit", &fields).await.text("h1"), "Check your email");
}
