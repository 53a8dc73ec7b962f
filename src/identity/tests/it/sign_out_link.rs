//! The link in notices to the owner of an account: it signs out everywhere, and does nothing else.

use std::time::Duration;

use minijinja::context;
use postern_entities::{links, sessions as session_rows};
use postern_identity::{
    accounts::email_change, administration::users, core::RequestContext, jobs::housekeeping, mail, sessions,
};
use sea_orm::{ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _};

use serde_json::json;

use crate::{
    person::{Page, enrol, open},
    sign_in::{ALICE, SignIn},
    support::{Browser, ISSUER, TestApp},
};

const PASSWORD: &str = "seven brass lamps upstream";
/// The notices that carry the link.
const NOTICES: [&str; 10] = [
    "email-change-asked",
    "new-device",
    "passkey-added",
    "passkey-removed",
    "password-changed",
    "recovery-code-used",
    "recovery-codes",
    "second-step-failed",
    "totp-off",
    "totp-on",
];

/// The paths of the links that sign out, of all mails to this address, the newest first.
async fn sign_out_paths(app: &TestApp, email: &str) -> Vec<String> {
    app.run_jobs().await;
    let messages = app.inbox.newest_first();
    let to = messages.iter().filter(|message| message.to == email);
    let links = to.filter_map(|message| message.link.as_deref()?.strip_prefix(ISSUER).map(str::to_owned));
    links.filter(|path| path.starts_with("/sign-out-everywhere?token=")).collect()
}

/// Opens a link in a browser of nobody, and presses the button.
async fn press<'a>(browser: &'a Browser<'a>, path: &str) -> Page<'a> {
    let page = open(browser, path).await;
    if page.has("#sign-out-everywhere") { page.press("#sign-out-everywhere", &[]).await } else { page }
}

async fn live(sign_in: &SignIn) -> usize {
    sessions::live_of_user(&sign_in.app.app, sign_in.alice.id).await.unwrap().len()
}

#[tokio::test]
async fn the_way_to_a_new_password_survives_a_sign_out_by_a_notice() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    sign_in.tokens().await;
    open(&app.browser(), "/login?to=account").await.sign_in(ALICE).await;
    let sign_out = sign_out_paths(app, ALICE).await.remove(0);
    let owner = app.browser();
    open(&owner, "/forgot-password").await.press("#forgot-submit", &[("email", ALICE)]).await;
    app.run_jobs().await;
    let reset = app.inbox.newest_first().into_iter().find_map(|mail| mail.link).unwrap();
    assert_eq!(press(&owner, &sign_out).await.title(), "Signed out everywhere");
    assert!(open(&owner, reset.strip_prefix(ISSUER).unwrap()).await.has("#reset-submit"));
}

#[tokio::test]
async fn the_link_of_a_notice_ends_every_session_and_grant_and_leads_to_a_new_password() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let tokens = sign_in.tokens().await;
    let thief = app.browser();
    open(&thief, "/login?to=account").await.sign_in(ALICE).await;
    let path = sign_out_paths(app, ALICE).await.remove(0);

    let owner = app.browser();
    let page = open(&owner, &path).await;
    assert!(page.text("main").contains(ALICE), "whose account it is");
    assert!(live(&sign_in).await >= 2, "a scanner that opens the link ends nothing");
    let done = page.press("#sign-out-everywhere", &[]).await;
    assert_eq!(done.title(), "Signed out everywhere");
    assert_eq!(done.attribute("#done-sign-in", "href"), "/forgot-password");
    assert!(!done.has("#language"), "what a form did is not shown again");
    assert_eq!(live(&sign_in).await, 0);
    assert!(!open(&thief, "/account").await.has("#sign-out"), "the thief is out");
    assert!(!open(&owner, "/account").await.has("#sign-out"), "and nobody is in by the link");
    let body = json!({ "client_id": "app", "refresh_token": tokens["refresh_token"] });
    let refreshed = app.post_json("/api/auth/refresh", &body).await;
    assert_eq!(refreshed.status, 401, "{refreshed:?}");
    let causes = app.audited("session.ended").await;
    assert!(causes.iter().all(|details| details["because"] == "ended_by_mail"), "{causes:?}");
    assert_eq!(app.audited("access.ended").await.len(), 1);

    assert_eq!(press(&owner, &path).await.answer.status, 400, "once");
    assert_eq!(open(&app.browser(), "/login?to=account").await.sign_in(ALICE).await.path, "/account");
}

#[tokio::test]
async fn every_notice_about_the_ways_to_sign_in_has_time_device_and_link() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let browser = app.browser();
    open(&browser, "/login?to=account").await.sign_in(ALICE).await;
    open(&browser, "/account/password").await.press("#password-submit", &[("password", PASSWORD)]).await;
    enrol(&browser).await;
    for template in NOTICES {
        let link = "https://id.test/sign-out-everywhere?token=x";
        let (at, device, ip) = ("2026-01-01 00:00 UTC", "Firefox · Linux", "203.0.113.7");
        let values = context! { issuer => ISSUER, link => ISSUER, sign_out_link => link, at, device, ip };
        for language in ["en", "de"] {
            let mail = mail::compose(&app.app.templates, ALICE, template, language, values.clone()).unwrap();
            for said in [at, device, ip, "sign-out-everywhere?token=x"] {
                assert!(
                    mail.text.contains(said) && mail.html.replace("&#x2f;", "/").contains(said),
                    "{said} in {template}: {}",
                    mail.text
                );
            }
        }
    }
    assert_eq!(sign_out_paths(app, ALICE).await.len(), 3, "password, authenticator and its recovery codes");
}

#[tokio::test]
async fn no_change_that_a_thief_makes_ends_the_link_and_a_newer_one_ends_none() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    sign_in.tokens().await;
    let thief = app.browser();
    open(&thief, "/login?to=account").await.sign_in(ALICE).await;
    let first = sign_out_paths(app, ALICE).await.remove(0);
    open(&thief, "/account/password").await.press("#password-submit", &[("password", PASSWORD)]).await;
    let signed_in = app.signed_in(&sign_in.alice).await;
    let context = RequestContext::of_command(&app.app);
    email_change::request(&app.app, signed_in.principal(), "thief@example.test", &context).await.unwrap();
    app.run_jobs().await;
    let link = app
        .inbox
        .newest_first()
        .iter()
        .find_map(|message| message.link.clone().filter(|link| link.contains("/confirm-email?token=")));
    let token = link.unwrap().split_once('=').unwrap().1.to_owned();
    email_change::confirm(&app.app, signed_in.principal(), &token, &context).await.unwrap();

    assert!(live(&sign_in).await > 0);
    let owner = app.browser();
    assert_eq!(press(&owner, &first).await.title(), "Signed out everywhere");
    assert_eq!(live(&sign_in).await, 0);
    let of_former = links::Entity::find().filter(links::Column::Email.eq(ALICE));
    assert_eq!(of_former.count(app.app.db.reader()).await.unwrap(), 0, "no former email in the open");
}

#[tokio::test]
async fn of_presses_at_once_one_counts_and_the_link_ends_after_a_week_or_with_the_account() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    sign_in.tokens().await;
    open(&app.browser(), "/login?to=account").await.sign_in(ALICE).await;
    let path = sign_out_paths(app, ALICE).await.remove(0);
    let other = app.another_node().await;
    let presses = (0..4).map(async |press_number| {
        let node = if press_number % 2 == 0 { app } else { &other };
        press(&node.browser(), &path).await.answer.status.as_u16()
    });
    let statuses = futures_util::future::join_all(presses).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");

    open(&app.browser(), "/login?to=account").await.sign_in(ALICE).await;
    let path = sign_out_paths(app, ALICE).await.remove(0);
    let context = RequestContext::of_command(&app.app);
    users::disable(&app.app, &sign_in.alice, &context).await.unwrap();
    assert_eq!(open(&app.browser(), &path).await.answer.status, 400);
    users::enable(&app.app, &sign_in.alice, &context).await.unwrap();
    assert_eq!(open(&app.browser(), &path).await.answer.status, 200);
    app.clock.advance(Duration::from_hours(7 * 24 + 1));
    assert_eq!(open(&app.browser(), &path).await.answer.status, 400);
    housekeeping::remove_expired(&app.app).await.unwrap();
    let kept = links::Entity::find().filter(links::Column::Purpose.eq("sign_out"));
    assert_eq!(kept.count(app.app.db.reader()).await.unwrap(), 0);
}

#[tokio::test]
async fn an_account_keeps_a_bounded_number_of_links_and_the_newest_works() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    for _ in 0..53 {
        open(&app.browser(), "/login?to=account").await.sign_in(ALICE).await;
        app.clock.advance(Duration::from_hours(2));
    }
    let kept = links::Entity::find().filter(links::Column::Purpose.eq("sign_out"));
    assert_eq!(kept.count(app.app.db.reader()).await.unwrap(), 50);
    let newest = sign_out_paths(app, ALICE).await.remove(0);
    assert_eq!(press(&app.browser(), &newest).await.title(), "Signed out everywhere");
    let open = session_rows::Entity::find().filter(session_rows::Column::EndedAt.is_null());
    assert_eq!(open.count(app.app.db.reader()).await.unwrap(), 0);
}

#[tokio::test]
async fn the_page_speaks_german_too_and_without_passwords_it_leads_to_the_sign_in() {
    let sign_in = SignIn::with(&[("POSTERN_LOGIN__METHODS", "email-otp,totp")]).await;
    let app = &sign_in.app;
    sign_in.tokens().await;
    open(&app.browser(), "/login?to=account").await.sign_in(ALICE).await;
    let path = sign_out_paths(app, ALICE).await.remove(0);
    let browser = app.browser();
    browser.speaks("de");
    let done = press(&browser, &path).await;
    assert_eq!(done.title(), "Überall abgemeldet");
    assert_eq!(done.attribute("#done-sign-in", "href"), "/login?to=account");
}
