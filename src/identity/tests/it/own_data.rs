//! What people see of their account's record, what they take with them, and how it ends, as the account API has it.

use std::{collections::BTreeSet, time::Duration};

use poem::{
    Request,
    http::{Method, header},
};
use postern_entities::{
    attempts, audit_events, consents, credentials, grants, links, recovery_codes, refresh_tokens, sessions,
    users as rows,
};
use postern_identity::{
    accounts::{AccountError, deletion},
    administration::users,
    audit::Event,
    core::RequestContext,
    users::find,
};
use sea_orm::{ColumnTrait as _, EntityTrait, PaginatorTrait as _, QueryFilter as _};
use serde_json::{Value, json};

use crate::{
    sign_in::{ALICE, Authenticator, NOBODY, SignIn, problem},
    support::{Answer, START},
};

const GRACE: Duration = Duration::from_hours(14 * 24);

async fn call(sign_in: &SignIn, method: Method, token: &Value, path: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path.parse().unwrap())
        .header(header::AUTHORIZATION, format!("Bearer {}", token["access_token"].as_str().unwrap()))
        .header(header::USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
        .finish();
    sign_in.app.send(request).await
}

async fn activity(sign_in: &SignIn, token: &Value, query: &str) -> Value {
    let answer = call(sign_in, Method::GET, token, &format!("/api/account/activity{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn delete(sign_in: &SignIn, token: &Value) -> Answer {
    call(sign_in, Method::DELETE, token, "/api/account").await
}

fn kinds(page: &Value) -> Vec<String> {
    let events = page["items"].as_array().unwrap();
    events.iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
}

/// Both factors of an attempt of alice.
async fn strong(sign_in: &SignIn, authenticator: &Authenticator, steps: i64) -> Answer {
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    let code = sign_in.app.code_for(ALICE).await;
    sign_in.verify("email-otp", &attempt, &code).await;
    sign_in.verify("totp", &attempt, &authenticator.code(&sign_in.app, steps)).await
}

#[tokio::test]
async fn the_record_of_the_account_is_read_in_plain_words_from_the_newest_on() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    let wrong = sign_in.attempt("email-otp", ALICE).await;
    sign_in.app.run_jobs().await;
    assert_eq!(sign_in.verify("email-otp", &wrong, "00000000").await.status, 401);
    call(&sign_in, Method::DELETE, &token, "/api/account/sessions").await;
    call(&sign_in, Method::GET, &token, "/api/account/export").await;
    users::disable(&sign_in.app.app, &sign_in.alice, &RequestContext::of_command(&sign_in.app.app))
        .await
        .unwrap();
    users::enable(&sign_in.app.app, &sign_in.alice, &RequestContext::of_command(&sign_in.app.app))
        .await
        .unwrap();
    let token = sign_in.tokens().await;
    let told = activity(&sign_in, &token, "").await;
    let events = told["items"].as_array().unwrap();
    let text_of = |kind: &str| {
        let event = events.iter().find(|event| event["kind"] == kind);
        event.unwrap_or_else(|| panic!("no {kind} in {told}"))["text"].as_str().unwrap().to_owned()
    };
    assert_eq!(text_of("session.started"), "Signed in");
    assert_eq!(text_of("login.failed"), "Sign-in failed: emailed code");
    assert_eq!(text_of("user.disabled"), "Account locked");
    let export = events.iter().find(|event| event["kind"] == "account.exported").unwrap();
    assert_eq!(
        (&export["device"], &export["by_operator"]),
        (&json!("Firefox · Linux"), &json!(false)),
        "{export}"
    );
    let disabled = events.iter().find(|event| event["kind"] == "user.disabled").unwrap();
    assert_eq!(disabled["by_operator"], true);
    assert!(disabled.get("ip").is_none() && disabled.get("device").is_none(), "{disabled}");
    let times: Vec<_> = events.iter().map(|event| event["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|one, other| one >= other), "{times:?}");
}

/// So many more acts of alice, all at the same moment.
async fn record(sign_in: &SignIn, count: usize) {
    let app = &sign_in.app.app;
    let context = RequestContext::of_command(app);
    let recorded =
        app.write(&context, async |write| -> Result<(), postern_service::database::DatabaseError> {
            for _ in 0..count {
                Event::new("user.unlocked").user(sign_in.alice.id).record(write).await?;
            }
            Ok(())
        });
    recorded.await.unwrap();
}

#[tokio::test]
async fn pages_of_the_record_neither_repeat_nor_leave_out() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    // Many at the same moment: the order must still be one.
    record(&sign_in, 25).await;
    let whole = activity(&sign_in, &token, "?limit=100").await;
    let (mut parts, mut query) = (Vec::new(), "?limit=7".to_owned());
    loop {
        let part = activity(&sign_in, &token, &query).await;
        assert!(part["items"].as_array().unwrap().len() <= 7);
        parts.extend(part["items"].as_array().unwrap().clone());
        let Some(cursor) = part["next_cursor"].as_str() else { break };
        query = format!("?limit=7&cursor={cursor}");
    }
    assert_eq!(json!(parts), whole["items"]);
    assert!(parts.len() > 25 && whole.get("before").is_none());
}

#[tokio::test]
async fn the_record_of_others_stays_theirs_and_wrong_questions_are_named() {
    let sign_in = SignIn::new().await;
    let bob = sign_in.app.bob();
    sign_in.app.browser().sign_in(bob).await;
    let token = sign_in.tokens().await;
    let told = activity(&sign_in, &token, "").await;
    assert_eq!(kinds(&told).iter().filter(|kind| *kind == "session.started").count(), 1, "{told}");
    for (query, field) in [("?limit=0", "limit"), ("?limit=101", "limit"), ("?cursor=x", "cursor")] {
        let answer = call(&sign_in, Method::GET, &token, &format!("/api/account/activity{query}")).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json::<Value>()["field"]),
            (400, &json!(field)),
            "{query}"
        );
    }
    for path in ["activity", "export"] {
        assert_eq!(sign_in.app.get(&format!("/api/account/{path}")).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn the_export_holds_everything_of_one_person_and_no_secret() {
    let sign_in = SignIn::new().await;
    let authenticator = sign_in.enrol().await;
    let token: Value = strong(&sign_in, &authenticator, 0).await.json();
    let codes = call(&sign_in, Method::POST, &token, "/api/account/recovery-codes").await;
    let answer = call(&sign_in, Method::GET, &token, "/api/account/export").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"postern-account.json\"");
    assert!(answer.header("cache-control").contains("no-store"));
    let document: Value = answer.json();
    assert_eq!(document["account"]["email"], ALICE);
    assert_eq!(document["sign_in"]["recovery_codes_left"], 10);
    assert_eq!(document["sign_in"]["passkeys"], json!([]));
    assert!(document["sign_in"]["authenticator_since"].is_string());
    assert_eq!(document["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(document["applications"][0]["client_id"], "app");
    assert_eq!(document["activity"]["complete"], true);
    let members: BTreeSet<_> = document.as_object().unwrap().keys().map(String::as_str).collect();
    let known =
        ["account", "activity", "applications", "consents", "exported_at", "issuer", "sessions", "sign_in"];
    assert_eq!(members, BTreeSet::from(known));
    for code in codes.json::<Value>()["codes"].as_array().unwrap() {
        assert!(!answer.body.contains(code.as_str().unwrap()));
    }
    for secret in ["hash", "sealed", "mac\"", token["refresh_token"].as_str().unwrap()] {
        assert!(!answer.body.contains(secret), "{secret} in {}", answer.body);
    }
    assert_eq!(sign_in.app.events("account.exported").await.len(), 1);
}

#[tokio::test]
async fn export_and_deletion_need_a_recent_sign_in() {
    let sign_in = SignIn::with(&[("POSTERN_TOKENS__ACCESS_TOKEN_LIFETIME", "1h")]).await;
    let token = sign_in.tokens().await;
    sign_in.app.clock.advance(Duration::from_secs(15 * 60 + 1));
    for (method, path) in [(Method::GET, "/api/account/export"), (Method::DELETE, "/api/account")] {
        let answer = call(&sign_in, method, &token, path).await;
        assert_eq!(
            (answer.status.as_u16(), problem(&answer).as_str()),
            (401, "insufficient_user_authentication")
        );
    }
    // One factor is not enough where there are two.
    let weak = sign_in.tokens().await;
    let authenticator = sign_in.enrol().await;
    assert_eq!(delete(&sign_in, &weak).await.status, 401);
    let token: Value = strong(&sign_in, &authenticator, 0).await.json();
    assert_eq!(delete(&sign_in, &token).await.status, 200);
}

#[tokio::test]
async fn a_closed_account_has_nothing_left_and_gets_nothing() {
    let sign_in = SignIn::new().await;
    let (here, there) = (sign_in.tokens().await, sign_in.tokens().await);
    let browser = sign_in.app.browser();
    browser.sign_in(&sign_in.alice).await;
    let closed = delete(&sign_in, &here).await;
    let deletion_at = (START + GRACE).rfc3339();
    assert_eq!(
        (closed.status.as_u16(), closed.json()),
        (200, json!({ "closed": true, "deletion_at": deletion_at }))
    );
    for token in [&here, &there] {
        let access_token = token["access_token"].as_str().unwrap();
        assert_eq!(sign_in.app.get_as(access_token, "/api/auth/me").await.status, 401);
        assert_eq!(sign_in.app.get_as(access_token, "/oauth2/userinfo").await.status, 401);
        let refresh = json!({ "client_id": "app", "refresh_token": token["refresh_token"] });
        assert_eq!(sign_in.app.post_json("/api/auth/refresh", &refresh).await.status, 401);
    }
    assert_eq!(browser.get("/account").await.header("location"), "/login?to=account");
    sign_in.app.run_jobs().await;
    let mail = sign_in.app.inbox.newest_first().into_iter().next().unwrap();
    assert_eq!((mail.to.as_str(), mail.subject.as_str()), (ALICE, "Your account is closed"));
    assert_eq!(mail.link.as_deref(), Some("http://localhost:7117/login?to=restore"));

    let attempt = sign_in.attempt("email-otp", ALICE).await;
    let refused = sign_in.verify("email-otp", &attempt, &sign_in.app.code_for(ALICE).await).await;
    assert_eq!((refused.status.as_u16(), problem(&refused).as_str()), (403, "account_closed"));
    let told: Value = refused.json();
    assert_eq!(told["deletion_at"], json!(deletion_at));
    assert_eq!(told["restore_uri"], "http://localhost:7117/account/restore");
    assert!(told.get("access_token").is_none());
    let again = sign_in.verify("email-otp", &attempt, &sign_in.app.code_for(ALICE).await).await;
    assert_eq!(again.status, 401, "a proof is used once, also here");
    assert_eq!(sign_in.app.audited("account.closed").await, [json!({ "deletion_at": deletion_at })]);
}

#[tokio::test]
async fn only_who_shows_every_factor_learns_that_an_account_is_closed() {
    let sign_in = SignIn::new().await;
    let authenticator = sign_in.enrol().await;
    let token: Value = strong(&sign_in, &authenticator, 0).await.json();
    assert_eq!(delete(&sign_in, &token).await.status, 200);
    let disabled = sign_in.app.bob();
    users::disable(&sign_in.app.app, disabled, &RequestContext::of_command(&sign_in.app.app)).await.unwrap();
    let plain = |answer: &Answer| {
        let mut told: Value = answer.json();
        for member in ["instance", "attempt"] {
            told[member].take();
        }
        (answer.status, told)
    };
    let mut answers = Vec::new();
    for email in [ALICE, "bob@example.test", NOBODY] {
        let asked = sign_in.request("email-otp", email).await;
        let wrong = sign_in.verify("email-otp", &crate::sign_in::attempt(&asked), "00000000").await;
        let forgot = json!({ "client_id": "app", "email": email });
        let forgot = sign_in.app.post_json("/api/auth/password/forgot", &forgot).await;
        answers.push([plain(&asked), plain(&wrong), plain(&forgot)]);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");

    sign_in.app.clock.advance(Duration::from_mins(20));
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    let first = sign_in.verify("email-otp", &attempt, &sign_in.app.code_for(ALICE).await).await;
    assert_eq!(problem(&first), "mfa_required", "one factor of two tells nothing");
    let both = sign_in.verify("totp", &attempt, &authenticator.code(&sign_in.app, 0)).await;
    assert_eq!(problem(&both), "account_closed");
}

/// What `postern user` answers as JSON; nothing when it fails.
fn operator(sign_in: &SignIn, what: &str) -> Value {
    let output = sign_in.app.command(&["user", what, ALICE, "--json"]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

#[tokio::test]
async fn operators_see_a_closed_account_and_open_it() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    assert_eq!(delete(&sign_in, &token).await.status, 200);
    let shown = operator(&sign_in, "show");
    assert_eq!(
        (&shown["state"], &shown["enabled"], &shown["deletion_at"]),
        (&json!("closed"), &json!(false), &json!((START + GRACE).rfc3339()))
    );
    // The command's clock is the machine's own, which may be past that moment; the use case is the same.
    let app = &sign_in.app.app;
    users::enable(app, &sign_in.alice, &RequestContext::of_command(app)).await.unwrap();
    let shown = operator(&sign_in, "show");
    assert_eq!((&shown["state"], &shown["deletion_at"]), (&json!("enabled"), &Value::Null));

    let token = sign_in.tokens().await;
    assert_eq!(delete(&sign_in, &token).await.status, 200);
    sign_in.app.clock.advance(GRACE);
    let over = users::enable(app, &sign_in.alice, &RequestContext::of_command(app)).await.unwrap_err();
    assert!(over.to_string().contains("is over"), "{over}");
    assert_eq!(deletion::delete_due(app).await.unwrap(), 1);
}

async fn count<E: EntityTrait>(sign_in: &SignIn, which: sea_orm::sea_query::SimpleExpr) -> u64
where
    E::Model: Sync,
{
    E::find().filter(which).count(sign_in.app.app.db.reader()).await.unwrap()
}

#[tokio::test]
async fn when_its_time_is_over_nothing_of_the_account_is_left() {
    let sign_in = SignIn::new().await;
    let authenticator = sign_in.enrol().await;
    let bob = sign_in.app.bob();
    sign_in.app.browser().sign_in(bob).await;
    let token: Value = strong(&sign_in, &authenticator, 0).await.json();
    call(&sign_in, Method::POST, &token, "/api/account/recovery-codes").await;
    assert_eq!(delete(&sign_in, &token).await.status, 200);
    let (app, id) = (&sign_in.app.app, sign_in.alice.id);
    // More than one batch.
    record(&sign_in, 1_100).await;

    sign_in.app.clock.advance(Duration::from_secs(GRACE.as_secs() - 1));
    assert_eq!(deletion::delete_due(app).await.unwrap(), 0);
    assert!(find(app.db.reader(), id).await.unwrap().is_some());
    sign_in.app.clock.advance(Duration::from_secs(1));
    let late = sign_in.attempt("email-otp", ALICE).await;
    assert_eq!(sign_in.verify("email-otp", &late, "00000000").await.status, 401);
    assert_eq!(deletion::delete_due(app).await.unwrap(), 1);

    assert_eq!(count::<rows::Entity>(&sign_in, rows::Column::Id.eq(id)).await, 0);
    assert_eq!(count::<sessions::Entity>(&sign_in, sessions::Column::UserId.eq(id)).await, 0);
    assert_eq!(count::<grants::Entity>(&sign_in, grants::Column::UserId.eq(id)).await, 0);
    assert_eq!(count::<credentials::Entity>(&sign_in, credentials::Column::UserId.eq(id)).await, 0);
    assert_eq!(count::<recovery_codes::Entity>(&sign_in, recovery_codes::Column::UserId.eq(id)).await, 0);
    assert_eq!(count::<consents::Entity>(&sign_in, consents::Column::UserId.eq(id)).await, 0);
    assert_eq!(count::<links::Entity>(&sign_in, links::Column::UserId.eq(id)).await, 0);
    assert_eq!(count::<attempts::Entity>(&sign_in, attempts::Column::UserId.eq(id)).await, 0);
    assert_eq!(count::<refresh_tokens::Entity>(&sign_in, refresh_tokens::Column::IssuedAt.gt(0)).await, 0);
    assert_eq!(count::<audit_events::Entity>(&sign_in, audit_events::Column::UserId.eq(id)).await, 0);
    // What happened stays, and names nobody.
    let closed = sign_in.app.events("account.closed").await;
    assert_eq!(closed.len(), 1);
    assert!(closed[0].user_id.is_none() && closed[0].sid.is_none() && closed[0].user_agent.is_none());
    assert_eq!(sign_in.app.events("account.deleted").await.len(), 1);
    assert_eq!(
        count::<sessions::Entity>(&sign_in, sessions::Column::UserId.eq(bob.id)).await,
        1,
        "others stay"
    );
    assert_eq!(deletion::delete_due(app).await.unwrap(), 0);
    assert!(!sign_in.app.everything_stored().await.contains(&sign_in.alice.subject.to_string()));
}

#[tokio::test]
async fn an_account_is_closed_once_however_many_ask_at_the_same_moment() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    let other = sign_in.app.another_node().await;
    let signed_in = sign_in.app.signed_in(&sign_in.alice).await;
    let principal = signed_in.principal();
    let calls = (0..10).map(|number| {
        let app = if number % 2 == 0 { &sign_in.app.app } else { &other.app };
        async move { deletion::close(app, principal, &RequestContext::of_command(app)).await }
    });
    let ends = futures_util::future::join_all(calls).await;
    let (closed, late): (Vec<_>, Vec<_>) = ends.into_iter().partition(Result::is_ok);
    assert_eq!(closed.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [START + GRACE]);
    assert!(late.iter().all(|end| matches!(end, Err(AccountError::SessionEnded(_)))), "{late:?}");
    assert_eq!(sign_in.app.events("account.closed").await.len(), 1);
    let access_token = token["access_token"].as_str().unwrap();
    assert_eq!(sign_in.app.get_as(access_token, "/api/auth/me").await.status, 401);
}

#[tokio::test]
async fn passwords_of_one_account_are_not_set_without_end() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    let set = async || {
        let request = Request::builder()
            .method(Method::PUT)
            .uri("/api/account/password".parse().unwrap())
            .header(header::AUTHORIZATION, format!("Bearer {}", token["access_token"].as_str().unwrap()))
            .content_type("application/json")
            .body(json!({ "password": "too short" }).to_string());
        sign_in.app.send(request).await
    };
    for _ in 0..10 {
        assert_eq!(set().await.status, 400);
    }
    let limited = set().await;
    assert_eq!((limited.status.as_u16(), problem(&limited).as_str()), (429, "too_many_requests"));
    assert!(!limited.header("retry-after").is_empty());
    sign_in.app.clock.advance(Duration::from_mins(14));
    assert_eq!(set().await.status, 429);
}
