//! Recovery codes that their owner has not said to keep: asked for again at the next sign-in, never more than once a session.

use std::time::Duration;

use crate::{
    fixtures::ALICE,
    flow::{Ask, World, code},
    person::{Page, enrol, open, totp},
    support::Browser,
};

const TITLE: &str = "Keep your recovery codes";

/// Signs alice in at a path by a mailed code and her authenticator, as the next person at this browser would.
async fn sign_in<'a>(world: &World, browser: &'a Browser<'a>, path: &str, key: &str) -> Page<'a> {
    world.app.clock.advance(Duration::from_mins(20));
    let second = open(browser, path).await.sign_in(ALICE).await;
    second.press("#login-submit", &[("code", &totp(&world.app, key))]).await
}

/// Sets up an authenticator, and leaves the page that shows the codes.
async fn leave_codes(world: &World, browser: &Browser<'_>) -> String {
    browser.sign_in(&world.alice).await;
    let page = open(browser, "/account/totp").await.press("#totp-begin", &[]).await;
    let key = page.text("#totp-key");
    page.press("#totp-confirm", &[("code", &totp(&world.app, &key))]).await;
    let account = open(browser, "/account").await;
    assert!(account.text("#account-recovery-codes").contains("Not kept"));
    assert!(account.click("#account-recovery-codes").await.has(".note.warn, #code"));
    account.press("#sign-out", &[]).await;
    key
}

#[tokio::test]
async fn who_left_before_keeping_them_is_asked_once_in_each_session() {
    let world = World::new().await;
    let browser = world.app.browser();
    let key = leave_codes(&world, &browser).await;
    let reminder = sign_in(&world, &browser, &Ask::of("own").path(), &key).await;
    assert_eq!(reminder.title(), TITLE);
    assert!(reminder.path.starts_with("/login/recovery-codes?request="), "{}", reminder.path);
    assert!(
        !code(&reminder.click("#recovery-codes-later").await.answer).is_empty(),
        "one press, and on to the app"
    );
    let again = open(&browser, &Ask::of("own").with("prompt", "none").path()).await;
    assert!(!code(&again.answer).is_empty(), "not asked again in this session");
    let elsewhere = open(&browser, &Ask::of("rp").path()).await;
    assert_eq!(elsewhere.title(), "Allow rp?");
    open(&browser, "/account").await.press("#sign-out", &[]).await;

    let reminder = sign_in(&world, &browser, &Ask::of("own").path(), &key).await;
    let shown = reminder.press("#recovery-codes-renew", &[]).await;
    assert!(shown.has("#recovery-codes li"));
    let arrived = shown.press("#recovery-codes-kept", &[]).await;
    assert!(!code(&arrived.answer).is_empty(), "on to the app");
    let account = open(&browser, "/account").await;
    assert!(!account.text("#account-recovery-codes").contains("Not kept"));
    account.press("#sign-out", &[]).await;
    assert!(!code(&sign_in(&world, &browser, &Ask::of("own").path(), &key).await.answer).is_empty());
}

#[tokio::test]
async fn a_code_that_was_used_was_kept() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let page = open(&browser, "/account/totp").await.press("#totp-begin", &[]).await;
    let key = page.text("#totp-key");
    let shown = page.press("#totp-confirm", &[("code", &totp(&world.app, &key))]).await;
    let recovery_code = shown.text("#recovery-codes li");
    open(&browser, "/account").await.press("#sign-out", &[]).await;
    world.app.clock.advance(Duration::from_mins(20));
    let second = open(&browser, "/login?to=account").await.sign_in(ALICE).await;
    let choice = second.click("#login-lost").await;
    let by_code = choice.press("#login-recovery-code", &[]).await;
    let account = by_code.press("#login-submit", &[("code", &recovery_code)]).await;
    assert_eq!(account.path, "/account");
}

#[tokio::test]
async fn a_page_of_an_older_set_does_not_keep_the_newer_one() {
    let world = World::new().await;
    let browser = world.app.browser();
    let key = leave_codes(&world, &browser).await;
    let reminder = sign_in(&world, &browser, "/login?to=account", &key).await;
    let older = reminder.press("#recovery-codes-renew", &[]).await;
    world.app.clock.advance(Duration::from_secs(1));
    reminder.press("#recovery-codes-renew", &[]).await;
    let account = older.press("#recovery-codes-kept", &[]).await;
    assert_eq!(account.path, "/account");
    assert!(account.text("#account-recovery-codes").contains("Not kept"));
}

#[tokio::test]
async fn nobody_else_sees_the_reminder() {
    let world = World::new().await;
    let browser = world.app.browser();
    assert_eq!(open(&browser, "/login/recovery-codes").await.path, "/login?to=account");
    browser.sign_in(&world.alice).await;
    enrol(&browser).await;
    assert_eq!(open(&browser, "/login/recovery-codes").await.path, "/account", "her codes are kept");
    let elsewhere = open(&browser, "/login/recovery-codes?request=https://evil.example&to=//evil").await;
    assert_eq!(elsewhere.path, "/account");
}
