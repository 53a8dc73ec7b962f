//! Activity, export, and the end of an account, as a person without scripts has them.

use std::{sync::Arc, time::Duration};

use poem::{Endpoint as _, Request, http::Method};
use postern_identity::{App, http};
use postern_service::random::Random;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    flow::{Ask, World, code},
    person::{enrol, open, totp},
    support::TestApp,
};

const ALICE: &str = "alice@example.test";

/// Everything that was mailed to alice, the newest first.
async fn subjects(app: &TestApp) -> Vec<String> {
    app.run_jobs().await;
    let messages = app.inbox.newest_first();
    messages.into_iter().filter(|message| message.to == ALICE).map(|message| message.subject).collect()
}

#[tokio::test]
async fn a_person_looks_at_what_happened_page_by_page() {
    let world = World::new().await;
    let browser = world.app.browser();
    let account = open(&browser, "/account").await.sign_in(ALICE).await;
    for _ in 0..20 {
        world.app.browser().sign_in(&world.alice).await;
        world.app.clock.advance(Duration::from_secs(1));
        open(&browser, "/account/sessions").await.press("#end-others", &[]).await;
    }
    let page = account.click("#account-activity").await;
    assert_eq!(page.title(), "Activity");
    assert!(
        page.text("#activity").starts_with("Signed out 2026-01-01 00:00 UTC"),
        "{}",
        page.text("#activity")
    );
    let older = page.click("#activity-older").await;
    assert!(older.text("#activity").contains("Account created"), "{}", older.text("#activity"));
    assert!(!older.has("#activity-older"));
    browser.speaks("de");
    assert!(open(&browser, "/account/activity").await.text("#activity").starts_with("Abgemeldet"));
    assert_eq!(browser.get("/account/activity?cursor=x").await.status, 400);
}

#[tokio::test]
async fn a_person_takes_the_data_along() {
    let world = World::new().await;
    let browser = world.app.browser();
    let page = open(&browser, "/account/data").await.sign_in(ALICE).await;
    assert_eq!(page.title(), "Your data");
    let file = page.press("#data-export", &[]).await.answer;
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"postern-account.json\"");
    assert_eq!(file.json::<Value>()["account"]["email"], ALICE);
    world.app.clock.advance(Duration::from_mins(16));
    assert_eq!(browser.get("/account/data").await.header("location"), "/login?to=data");
    let filled = page.fill("#data-export", &[]);
    let fields: Vec<_> = filled.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(browser.post("/account/data", &fields).await.header("location"), "/login?to=data");
}

#[tokio::test]
async fn a_person_deletes_the_account_and_keeps_it_after_all() {
    let world = World::new().await;
    let browser = world.app.browser();
    let page = open(&browser, "/account/delete").await.sign_in(ALICE).await;
    assert!(page.text("main").contains("2026-01-15 00:00 UTC"), "{}", page.text("main"));
    let closed = page.press("#delete-submit", &[]).await;
    assert_eq!(closed.title(), "Your account is closed");
    assert!(browser.cookie("postern-session").is_none());
    assert_eq!(subjects(&world.app).await[0], "Your account is closed");

    let offered = closed.click("#done-sign-in").await.sign_in(ALICE).await;
    assert_eq!(
        (offered.path.as_str(), offered.title().as_str()),
        ("/account/restore", "Your account is closed")
    );
    for path in ["/account", "/account/password", "/account/activity", "/account/data"] {
        let answer = browser.get(path).await;
        assert!(answer.header("location").starts_with("/login?to="), "{path} is open: {answer:?}");
    }
    let left = offered.press("#restore-no", &[]).await;
    assert_eq!(left.title(), "You are signed out");
    assert_eq!(browser.get("/account/restore").await.header("location"), "/login?to=restore");

    let offered = open(&browser, "/login?to=restore").await.sign_in(ALICE).await;
    let kept = offered.press("#restore-yes", &[]).await;
    assert_eq!(kept.path, "/account?done=restored");
    assert!(kept.text(".note").contains("You kept your account"));
    assert_eq!(subjects(&world.app).await[0], "Your account was kept");
    assert_eq!(open(&browser, "/account/restore").await.path, "/account", "nothing to keep");
    assert_eq!(world.app.events("account.restored").await.len(), 1);
}

#[tokio::test]
async fn keeping_the_account_needs_a_recent_sign_in_with_every_factor() {
    let world = World::new().await;
    let browser = world.app.browser();
    open(&browser, "/account").await.sign_in(ALICE).await;
    let key = enrol(&browser).await;
    world.app.clock.advance(Duration::from_secs(60));
    let step_up = open(&browser, "/account/delete").await;
    let page = step_up.press("#login-submit", &[("code", &totp(&world.app, &key))]).await;
    page.press("#delete-submit", &[]).await;
    world.app.clock.advance(Duration::from_secs(60));
    let second = open(&browser, "/login?to=account").await.sign_in(ALICE).await;
    assert_eq!(second.title(), "Confirm that it is you");
    assert_eq!(browser.get("/account/restore").await.header("location"), "/login?to=restore");
    let offered = second.press("#login-submit", &[("code", &totp(&world.app, &key))]).await;
    assert_eq!(offered.path, "/account/restore");
    let secret = browser.cookie("postern-session").unwrap();

    world.app.clock.advance(Duration::from_mins(16));
    let stale = offered.press("#restore-yes", &[]).await;
    assert!(stale.path.starts_with("/login"), "{}", stale.path);
    assert_eq!(world.app.events("account.restored").await.len(), 0);
    // The time is over, whoever still has the page.
    world.app.clock.advance(Duration::from_hours(14 * 24));
    browser.set_cookie("postern-session", &secret);
    assert!(offered.press("#restore-yes", &[]).await.path.starts_with("/login"));
    assert_eq!(world.app.events("account.restored").await.len(), 0);
}

#[tokio::test]
async fn a_client_gets_no_code_for_a_closed_account_and_its_request_goes_on_once_it_is_kept() {
    let world = World::new().await;
    let browser = world.app.browser();
    let page = open(&browser, "/account/delete").await.sign_in(ALICE).await;
    page.press("#delete-submit", &[]).await;
    let offered = open(&browser, &Ask::of("own").path()).await.sign_in(ALICE).await;
    assert!(offered.path.starts_with("/account/restore?request="), "{}", offered.path);
    assert!(!offered.answer.header("content-security-policy").contains("form-action"));
    let silent = browser.get(&Ask::of("own").with("prompt", "none").path()).await;
    assert!(silent.header("location").contains("error=login_required"), "{silent:?}");
    let returned = offered.press("#restore-yes", &[]).await;
    assert!(!code(&returned.answer).is_empty());
}

#[tokio::test]
async fn a_used_recovery_code_is_told_by_mail_in_the_language_of_the_owner() {
    let world = World::new().await;
    let browser = world.app.browser();
    open(&browser, "/account").await.sign_in(ALICE).await;
    let key = enrol(&browser).await;
    world.app.clock.advance(Duration::from_secs(60));
    let step_up = open(&browser, "/account/recovery-codes").await;
    let page = step_up.press("#login-submit", &[("code", &totp(&world.app, &key))]).await;
    let made = page.press("#recovery-codes-renew", &[]).await;
    let code = made.text("#recovery-codes li");
    let elsewhere = world.app.browser();
    elsewhere.speaks("de");
    let second = open(&elsewhere, "/account").await.sign_in(ALICE).await;
    let asked = second.click("#login-lost").await.press("#login-recovery-code", &[]).await;
    let wrong = asked.press("#login-submit", &[("code", "aaaaa-aaaaa")]).await;
    assert!(wrong.has("#code-error"));
    let told = "A recovery code of your account was used".to_owned();
    assert!(!subjects(&world.app).await.contains(&told));
    wrong.press("#login-submit", &[("code", &code)]).await;
    assert!(subjects(&world.app).await.contains(&told));
}

#[tokio::test]
async fn without_mail_nobody_is_told_that_a_link_was_sent() {
    let world = World::new().await;
    let parts = &world.app.app;
    let app = App::new(parts.config.clone(), parts.db.clone(), parts.clock.clone(), Random::seeded(9));
    let endpoint = Arc::new(http::serve::endpoint(&app.await.unwrap(), CancellationToken::new()).unwrap());
    let page = Request::builder().uri("/forgot-password".parse().unwrap()).finish();
    let page = endpoint.get_response(page).await;
    assert_eq!(page.status(), 403);
    assert!(page.into_body().into_string().await.unwrap().contains("A new password cannot be set here"));
    for email in [ALICE, "nobody@example.test"] {
        let forgot = Request::builder()
            .method(Method::POST)
            .uri("/api/auth/password/forgot".parse().unwrap())
            .content_type("application/json")
            .body(json!({ "client_id": "own", "email": email }).to_string());
        let answer = endpoint.get_response(forgot).await;
        assert_eq!(answer.status(), 403);
        let told: Value = serde_json::from_str(&answer.into_body().into_string().await.unwrap()).unwrap();
        assert_eq!(told["type"], "urn:postern:problem:no_mail");
    }
}

#[tokio::test]
async fn pages_that_belong_to_no_request_speak_the_language_asked_for() {
    let world = World::new().await;
    let browser = world.app.browser();
    let unknown =
        browser.get(&Ask::of("own").with("client_id", "x").with("ui_locales", "fr de-AT").path()).await;
    assert!(unknown.status == 400 && unknown.body.contains("Diese App kennen wir nicht"), "{}", unknown.body);
    let posted = Ask::of("own").with("client_id", "x").with("ui_locales", "de");
    let posted = browser.post("/oauth2/authorize", &posted.form()).await;
    assert!(posted.status == 400 && posted.body.contains("Diese App kennen wir nicht"), "{}", posted.body);
    assert!(browser.get("/logged-out?ui_locales=de").await.body.contains("Sie sind abgemeldet"));
    assert!(browser.get("/logged-out?ui_locales=ja").await.body.contains("You are signed out"));
    let out = browser.get("/oauth2/logout?ui_locales=de-CH").await;
    assert_eq!(out.header("location"), "/logged-out?ui_locales=de");
    assert_eq!(browser.get("/oauth2/logout").await.header("location"), "/logged-out");
    let metadata: Value = world.app.get("/.well-known/openid-configuration").await.json();
    assert_eq!(metadata["ui_locales_supported"], json!(["de", "en"]));
}
