//! What a session or a grant allows is written only while it stands, however late it ended: between the read and the write
//! of a request somebody else is faster.

use std::sync::{Arc, Mutex};

use poem::{
    Request,
    http::{Method, header},
};
use postern_entities::{
    audit_events, authorization_codes, consents, credentials, grants, jobs, links, passkeys, recovery_codes,
    refresh_tokens, users as user_rows,
};
use postern_identity::{
    App, administration::users, core::RequestContext, http::form_paths, scope::Scope, users::User,
};
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set, EntityTrait as _};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    person::open,
    sign_in::{ALICE, Authenticator, SignIn, problem},
    support::{Answer, Browser, TestApp},
};

/// What the requests of these tests change.
async fn stored(app: &App) -> String {
    let db = app.db.reader();
    format!(
        "{:#?}",
        (
            user_rows::Entity::find().all(db).await.unwrap(),
            credentials::Entity::find().all(db).await.unwrap(),
            passkeys::Entity::find().all(db).await.unwrap(),
            recovery_codes::Entity::find().all(db).await.unwrap(),
            links::Entity::find().all(db).await.unwrap(),
            consents::Entity::find().all(db).await.unwrap(),
            grants::Entity::find().all(db).await.unwrap(),
            authorization_codes::Entity::find().all(db).await.unwrap(),
            refresh_tokens::Entity::find().all(db).await.unwrap(),
            audit_events::Entity::find().all(db).await.unwrap(),
            jobs::Entity::find().all(db).await.unwrap(),
        )
    )
}

/// Ends whatever the user has open. The account stands afterwards.
pub async fn end_everything(app: &App, user: &User) {
    users::disable(app, user, &RequestContext::of_command(app)).await.unwrap();
    users::enable(app, user, &RequestContext::of_command(app)).await.unwrap();
}

/// Has everything of the user ended before the next write. What is stored then is in the answer.
fn end_before_next_write(app: &TestApp, user: &User) -> Arc<Mutex<String>> {
    let then = Arc::new(Mutex::new(String::new()));
    let (app, user, told) = (app.app.clone(), user.clone(), Arc::clone(&then));
    app.clone().db.before_next_write(async move {
        end_everything(&app, &user).await;
        *told.lock().unwrap() = stored(&app).await;
    });
    then
}

/// A passkey of alice.
async fn add_passkey(sign_in: &SignIn) -> Uuid {
    let (app, user_id, id) = (&sign_in.app.app, sign_in.alice.id, Uuid::from_u128(7));
    let credential = credentials::Model {
        id,
        user_id,
        kind: "passkey".to_owned(),
        secret_sealed: vec![0],
        confirmed_at: Some(Timestamp::EPOCH),
        last_used_step: None,
        created_at: Timestamp::EPOCH,
    };
    let passkey = passkeys::Model {
        credential_id: vec![7],
        id,
        user_id,
        name: "Phone".to_owned(),
        sign_count: 0,
        created_at: Timestamp::EPOCH,
        last_used_at: None,
        flagged_at: None,
    };
    let stored = app.db.write(async |tx| -> Result<(), DatabaseError> {
        credentials::ActiveModel::from(credential).insert(tx).await?;
        passkeys::ActiveModel::from(passkey).insert(tx).await?;
        Ok(())
    });
    stored.await.unwrap();
    id
}

/// What one form of the account's pages sends.
type Form = (&'static str, Vec<(&'static str, String)>);

fn form(path: &'static str, fields: &[(&'static str, &str)]) -> Form {
    (path, fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect())
}

async fn post(browser: &Browser<'_>, token: &str, (path, fields): &Form) -> Answer {
    let fields = fields.iter().map(|(name, value)| (*name, value.as_str()));
    let fields: Vec<_> = std::iter::once(("form_token", token)).chain(fields).collect();
    browser.post(path, &fields).await
}

/// Sends a form of somebody whose session ends meanwhile, and then of somebody whose session stays.
async fn refused_page(sign_in: &SignIn, acr: &str, form: &Form) {
    let app = &sign_in.app;
    let browser = app.browser();
    browser.sign_in_at(&sign_in.alice, acr).await;
    let token = open(&browser, "/account/profile").await.attribute("[name=form_token]", "value");
    let then = end_before_next_write(app, &sign_in.alice);
    let answer = post(&browser, &token, form).await;
    assert_eq!(stored(&app.app).await, *then.lock().unwrap(), "{form:?}: {}", answer.body);
    assert!(answer.body.contains("You have been signed out"), "{form:?}: {} {}", answer.status, answer.body);

    browser.sign_in_at(&sign_in.alice, acr).await;
    let before = stored(&app.app).await;
    let answer = post(&browser, &token, form).await;
    assert!(answer.status.as_u16() < 400, "{form:?}: {} {}", answer.status, answer.body);
    assert_ne!(stored(&app.app).await, before, "{form:?} changes nothing");
}

/// An unconfirmed authenticator of alice, and its code.
async fn begun_authenticator(sign_in: &SignIn) -> String {
    let browser = sign_in.app.browser();
    browser.sign_in(&sign_in.alice).await;
    let page = open(&browser, "/account/totp").await.press("#totp-begin", &[]).await;
    crate::person::totp(&sign_in.app, &page.text("#totp-key"))
}

#[tokio::test]
async fn no_form_of_the_account_is_carried_out_for_a_session_that_ended_meanwhile() {
    let sign_in = SignIn::new().await;
    let code = begun_authenticator(&sign_in).await;
    let alone = [
        form("/account/profile", &[("name", "Mallory")]),
        form("/account/email", &[("email", "mallory@example.test")]),
        form("/account/data", &[]),
        form("/account/passkeys", &[]),
        form("/account/password", &[("password", "seven brass lamps upstream"), ("end_others", "yes")]),
        form("/account/totp/confirm", &[("code", &code), ("end_others", "yes")]),
    ];
    for form in &alone {
        refused_page(&sign_in, "aal1", form).await;
    }
    let passkey = add_passkey(&sign_in).await.to_string();
    let strong = [
        form("/account/recovery-codes", &[("end_others", "yes")]),
        form("/account/passkeys/rename", &[("id", &passkey), ("name", "Mallory")]),
        form("/account/passkeys/remove", &[("id", &passkey), ("end_others", "yes")]),
        form("/account/totp/remove", &[("end_others", "yes")]),
    ];
    for form in &strong {
        refused_page(&sign_in, "aal2", form).await;
    }
    refused_page(&sign_in, "aal1", &form("/account/totp", &[])).await;
    refused_page(&sign_in, "aal1", &form("/account/delete", &[])).await;
}

#[tokio::test]
async fn other_sessions_and_apps_are_not_ended_for_a_session_that_ended_meanwhile() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let browser = app.browser();
    for form in [
        form("/account/sessions/end", &[("sid", "others")]),
        form("/account/applications/remove", &[("client_id", "app")]),
    ] {
        browser.sign_in(&sign_in.alice).await;
        let token = open(&browser, "/account/profile").await.attribute("[name=form_token]", "value");
        let (other, alice) = (app.app.clone(), sign_in.alice.clone());
        let then = Arc::new(Mutex::new(String::new()));
        let told = Arc::clone(&then);
        app.app.db.before_next_write(async move {
            end_everything(&other, &alice).await;
            // The owner is back, and uses an app.
            consents_of_app(&other, alice.id).await;
            *told.lock().unwrap() = stored(&other).await;
        });
        let answer = post(&browser, &token, &form).await;
        assert_eq!(stored(&app.app).await, *then.lock().unwrap(), "{form:?}");
        assert!(answer.body.contains("You have been signed out"), "{form:?}: {}", answer.body);
    }
}

async fn consents_of_app(app: &App, user_id: Uuid) {
    let consent = consents::ActiveModel {
        user_id: Set(user_id),
        client_id: Set("app".to_owned()),
        scope: Set(Scope::from_stored("openid")),
        granted_at: Set(Timestamp::EPOCH),
    };
    let again = sea_orm::sea_query::OnConflict::new().do_nothing().to_owned();
    let stored = app.db.write(async |tx| -> Result<(), DatabaseError> {
        consents::Entity::insert(consent).on_conflict(again).exec_without_returning(tx).await?;
        Ok(())
    });
    stored.await.unwrap();
}

async fn call(app: &TestApp, token: &str, (method, path, body): &(Method, &str, Option<Value>)) -> Answer {
    let request = Request::builder()
        .method(method.clone())
        .uri(path.parse().unwrap())
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    let request = match body {
        Some(body) => request.content_type("application/json").body(body.to_string()),
        None => request.finish(),
    };
    app.send(request).await
}

/// An access token of alice, by her authenticator too if she has one.
async fn token(sign_in: &SignIn, authenticator: Option<&Authenticator>) -> String {
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    let code = sign_in.app.code_for(ALICE).await;
    let mut answer = sign_in.verify("email-otp", &attempt, &code).await;
    if let Some(authenticator) = authenticator {
        let code = authenticator.code(&sign_in.app, 0);
        answer = sign_in.verify("totp", &attempt, &code).await;
        sign_in.app.clock.advance(std::time::Duration::from_secs(60));
    }
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json::<Value>()["access_token"].as_str().unwrap().to_owned()
}

/// Calls for a grant that ends meanwhile, and then for one that stays.
async fn refused_call(
    sign_in: &SignIn,
    authenticator: Option<&Authenticator>,
    request: &(Method, &str, Option<Value>),
) {
    let app = &sign_in.app;
    let ended = token(sign_in, authenticator).await;
    let then = end_before_next_write(app, &sign_in.alice);
    let answer = call(app, &ended, request).await;
    assert_eq!(stored(&app.app).await, *then.lock().unwrap(), "{request:?}: {}", answer.body);
    assert_eq!(answer.status, 401, "{request:?}: {}", answer.body);
    assert!(answer.body.contains("invalid_token"), "{request:?}: {}", answer.body);

    let live = token(sign_in, authenticator).await;
    let before = stored(&app.app).await;
    let answer = call(app, &live, request).await;
    assert_eq!(answer.status, 200, "{request:?}: {}", answer.body);
    assert_ne!(stored(&app.app).await, before, "{request:?} changes nothing");
    sign_in.app.clock.advance(std::time::Duration::from_mins(16));
}

#[tokio::test]
async fn no_call_about_the_account_is_carried_out_for_a_grant_that_ended_meanwhile() {
    // Each token comes by a code of its own.
    let sign_in = SignIn::with(&[("POSTERN_LIMITS__MAILS_PER_RECIPIENT", "100 per 1d per recipient")]).await;
    for request in [
        (Method::PATCH, "/api/account/profile", Some(json!({ "name": "Mallory" }))),
        (Method::POST, "/api/account/email", Some(json!({ "email": "mallory@example.test" }))),
        (Method::GET, "/api/account/export", None),
        (Method::POST, "/api/account/passkeys", None),
        (Method::POST, "/api/account/totp", None),
        (Method::PUT, "/api/account/password", Some(json!({ "password": "seven brass lamps upstream" }))),
    ] {
        refused_call(&sign_in, None, &request).await;
    }
    let authenticator = sign_in.enrol().await;
    let passkey = add_passkey(&sign_in).await;
    let passkey = format!("/api/account/passkeys/{passkey}");
    for request in [
        (Method::POST, "/api/account/recovery-codes", None),
        (Method::PUT, passkey.as_str(), Some(json!({ "name": "Mallory" }))),
        (Method::DELETE, passkey.as_str(), None),
        (Method::DELETE, "/api/account/totp", None),
    ] {
        refused_call(&sign_in, Some(&authenticator), &request).await;
    }
    refused_call(&sign_in, None, &(Method::DELETE, "/api/account", None)).await;
}

#[tokio::test]
async fn a_new_address_is_not_confirmed_for_a_grant_that_ended_meanwhile() {
    let sign_in = SignIn::new().await;
    let (app, ended) = (&sign_in.app, token(&sign_in, None).await);
    let asks = (Method::POST, "/api/account/email", Some(json!({ "email": "mallory@example.test" })));
    assert_eq!(call(app, &ended, &asks).await.status, 200);
    app.run_jobs().await;
    let mails = app.inbox.newest_first();
    let link = mails.iter().find(|mail| mail.to == "mallory@example.test").and_then(|mail| mail.link.clone());
    let mailed = link.unwrap().split_once("?token=").unwrap().1.to_owned();
    let then = end_before_next_write(app, &sign_in.alice);
    let confirms = (Method::POST, "/api/account/email/confirm", Some(json!({ "token": mailed })));
    let answer = call(app, &ended, &confirms).await;
    assert_eq!(stored(&app.app).await, *then.lock().unwrap(), "{}", answer.body);
    // The link ends with the grant, and is looked at first.
    assert_eq!(problem(&answer), "link_over", "{}", answer.body);
}

#[tokio::test]
async fn every_form_and_call_of_the_account_is_among_those_that_are_tried() {
    let here = include_str!("standing.rs");
    let untried = ["/account/sign-out", "/account/restore", "/account/passkeys/confirm"];
    let app = TestApp::new().await;
    for path in form_paths(&app.app).iter().filter(|path| path.starts_with("/account")) {
        let tried = here.contains(&format!("form(\"{path}\""));
        assert!(tried || untried.contains(&&**path), "no test ends a session before POST {path}");
    }
    let untried = ["/passkeys/confirm", "/totp/confirm", "/sessions", "/applications"];
    let document: Value = serde_json::from_str(include_str!("../../../../openapi/identity.json")).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let writes = operations.as_object().unwrap().keys().any(|method| method != "get");
        let own = path.strip_prefix("/api/account");
        if let Some(own) = own.filter(|own| writes && !untried.iter().any(|path| own.starts_with(path))) {
            let path = format!("/api/account{}", own.split("/{").next().unwrap());
            assert!(here.contains(&path), "no test ends a grant before a call of {path}");
        }
    }
}
