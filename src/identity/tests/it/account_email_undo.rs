//! A change of email that was taken back: from the former mailbox, by who is signed in nowhere any more.

use std::time::Duration;

use postern_entities::{credentials, former_emails, links};
use postern_identity::{
    accounts::{AccountError, email_change, password},
    administration::users,
    core::RequestContext,
    jobs::housekeeping,
    users::{self as people, User},
};
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _};
use serde_json::json;

use crate::{
    person::{Page, open},
    sign_in::{ALICE, SignIn},
    support::{ISSUER, TestApp},
};

const THIEF: &str = "thief@example.test";
const SECOND: &str = "second@example.test";
const PASSWORD: &str = "seven brass lamps upstream";

/// The path of the newest link to this email that begins like this.
async fn mailed(app: &TestApp, email: &str, beginning: &str) -> String {
    app.run_jobs().await;
    let beginning = format!("{ISSUER}{beginning}");
    let messages = app.inbox.newest_first();
    let to = messages.iter().filter(|message| message.to == email);
    let link = to.filter_map(|message| message.link.as_deref()).find(|link| link.starts_with(&beginning));
    link.unwrap_or_else(|| panic!("no {beginning} for {email} in {messages:?}"))
        .strip_prefix(ISSUER)
        .unwrap()
        .to_owned()
}

/// Changes the email of an account as whoever is signed in to it, and answers where the former one can undo that.
async fn change(app: &TestApp, user: &User, email: &str) -> String {
    let now = &app.app;
    let context = RequestContext::of_command(now);
    let user = people::find(now.db.reader(), user.id).await.unwrap().unwrap();
    let signed_in = app.signed_in(&user).await;
    email_change::request(now, signed_in.principal(), email, &context).await.unwrap();
    let link = mailed(app, email, "/confirm-email?token=").await;
    email_change::confirm(now, signed_in.principal(), link.split_once('=').unwrap().1, &context)
        .await
        .unwrap();
    mailed(app, &user.email, "/undo-email-change?token=").await
}

/// Opens a link in a browser that nobody is signed in in, and presses the button.
async fn undo(app: &TestApp, path: &str) -> (u16, String) {
    let browser = app.browser();
    let page = open(&browser, path).await;
    if !page.has("#undo-submit") {
        return (page.answer.status.as_u16(), page.title());
    }
    let done: Page<'_> = page.press("#undo-submit", &[]).await;
    (done.answer.status.as_u16(), done.title())
}

async fn email_of(app: &TestApp, user: &User) -> String {
    people::find(app.app.db.reader(), user.id).await.unwrap().unwrap().email
}

async fn kept(app: &TestApp) -> u64 {
    former_emails::Entity::find().count(app.app.db.reader()).await.unwrap()
}

/// Makes every former email that of another account, as somebody might who writes into the database.
async fn give_to(app: &TestApp, user: &User) {
    let moved = former_emails::Entity::update_many().col_expr(former_emails::Column::UserId, user.id.into());
    app.app.db.write(async |tx| moved.exec(tx).await.map_err(DatabaseError::from)).await.unwrap();
}

#[tokio::test]
async fn the_former_mailbox_takes_a_change_back_and_ends_all_that_the_thief_has() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let token = sign_in.tokens().await;
    let thief = app.browser();
    thief.sign_in(&sign_in.alice).await;
    let path = change(app, &sign_in.alice, THIEF).await;
    assert_eq!(email_of(app, &sign_in.alice).await, THIEF);
    open(&thief, "/account/password").await.press("#password-submit", &[("password", PASSWORD)]).await;
    // A link to set another password is on its way to the thief.
    let body = json!({ "client_id": "app", "email": THIEF });
    app.post_json("/api/auth/password/forgot", &body).await;
    let reset_by_thief = mailed(app, THIEF, "/reset-password?token=").await;
    let sign_out_by_thief = mailed(app, THIEF, "/sign-out-everywhere?token=").await;

    // What looks through mail follows links, and changes nothing.
    for _ in 0..3 {
        assert_eq!(app.get(&path).await.status, 200);
    }
    assert_eq!(email_of(app, &sign_in.alice).await, THIEF);
    assert_eq!(undo(app, &path).await, (200, "The change is undone".to_owned()));
    let alice = people::find(app.app.db.reader(), sign_in.alice.id).await.unwrap().unwrap();
    assert_eq!((alice.email.as_str(), alice.email_verified), (ALICE, true));
    assert_eq!(open(&thief, "/account").await.path, "/login?to=account", "the thief's session ended");
    let me = app.get_as(token["access_token"].as_str().unwrap(), "/api/auth/me").await;
    assert_eq!(me.status, 401, "every grant ended");
    assert!(!password::has_password(&app.app, &alice).await.unwrap(), "the thief's password is gone");
    assert_eq!(open(&app.browser(), &reset_by_thief).await.answer.status, 400);
    assert_eq!(
        open(&app.browser(), &sign_out_by_thief).await.answer.status,
        400,
        "it would end the owner's sign-in"
    );
    assert_eq!(app.audited("email.change_undone").await.len(), 1);
    app.run_jobs().await;
    let told = app.inbox.newest_first();
    let told = told.iter().find(|message| message.to == THIEF).unwrap();
    assert_eq!(told.subject, "Your email was removed from an account");
    assert_eq!(told.link, None, "it says nothing but that");

    // The way on: a new password, and an account again.
    let browser = app.browser();
    let reset = open(&browser, &mailed(app, ALICE, "/reset-password?token=").await).await;
    reset.press("#reset-submit", &[("password", "eight brass lamps upstream")]).await;
    let body = json!({ "client_id": "app", "email": ALICE, "password": "eight brass lamps upstream" });
    assert_eq!(app.post_json("/api/auth/login", &body).await.status, 200);
    assert_eq!(undo(app, &path).await, (400, "This link does not work any more".to_owned()), "once");
}

#[tokio::test]
async fn what_was_set_up_since_shortly_before_the_change_goes_and_what_is_older_stays() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    sign_in.enrol().await;
    app.clock.advance(Duration::from_hours(8 * 24));
    let path = change(app, &sign_in.alice, THIEF).await;
    undo(app, &path).await;
    let of_alice = || credentials::Entity::find().filter(credentials::Column::UserId.eq(sign_in.alice.id));
    assert_eq!(of_alice().count(app.app.db.reader()).await.unwrap(), 1, "her authenticator is hers");

    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    sign_in.enrol().await;
    let path = change(app, &sign_in.alice, THIEF).await;
    undo(app, &path).await;
    let left = credentials::Entity::find().count(app.app.db.reader()).await.unwrap();
    assert_eq!(left, 0, "it may be the thief's");
}

#[tokio::test]
async fn of_several_changes_the_first_owner_has_the_last_word() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let to_alice = change(app, &sign_in.alice, THIEF).await;
    app.clock.advance(Duration::from_mins(20));
    let to_thief = change(app, &sign_in.alice, SECOND).await;
    app.clock.advance(Duration::from_mins(20));
    assert_eq!(undo(app, &to_thief).await.0, 200);
    assert_eq!(email_of(app, &sign_in.alice).await, THIEF);
    assert_eq!(undo(app, &to_alice).await.0, 200);
    assert_eq!(email_of(app, &sign_in.alice).await, ALICE);

    app.clock.advance(Duration::from_mins(20));
    let to_alice = change(app, &sign_in.alice, THIEF).await;
    app.clock.advance(Duration::from_mins(20));
    let to_thief = change(app, &sign_in.alice, SECOND).await;
    assert_eq!(undo(app, &to_alice).await.0, 200);
    assert_eq!(email_of(app, &sign_in.alice).await, ALICE);
    assert_eq!(undo(app, &to_thief).await.0, 400, "a later change has nothing left to undo");
    assert_eq!(email_of(app, &sign_in.alice).await, ALICE);
    assert_eq!(kept(app).await, 0);
}

#[tokio::test]
async fn the_link_of_an_earlier_change_works_as_long_as_those_of_later_ones() {
    let sign_in = SignIn::with(&[("POSTERN_REGISTRATION__EMAIL_UNDO_LIFETIME", "2d")]).await;
    let app = &sign_in.app;
    let to_alice = change(app, &sign_in.alice, THIEF).await;
    app.clock.advance(Duration::from_hours(40));
    let to_thief = change(app, &sign_in.alice, SECOND).await;
    app.clock.advance(Duration::from_hours(20));
    assert_eq!(undo(app, &to_thief).await.0, 200, "the thief's mailbox takes the account");
    assert_eq!(undo(app, &to_alice).await.0, 200, "and the first owner answers");
    assert_eq!(email_of(app, &sign_in.alice).await, ALICE);
}

#[tokio::test]
async fn a_change_never_shortens_an_earlier_link() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    change(app, &sign_in.alice, THIEF).await;
    // As a longer setting left it.
    let expires_at = Timestamp::from_micros(i64::MAX / 2);
    let lengthened =
        former_emails::Entity::update_many().col_expr(former_emails::Column::ExpiresAt, expires_at.into());
    app.app.db.write(async |tx| lengthened.exec(tx).await.map_err(DatabaseError::from)).await.unwrap();
    change(app, &sign_in.alice, SECOND).await;
    let rows = former_emails::Entity::find().all(app.app.db.reader()).await.unwrap();
    assert_eq!(rows.iter().filter(|row| row.expires_at == expires_at).count(), 1, "{rows:?}");
}

#[tokio::test]
async fn an_account_has_at_most_twenty_undo_links() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    for number in 0..20 {
        app.clock.advance(Duration::from_hours(24));
        change(app, &sign_in.alice, &format!("a{number}@example.test")).await;
    }
    let user = people::find(app.app.db.reader(), sign_in.alice.id).await.unwrap().unwrap();
    let signed_in = app.signed_in(&user).await;
    let context = RequestContext::of_command(&app.app);
    email_change::request(&app.app, signed_in.principal(), "last@example.test", &context).await.unwrap();
    let link = mailed(app, "last@example.test", "/confirm-email?token=").await;
    let token = link.split_once('=').unwrap().1;
    let refused = email_change::confirm(&app.app, signed_in.principal(), token, &context).await;
    assert!(matches!(refused, Err(AccountError::TooManyChanges { .. })), "{refused:?}");
    assert_eq!(kept(app).await, 20);
    assert_eq!(email_of(app, &sign_in.alice).await, "a19@example.test");
}

#[tokio::test]
async fn of_presses_at_once_one_counts() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let path = change(app, &sign_in.alice, THIEF).await;
    let other = app.another_node().await;
    let presses = (0..6).map(|press| undo(if press % 2 == 0 { app } else { &other }, &path));
    let answers = futures_util::future::join_all(presses).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 200).count(), 1, "{answers:?}");
    assert_eq!(app.audited("email.change_undone").await.len(), 1);
}

#[tokio::test]
async fn an_email_that_another_account_has_meanwhile_stays_there_and_the_link_goes_on_working() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let path = change(app, &sign_in.alice, THIEF).await;
    let other = app.user(ALICE).await;
    let refused = undo(app, &path).await;
    assert_eq!(refused, (409, "Another account uses this email".to_owned()));
    assert_eq!(email_of(app, &sign_in.alice).await, THIEF);
    users::remove(&app.app, &other, &RequestContext::of_command(&app.app)).await.unwrap();
    assert_eq!(undo(app, &path).await.0, 200);
    assert_eq!(email_of(app, &sign_in.alice).await, ALICE);
}

#[tokio::test]
async fn presses_from_one_source_are_limited() {
    let sign_in = SignIn::with(&[("POSTERN_LIMITS__CODES_PER_SOURCE", "3 per 15m per ip")]).await;
    let app = &sign_in.app;
    let path = change(app, &sign_in.alice, THIEF).await;
    app.user(ALICE).await;
    for _ in 0..3 {
        assert_eq!(undo(app, &path).await.0, 409);
    }
    assert_eq!(undo(app, &path).await.0, 429);
}

#[tokio::test]
async fn a_former_email_is_sealed_and_erased_after_its_time_or_with_the_account() {
    let sign_in = SignIn::with(&[("POSTERN_REGISTRATION__EMAIL_UNDO_LIFETIME", "2d")]).await;
    let app = &sign_in.app;
    let path = change(app, &sign_in.alice, THIEF).await;
    let rows = former_emails::Entity::find().all(app.app.db.reader()).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert!(!rows[0].email_sealed.windows(ALICE.len()).any(|part| part == ALICE.as_bytes()));
    give_to(app, &app.user(SECOND).await).await;
    assert_eq!(app.get(&path).await.status, 500, "bound to its user");
    give_to(app, &sign_in.alice).await;
    app.clock.advance(Duration::from_hours(49));
    assert_eq!(undo(app, &path).await.0, 400);
    housekeeping::remove_expired(&app.app).await.unwrap();
    assert_eq!(kept(app).await, 0);

    change(app, &sign_in.alice, "third@example.test").await;
    assert_eq!(kept(app).await, 1);
    users::remove(&app.app, &sign_in.alice, &RequestContext::of_command(&app.app)).await.unwrap();
    assert_eq!(kept(app).await, 0);
}

#[tokio::test]
async fn a_disabled_account_is_nobodys_and_a_closed_one_comes_back_to_its_owner() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let path = change(app, &sign_in.alice, THIEF).await;
    users::disable(&app.app, &sign_in.alice, &RequestContext::of_command(&app.app)).await.unwrap();
    assert_eq!(undo(app, &path).await.0, 400);
    users::enable(&app.app, &sign_in.alice, &RequestContext::of_command(&app.app)).await.unwrap();
    // The thief deletes the account: while it can be kept, it can be taken back.
    let thief = app.browser();
    thief.sign_in(&sign_in.alice).await;
    open(&thief, "/account/delete").await.press("#delete-submit", &[]).await;
    assert_eq!(undo(app, &path).await.0, 200);
    let browser = app.browser();
    let closed = open(&browser, "/login?to=account").await.sign_in(ALICE).await;
    assert_eq!(closed.path, "/account/restore");
    assert_eq!(closed.press("#restore-yes", &[]).await.path, "/account?done=restored");
}

#[tokio::test]
async fn the_export_tells_nothing_of_former_emails() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    change(app, &sign_in.alice, SECOND).await;
    let alice = people::find(app.app.db.reader(), sign_in.alice.id).await.unwrap().unwrap();
    let signed_in = app.signed_in(&alice).await;
    let export = postern_identity::accounts::export::document(
        &app.app,
        signed_in.principal(),
        &RequestContext::of_command(&app.app),
    )
    .await
    .unwrap();
    assert!(!export.to_string().contains(ALICE), "{export}");
    let links = links::Entity::find().filter(links::Column::Email.eq(ALICE));
    assert_eq!(links.count(app.app.db.reader()).await.unwrap(), 0);
}

#[tokio::test]
async fn the_pages_and_mails_speak_german_too() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let path = change(app, &sign_in.alice, THIEF).await;
    let browser = app.browser();
    browser.speaks("de");
    let page = open(&browser, &path).await;
    assert_eq!(page.title(), "Änderung der E-Mail-Adresse rückgängig machen");
    assert_eq!(page.press("#undo-submit", &[]).await.title(), "Die Änderung ist rückgängig gemacht");
    app.run_jobs().await;
    let messages = app.inbox.newest_first();
    assert!(messages.iter().any(|message| message.subject == "Ihr Konto hat wieder diese E-Mail-Adresse"));
}
