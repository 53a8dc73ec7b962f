//! What ends when an account signs in differently from now on, and what is left of an account that is removed.

use poem::{
    Request,
    http::{Method, header},
};
use postern_entities::{attempts, audit_events, credentials, grants, links};
use postern_identity::{
    administration::{self, users},
    clients,
    core::RequestContext,
    grants::{self as grant, NewGrant},
    scope::Scope,
    sessions::{self, SignedInUser},
};
use postern_service::database::DatabaseError;
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, ConnectionTrait as _, EntityTrait as _,
    QueryFilter as _,
};
use serde_json::{Value, json};

use crate::{
    accounts::{ANOTHER, PASSWORD, login, with_password},
    fixtures::{ADA, BOB},
    person::{self, open},
    sign_in::{ALICE, SignIn, problem},
    support::{Answer, Browser, TestApp, json_request},
};

/// alice elsewhere, with an app that may go on while she is not there.
struct Elsewhere {
    session: SignedInUser,
    offline: uuid::Uuid,
}

impl Elsewhere {
    async fn of(sign_in: &SignIn) -> Self {
        let session = sign_in.app.signed_in(&sign_in.alice).await;
        let app = &sign_in.app.app;
        let new = NewGrant {
            user_id: Some(sign_in.alice.id),
            client_id: "app".to_owned(),
            sid: Some(session.session.sid),
            scope: Scope::from_stored("openid offline_access"),
            ..NewGrant::default()
        };
        let granted = grant::new(app, new, app.clock.now());
        let stored = app.db.write(async |tx| -> Result<(), DatabaseError> {
            tx.execute(&grant::insert_statement(&granted)).await?;
            Ok(())
        });
        stored.await.unwrap();
        Self { session, offline: granted.id }
    }

    /// Whether the session and the app's access still stand: both do, or none.
    async fn stands(&self, sign_in: &SignIn) -> bool {
        let app = &sign_in.app.app;
        let live = sessions::live_of_user(app, sign_in.alice.id).await.unwrap();
        let session = live.iter().any(|live| live.sid == self.session.session.sid);
        let found = grants::Entity::find_by_id(self.offline).one(app.db.reader()).await.unwrap();
        assert_eq!(
            session,
            found.unwrap().revoked_at.is_none(),
            "the access of the app goes with the session"
        );
        session
    }
}

/// How many mailed links of an account still work, beside those that sign out everywhere.
pub async fn open_links(app: &TestApp, user_id: uuid::Uuid) -> usize {
    let open = links::Entity::find()
        .filter(links::Column::UserId.eq(user_id))
        .filter(links::Column::Purpose.ne("sign_out"))
        .filter(links::Column::UsedAt.is_null())
        .all(app.app.db.reader());
    open.await.unwrap().len()
}

/// Calls an operation as the user of an access token; it must succeed.
pub async fn call(sign_in: &SignIn, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path.parse().unwrap())
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    let request = match body {
        Some(body) => request.content_type("application/json").body(body.to_string()),
        None => request.finish(),
    };
    let answer = sign_in.app.send(request).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer
}

#[tokio::test]
async fn a_change_by_an_app_ends_everything_else_unless_it_says_otherwise() {
    for (member, ends) in [(None, true), (Some(true), true), (Some(false), false)] {
        let sign_in = SignIn::new().await;
        let tokens = sign_in.tokens().await;
        let token = tokens["access_token"].as_str().unwrap();
        let elsewhere = Elsewhere::of(&sign_in).await;
        let mut body = json!({ "password": PASSWORD });
        if let Some(member) = member {
            body["end_other_sessions"] = member.into();
        }
        call(&sign_in, token, Method::PUT, "/api/account/password", Some(body)).await;
        assert_eq!(elsewhere.stands(&sign_in).await, !ends, "{member:?}");
        // What asked for it stays.
        let refresh = json!({ "client_id": "app", "refresh_token": tokens["refresh_token"] });
        let refreshed = sign_in.app.post_json("/api/auth/refresh", &refresh).await;
        assert_eq!(refreshed.status, 200, "{}", refreshed.body);

        let elsewhere = Elsewhere::of(&sign_in).await;
        let begun: Value = call(&sign_in, token, Method::POST, "/api/account/totp", None).await.json();
        let code = person::totp(&sign_in.app, begun["secret"].as_str().unwrap());
        let mut body = json!({ "code": code });
        if let Some(member) = member {
            body["end_other_sessions"] = member.into();
        }
        call(&sign_in, token, Method::POST, "/api/account/totp/confirm", Some(body)).await;
        assert_eq!(elsewhere.stands(&sign_in).await, !ends, "{member:?}");
    }
}

#[tokio::test]
async fn what_has_no_body_is_told_by_its_address() {
    for (query, ends) in [("", true), ("?end_other_sessions=false", false)] {
        let sign_in = SignIn::new().await;
        let authenticator = sign_in.enrol().await;
        let attempt = sign_in.attempt("email-otp", ALICE).await;
        let code = sign_in.app.code_for(ALICE).await;
        sign_in.verify("email-otp", &attempt, &code).await;
        let tokens = sign_in.verify("totp", &attempt, &authenticator.code(&sign_in.app, 0)).await;
        let token = tokens.json::<Value>()["access_token"].as_str().unwrap().to_owned();
        for (method, path) in
            [(Method::POST, "/api/account/recovery-codes"), (Method::DELETE, "/api/account/totp")]
        {
            let elsewhere = Elsewhere::of(&sign_in).await;
            call(&sign_in, &token, method, &format!("{path}{query}"), None).await;
            assert_eq!(elsewhere.stands(&sign_in).await, !ends, "{path}{query}");
        }
    }
}

/// Does all that a page of one's own can change about signing in.
async fn change_on_pages(sign_in: &SignIn, browser: &Browser<'_>, ticked: bool) {
    let untick = |filled: person::Filled| {
        let mut filled = filled;
        assert_eq!(filled.fields.get("end_others").map(String::as_str), Some("yes"), "ticked at first");
        if !ticked {
            filled.fields.remove("end_others");
        }
        filled
    };
    let press = async |path: &str, button: &str, typed: &[(&str, &str)]| {
        let elsewhere = Elsewhere::of(sign_in).await;
        let filled = untick(open(browser, path).await.fill(button, typed));
        let fields: Vec<_> =
            filled.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = browser.post(&filled.action, &fields).await;
        assert!(answer.status.as_u16() < 400, "{path}: {}", answer.body);
        assert_eq!(elsewhere.stands(sign_in).await, !ticked, "{path}");
    };
    press("/account/password", "#password-submit", &[("password", ANOTHER)]).await;
    let begun = open(browser, "/account/totp").await.press("#totp-begin", &[]).await;
    let code = person::totp(&sign_in.app, &begun.text("#totp-key"));
    press("/account/totp", "#totp-confirm", &[("code", &code)]).await;
    browser.sign_in_at(&sign_in.alice, "aal2").await;
    press("/account/recovery-codes", "#recovery-codes-renew", &[]).await;
    press("/account/totp", "#totp-remove", &[]).await;
}

#[tokio::test]
async fn a_change_on_a_page_ends_everything_else_while_the_box_is_ticked() {
    for ticked in [true, false] {
        let sign_in = SignIn::new().await;
        let browser = sign_in.app.browser();
        browser.sign_in(&sign_in.alice).await;
        change_on_pages(&sign_in, &browser, ticked).await;
        assert_eq!(open(&browser, "/account").await.answer.status, 200, "this session stays");
    }
}

#[tokio::test]
async fn the_box_speaks_the_language_of_the_page() {
    let sign_in = SignIn::new().await;
    let browser = sign_in.app.browser();
    browser.sign_in(&sign_in.alice).await;
    assert!(open(&browser, "/account/password").await.answer.body.contains("Sign out on all other devices"));
    browser.speaks("de");
    assert!(
        open(&browser, "/account/password").await.answer.body.contains("Auf allen anderen Geräten abmelden")
    );
}

#[tokio::test]
async fn a_newer_link_to_set_a_password_ends_the_one_before() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let asked = json!({ "client_id": "app", "email": ALICE });
    let mut links = Vec::new();
    for _ in 0..2 {
        assert_eq!(app.post_json("/api/auth/password/forgot", &asked).await.status, 200);
        app.run_jobs().await;
        links.push(app.inbox.newest_first()[0].link.clone().unwrap());
    }
    let token = |link: &str| link.split_once("?token=").unwrap().1.to_owned();
    let reset = async |link: &str| {
        let body = json!({ "client_id": "app", "token": token(link), "password": PASSWORD });
        app.post_json("/api/auth/password/reset", &body).await
    };
    assert_eq!(problem(&reset(&links[0]).await), "link_over");
    let answer = reset(&links[1]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn a_change_ends_a_link_for_another_address_that_was_asked_for_elsewhere() {
    for (member, left) in [(json!(null), 0), (json!(false), 1)] {
        let sign_in = SignIn::new().await;
        let tokens = sign_in.tokens().await;
        let token = tokens["access_token"].as_str().unwrap();
        call(
            &sign_in,
            token,
            Method::POST,
            "/api/account/email",
            Some(json!({ "email": "mallory@example.test" })),
        )
        .await;
        let begun: Value = call(&sign_in, token, Method::POST, "/api/account/totp", None).await.json();
        let code = person::totp(&sign_in.app, begun["secret"].as_str().unwrap());
        let body = json!({ "code": code, "end_other_sessions": member });
        call(&sign_in, token, Method::POST, "/api/account/totp/confirm", Some(body)).await;
        assert_eq!(open_links(&sign_in.app, sign_in.alice.id).await, left, "{member}");
    }
}

#[tokio::test]
async fn who_is_signed_in_does_not_use_up_the_tries_of_a_link_to_set_a_password() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let tokens = sign_in.tokens().await;
    let mut statuses = Vec::new();
    for _ in 0..11 {
        let mut request = json_request("/api/account/password", &json!({ "password": "too short" }));
        request.set_method(Method::PUT);
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
        request.headers_mut().insert(header::AUTHORIZATION, bearer.parse().unwrap());
        statuses.push(app.send(request).await.status.as_u16());
    }
    assert_eq!((statuses[0], statuses[10]), (400, 429), "{statuses:?}");
    app.post_json("/api/auth/password/forgot", &json!({ "client_id": "app", "email": ALICE })).await;
    app.run_jobs().await;
    let link = app.inbox.newest_first()[0].link.clone().unwrap();
    let token = link.split_once("?token=").unwrap().1;
    let reset = async |password: &str| {
        let body = json!({ "client_id": "app", "token": token, "password": password });
        app.post_json("/api/auth/password/reset", &body).await.status.as_u16()
    };
    for _ in 0..9 {
        assert_eq!(reset("too short").await, 400);
    }
    assert_eq!(reset(PASSWORD).await, 200);
}

#[tokio::test]
async fn of_a_removed_user_nothing_is_left_but_what_happened() {
    let sign_in = with_password().await;
    let app = &sign_in.app;
    app.post_json("/api/auth/password/forgot", &json!({ "client_id": "app", "email": ALICE })).await;
    sign_in.attempt("email-otp", ALICE).await;
    assert_eq!(login(app, ALICE, PASSWORD).await.status, 200);
    users::disable(&app.app, &sign_in.alice, &RequestContext::of_command(&app.app)).await.unwrap();
    // This one names nobody, and the address all the same.
    sign_in.attempt("email-otp", ALICE).await;
    users::remove(&app.app, &sign_in.alice, &RequestContext::of_command(&app.app)).await.unwrap();
    let db = app.app.db.reader();
    let left = attempts::Entity::find().filter(attempts::Column::Identifier.eq(ALICE)).all(db).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
    let left = links::Entity::find().filter(links::Column::Email.eq(ALICE)).all(db).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
    let recorded = audit_events::Entity::find().all(db).await.unwrap();
    assert!(recorded.iter().any(|event| event.kind == "user.removed"));
    let others = [ADA, BOB].map(|email| app.fixtures.user(email).id);
    let named = |event: &&audit_events::Model| {
        // The fixtures' other users have not been removed.
        event.user_id.is_some_and(|id| !others.contains(&id))
            || event.sid.is_some()
            || format!("{event:?}").contains("alice")
    };
    let named: Vec<_> = recorded.iter().filter(named).collect();
    assert!(named.is_empty(), "{named:?}");
    app.user(ALICE).await;
}

#[tokio::test]
async fn what_an_account_holds_opens_for_no_other_account() {
    let sign_in = with_password().await;
    let app = &sign_in.app;
    let bob = app.bob();
    let all = credentials::Entity::find().all(app.app.db.reader()).await.unwrap();
    let moved = credentials::ActiveModel { id: Set(all[0].id), user_id: Set(bob.id), ..Default::default() };
    let moving = app.app.db.write(async |tx| -> Result<(), DatabaseError> {
        moved.update(tx).await?;
        Ok(())
    });
    moving.await.unwrap();
    assert_ne!(login(app, "bob@example.test", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_client_that_cannot_be_read_may_do_nothing_and_the_others_go_on() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let store = async |level: &str| {
        let update = format!("UPDATE clients SET required_acr = {level} WHERE client_id = 'app'");
        let storing = app.app.db.write(async |tx| -> Result<(), DatabaseError> {
            tx.execute_unprepared(&update).await?;
            Ok(())
        });
        storing.await.unwrap();
        app.app.reload(clients::TOPIC).await.unwrap();
    };
    let known = app.app.clients().all().count();
    store("'aal9'").await;
    assert!(app.app.clients().find("app").is_none());
    assert_eq!(app.app.clients().all().count(), known - 1);
    let context = RequestContext::of_command(&app.app);
    administration::clients::set_enabled(&app.app, "app", false, &context).await.unwrap();
    assert_eq!(app.audited("client.disabled").await.len(), 1);
    store("NULL").await;
    assert!(app.app.clients().find("app").is_none(), "disabled while it could not be read");
    administration::clients::set_enabled(&app.app, "app", true, &context).await.unwrap();
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    let answer = sign_in.verify("email-otp", &attempt, &app.code_for(ALICE).await).await;
    assert_eq!(answer.status, 200);
    store("'aal9'").await;
    administration::clients::remove(&app.app, "app", &context).await.unwrap();
    assert_eq!(app.audited("client.removed").await.len(), 1);
}
