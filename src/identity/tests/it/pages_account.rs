//! One's own account, and where a sign-in without a client may lead.

use std::time::Duration;

use poem::http::StatusCode;

use crate::{
    flow::World,
    person::{enrol, open, totp},
};

#[tokio::test]
async fn the_account_asks_for_a_sign_in_and_returns() {
    let world = World::new().await;
    let browser = world.app.browser();
    let home = open(&browser, "/").await;
    let login = home.click("#home-sign-in").await;
    let account = login.sign_in("alice@example.test").await;
    assert_eq!(account.path, "/account");
    assert!(account.text("main").contains("alice@example.test"));
    assert_eq!(open(&browser, "/").await.path, "/account");
    assert_eq!(open(&browser, "/login?to=account").await.path, "/account", "nothing to ask");
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let secret = browser.cookie("postern-session").unwrap();
    let page = open(&browser, "/account").await.press("#sign-out", &[]).await;
    assert_eq!(page.title(), "You are signed out");
    assert!(browser.cookie("postern-session").is_none());
    browser.set_cookie("postern-session", &secret);
    assert!(open(&browser, "/account").await.path.starts_with("/login"), "the old cookie opens nothing");
    assert_eq!(world.app.events("session.ended").await.len(), 1);
}

#[tokio::test]
async fn no_parameter_leads_anywhere_else() {
    let world = World::new().await;
    let browser = world.app.browser();
    for to in [
        "https://evil.test",
        "//evil.test",
        "/\\evil.test",
        "/%09/evil.test",
        "https:evil.test",
        "totp/../..",
    ] {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("to", to), ("next", to), ("return_to", to), ("continue", to)])
            .finish();
        let login = open(&browser, &format!("/login?{query}")).await;
        assert!(!login.answer.body.contains("evil"), "{to}");
        let account = login.sign_in("alice@example.test").await;
        assert_eq!(account.path, "/account");
        account.press("#sign-out", &[]).await;
        world.app.clock.advance(Duration::from_secs(60 * 60));
    }
}

#[tokio::test]
async fn an_authenticator_is_set_up_by_its_first_code_and_removed_again() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let page = open(&browser, "/account").await.click("#account-totp").await;
    let page = page.press("#totp-begin", &[]).await;
    assert!(page.attribute("#totp-qr", "src").starts_with("data:image/png;base64,"));
    let key = page.text("#totp-key");
    assert_eq!(open(&browser, "/account/totp").await.text("#totp-key"), key, "a reload shows the same");

    let wrong = page.press("#totp-confirm", &[("code", "000000")]).await;
    assert_eq!(wrong.answer.status, StatusCode::BAD_REQUEST);
    assert!(wrong.text("#code-error").contains("your app shows now"));
    assert_eq!(wrong.text("#totp-key"), key);
    let done = wrong.press("#totp-confirm", &[("code", &totp(&world.app, &key))]).await;
    assert!(done.text(".note").contains("is set up"));
    assert!(!done.answer.body.contains(&key), "the key is not shown again");
    assert!(done.has("#recovery-codes li"), "the way back in is the last step: {}", done.answer.body);
    assert_eq!(done.press("#recovery-codes-kept", &[]).await.path, "/account");

    world.app.clock.advance(Duration::from_secs(60));
    let page = open(&browser, "/account/totp").await;
    assert_eq!(page.title(), "Confirm that it is you", "an old sign-in must show the new factor");
    let page = page.press("#login-submit", &[("code", &totp(&world.app, &key))]).await;
    assert_eq!(page.path, "/account/totp");
    let removed = page.press("#totp-remove", &[]).await;
    assert!(removed.text(".note").contains("turned off"));
    assert!(removed.click("#account-totp").await.has("#totp-begin"));
}

#[tokio::test]
async fn changing_how_one_signs_in_needs_a_fresh_sign_in() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    world.app.clock.advance(Duration::from_secs(16 * 60));
    let page = open(&browser, "/account/totp").await;
    assert_eq!(page.title(), "Sign in");
    assert_eq!(page.attribute("#identifier", "value"), "alice@example.test");
    let page = page.sign_in("alice@example.test").await;
    assert_eq!(page.path, "/account/totp");
    enrol(&browser).await;
}

#[tokio::test]
async fn the_home_says_how_the_account_is_protected_and_what_would_help() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let home = open(&browser, "/account").await;
    assert_eq!(home.text("#security-title"), "One thing would help");
    assert_eq!(home.attribute("#security-next", "href"), "/account/passkeys");
    assert!(home.text("#security").contains("Signed in on this device only"), "{}", home.text("#security"));
    assert!(!home.has("#security-elsewhere"));

    let elsewhere = world.app.browser();
    open(&elsewhere, "/login?to=account").await.sign_in("alice@example.test").await;
    let home = open(&browser, "/account").await;
    assert!(home.text("#security").contains("Signed in on 2 devices"));
    assert!(
        home.text("#security-elsewhere").ends_with("2026-01-01 00:00 UTC"),
        "{}",
        home.text("#security-elsewhere")
    );

    enrol(&browser).await;
    world.app.clock.advance(Duration::from_secs(60));
    let home = open(&browser, "/account").await;
    assert!(home.text("#security").contains("Authenticator app"), "{}", home.text("#security"));
    assert!(home.text("#security").contains("10 recovery codes left"), "{}", home.text("#security"));
    assert!(home.text("#account-recovery-codes").contains("10"));
}

#[tokio::test]
async fn where_nothing_can_be_added_nothing_is_asked_for() {
    let world = World::with(&[("POSTERN_LOGIN__METHODS", "email-otp")]).await;
    let browser = world.app.browser();
    browser.speaks("de");
    browser.sign_in(&world.alice).await;
    let home = open(&browser, "/account").await;
    assert_eq!(home.text("#security-title"), "Sicherheit Ihres Kontos");
    assert!(!home.has("#security-next"));
}
