//! Sign-in by password: what it leaves behind, and how guessing is slowed.

use postern_entities::{attempts, audit_events};
use sea_orm::{EntityTrait as _, PaginatorTrait as _};
use serde_json::{Value, json};

use crate::{
    accounts::{ANOTHER, PASSWORD, login, with_password},
    sign_in::{ALICE, NOBODY, SignIn},
    support::{TestApp, from_peer, json_request},
};

/// Rows of sign-ins and of the record.
async fn rows(app: &TestApp) -> (u64, u64) {
    let db = app.app.db.reader();
    let attempts = attempts::Entity::find().count(db).await.unwrap();
    (attempts, audit_events::Entity::find().count(db).await.unwrap())
}

#[tokio::test]
async fn a_sign_in_in_one_step_leaves_its_attempt_its_proof_its_session_and_its_grant() {
    let sign_in = with_password().await;
    let app = &sign_in.app;
    let before = rows(app).await;
    assert_eq!(login(app, ALICE, PASSWORD).await.status, 200);
    assert_eq!(rows(app).await, (before.0 + 1, before.1 + 3));
    for kind in ["login.proof_accepted", "session.started", "grant.created"] {
        assert_eq!(app.audited(kind).await.len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn a_flood_of_guesses_leaves_as_many_rows_as_were_looked_at() {
    let sign_in = with_password().await;
    let before = rows(&sign_in.app).await;
    for call in 0..20 {
        let email = if call % 2 == 0 { ALICE } else { NOBODY };
        login(&sign_in.app, email, ANOTHER).await;
    }
    let after = rows(&sign_in.app).await;
    assert_eq!(
        (after.0 - before.0, after.1 - before.1),
        (5, 6),
        "five attempts; five failures and one refusal"
    );
}

#[tokio::test]
async fn a_flood_of_begun_sign_ins_is_limited_by_source_known_or_not() {
    let sign_in = SignIn::with(&[("POSTERN_LIMITS__ATTEMPTS_PER_SOURCE", "3 per 15m per ip")]).await;
    let before = rows(&sign_in.app).await;
    for (call, identifier) in [ALICE, NOBODY, ALICE, NOBODY, ALICE].into_iter().enumerate() {
        let answer = sign_in.request("password", identifier).await;
        assert_eq!(answer.status, if call < 3 { 200 } else { 429 }, "{}", answer.body);
    }
    let after = rows(&sign_in.app).await;
    assert_eq!((after.0 - before.0, after.1 - before.1), (3, 1));
    let body = json!({ "client_id": "app", "identifier": ALICE });
    let elsewhere = from_peer(json_request("/api/auth/password/request", &body), "198.51.100.7");
    assert_eq!(sign_in.app.send(elsewhere).await.status, 200);
}

#[tokio::test]
async fn a_sign_in_in_one_step_goes_on_with_its_second_factor() {
    let sign_in = with_password().await;
    let authenticator = sign_in.enrol().await;
    let told: Value = login(&sign_in.app, ALICE, PASSWORD).await.json();
    let attempt = told["attempt"].as_str().unwrap();
    assert_eq!(sign_in.verify("password", attempt, "x").await.status, 404, "not what comes next");
    let answer = sign_in.verify("totp", attempt, &authenticator.code(&sign_in.app, 1)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}
