//! A sign-in by a mailed code proves the address, and ends what a stranger set before.

use std::time::Duration;

use poem::http::Method;
use postern_entities::users;
use postern_identity::{
    administration::users::{NewUser, add},
    core::RequestContext,
    users::User,
};
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};

use crate::{
    accounts::{ANOTHER, login},
    credential_changes::{call, open_links},
    sign_in::{SignIn, problem},
    support::TestApp,
};

const EVE: &str = "eve@example.test";
const PASSWORD: &str = "seven brass lamps upstream";
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuu0uHqWLR5ol6OsJ9Cu93j0GwjNGNRAXq";

async fn import(app: &TestApp, verified: bool) -> User {
    let password_hash = Some(BCRYPT.to_owned());
    let new =
        NewUser { email: EVE.to_owned(), email_verified: verified, password_hash, ..NewUser::default() };
    add(&app.app, new, &RequestContext::of_command(&app.app)).await.unwrap()
}

async fn by_mail(sign_in: &SignIn) -> Value {
    let attempt = sign_in.attempt("email-otp", EVE).await;
    let code = sign_in.app.code_for(EVE).await;
    let body = json!({ "client_id": "app", "attempt": attempt, "code": code });
    let answer = sign_in.app.post_json("/api/auth/email-otp/verify", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn verified(app: &TestApp, user: &User) -> bool {
    users::Entity::find_by_id(user.id).one(app.app.db.reader()).await.unwrap().unwrap().email_verified
}

#[tokio::test]
async fn who_reads_the_mailbox_ends_the_password_that_somebody_else_brought() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let user = import(app, false).await;
    let strangers: Value = login(app, EVE, PASSWORD).await.json();
    assert!(!verified(app, &user).await);

    let tokens = by_mail(&sign_in).await;
    assert!(verified(app, &user).await);
    let me: Value = app.get_as(tokens["access_token"].as_str().unwrap(), "/api/auth/me").await.json();
    assert_eq!((&me["email"], &me["email_verified"]), (&json!(EVE), &json!(true)));
    assert_eq!(login(app, EVE, PASSWORD).await.status, 401);
    let refresh = json!({ "client_id": "app", "refresh_token": strangers["refresh_token"] });
    let refused = app.post_json("/api/auth/refresh", &refresh).await;
    assert_eq!((refused.status.as_u16(), problem(&refused).as_str()), (401, "invalid_grant"));
    let own = json!({ "client_id": "app", "refresh_token": tokens["refresh_token"] });
    assert_eq!(app.post_json("/api/auth/refresh", &own).await.status, 200);
    assert_eq!(app.audited("email.verified").await, [json!({ "method": "email-otp" })]);
    let removed = json!({ "method": "password", "by": "address_proven" });
    assert_eq!(app.audited("credential.removed").await, [removed]);
    app.run_jobs().await;
    let mails = app.inbox.newest_first();
    let subject = "The password of your account does not work any more";
    assert_eq!(mails.iter().filter(|mail| mail.to == EVE && mail.subject == subject).count(), 1);
    by_mail(&sign_in).await;
    assert_eq!(app.audited("email.verified").await.len(), 1, "once");
}

#[tokio::test]
async fn what_somebody_else_had_mailed_ends_with_their_password() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let user = import(app, false).await;
    let theirs: Value = login(app, EVE, PASSWORD).await.json();
    let body = json!({ "email": "mallory@example.test" });
    let token = theirs["access_token"].as_str().unwrap();
    call(&sign_in, token, Method::POST, "/api/account/email", Some(body)).await;
    assert_eq!(open_links(app, user.id).await, 1);
    app.clock.advance(Duration::from_secs(1));
    by_mail(&sign_in).await;
    assert_eq!(open_links(app, user.id).await, 0, "none gives the account another address");
}

#[tokio::test]
async fn a_password_of_a_proven_address_stays() {
    let sign_in = SignIn::new().await;
    import(&sign_in.app, true).await;
    by_mail(&sign_in).await;
    assert_eq!(login(&sign_in.app, EVE, PASSWORD).await.status, 200);
    assert_eq!(sign_in.app.audited("email.verified").await.len(), 0);
}

#[tokio::test]
async fn a_wrong_code_and_a_password_prove_no_address() {
    let sign_in = SignIn::new().await;
    let user = import(&sign_in.app, false).await;
    let attempt = sign_in.attempt("email-otp", EVE).await;
    sign_in.verify("email-otp", &attempt, "00000000").await;
    assert_eq!(login(&sign_in.app, EVE, PASSWORD).await.status, 200);
    assert_eq!(login(&sign_in.app, EVE, ANOTHER).await.status, 401);
    assert!(!verified(&sign_in.app, &user).await);
}
