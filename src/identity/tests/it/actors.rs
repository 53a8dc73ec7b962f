//! Who did it: the actor of an audit event, beside the account that the event is about.

use std::time::Duration;

use postern_identity::{
    administration::users,
    audit::Event,
    core::{Actor, RequestContext},
};
use postern_service::database::DatabaseError;
use serde_json::Value;

use crate::{
    seeds::Seeds,
    sign_in::{ALICE, NOBODY, SignIn},
    support::TestApp,
};

/// The actor of the newest event of a kind.
async fn actor(app: &TestApp, kind: &str) -> (String, Option<String>) {
    let event = app.events(kind).await.pop().unwrap_or_else(|| panic!("no event {kind}"));
    (event.actor_kind.unwrap(), event.actor_id)
}

#[tokio::test]
async fn a_sign_in_is_begun_by_its_client_and_completed_by_its_user() {
    let sign_in = SignIn::new().await;
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    let code = sign_in.app.code_for(ALICE).await;
    assert_eq!(actor(&sign_in.app, "login.begun").await, ("client".to_owned(), Some("app".to_owned())));
    sign_in.verify("email-otp", &attempt, &code).await;
    let alice = ("user".to_owned(), Some(sign_in.alice.id.to_string()));
    for kind in ["login.proof_accepted", "session.started", "grant.created"] {
        assert_eq!(actor(&sign_in.app, kind).await, alice, "{kind}");
    }
}

#[tokio::test]
async fn a_wrong_code_makes_nobody_a_user() {
    let sign_in = SignIn::new().await;
    let attempt = sign_in.attempt("email-otp", NOBODY).await;
    sign_in.verify("email-otp", &attempt, "00000000").await;
    assert_eq!(actor(&sign_in.app, "login.failed").await.0, "client");
}

#[tokio::test]
async fn a_client_redeems_and_a_command_is_an_operators() {
    let seeds = Seeds::new().await;
    let grant = seeds.grant("mobile", "openid tasks:read").await;
    let _: Value = seeds.redeem(&seeds.code(&grant).await, &[]).await.json();
    assert_eq!(actor(&seeds.app, "code.redeemed").await, ("client".to_owned(), Some("mobile".to_owned())));
    users::disable(&seeds.app.app, &seeds.alice, &RequestContext::of_command(&seeds.app.app)).await.unwrap();
    assert_eq!(actor(&seeds.app, "user.disabled").await.0, "operator");
}

#[tokio::test]
async fn an_administrator_does_not_show_up_in_somebody_elses_activity_with_their_address() {
    let sign_in = SignIn::new().await;
    let tokens = sign_in.tokens().await;
    let app = &sign_in.app.app;
    for actor in [sign_in.alice.id, uuid::Uuid::from_u128(7)] {
        sign_in.app.clock.advance(Duration::from_secs(1));
        let context = RequestContext {
            ip: Some([203, 0, 113, 7].into()),
            user_agent: Some("Console/1".to_owned()),
            ..RequestContext::of_command(app)
        };
        let context = context.by(Actor::User(actor));
        let event = Event::new("profile.changed").user(sign_in.alice.id);
        let recorded = app.write(&context, async |write| event.record(write).await);
        recorded.await.map_err(|cause: DatabaseError| cause).unwrap();
    }
    let access_token = tokens["access_token"].as_str().unwrap();
    let page: Value = sign_in.app.get_as(access_token, "/api/account/activity?limit=2").await.json();
    let seen: Vec<_> = page["items"].as_array().unwrap().iter().map(|event| &event["ip"]).collect();
    assert_eq!(seen, [&Value::Null, &Value::from("203.0.113.7")], "{page}");
}

#[tokio::test]
async fn who_signs_out_is_the_actor_and_nobody_takes_it_for_an_operators_act() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    let alice = ("user".to_owned(), Some(sign_in.alice.id.to_string()));
    let request = poem::Request::builder()
        .method(poem::http::Method::POST)
        .uri("/api/auth/logout".parse().unwrap())
        .header("authorization", format!("Bearer {}", token["access_token"].as_str().unwrap()))
        .content_type("application/json")
        .body(serde_json::json!({ "client_id": "app" }).to_string());
    assert_eq!(sign_in.app.send(request).await.status, 200);
    assert_eq!(actor(&sign_in.app, "session.ended").await, alice);
    assert_eq!(actor(&sign_in.app, "grant.ended").await, alice);
    // Another user signs in in the same browser: the event is about alice, and no operator did it.
    let bob = sign_in.app.user("bob@example.test").await;
    let context = RequestContext::of_command(&sign_in.app.app).by(Actor::User(bob.id));
    let event = Event::new("session.ended").user(sign_in.alice.id);
    let recorded = sign_in.app.app.write(&context, async |write| event.record(write).await);
    recorded.await.map_err(|cause: DatabaseError| cause).unwrap();
    let tokens = sign_in.tokens().await;
    let access_token = tokens["access_token"].as_str().unwrap();
    let page: Value = sign_in.app.get_as(access_token, "/api/account/activity?limit=50").await.json();
    let events = page["items"].as_array().unwrap();
    assert!(events.iter().all(|event| event["by_operator"] == (event["kind"] == "user.added")), "{page}");
}
