//! Recovery codes: made beside an authenticator, each used once.

use futures_util::future::join_all;
use poem::{
    Request,
    http::{Method, header},
};
use postern_identity::{
    core::RequestContext,
    login::{recovery_code, totp},
};
use serde_json::{Value, json};

use crate::{
    sign_in::{ALICE, Authenticator, SignIn, problem, statuses},
    support::{Answer, credential_change},
};

async fn renew(sign_in: &SignIn, token: &Value) -> Answer {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/api/account/recovery-codes".parse().unwrap())
        .header(header::AUTHORIZATION, format!("Bearer {}", token["access_token"].as_str().unwrap()))
        .finish();
    sign_in.app.send(request).await
}

async fn codes_of(sign_in: &SignIn, token: &Value) -> Vec<String> {
    let answer = renew(sign_in, token).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_value(answer.json::<Value>()["codes"].clone()).unwrap()
}

/// What alice gets by both factors, and so may make codes with.
async fn strong_tokens(sign_in: &SignIn, authenticator: &Authenticator, steps: i64) -> Value {
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    let code = sign_in.app.code_for(ALICE).await;
    sign_in.verify("email-otp", &attempt, &code).await;
    let answer = sign_in.verify("totp", &attempt, &authenticator.code(&sign_in.app, steps)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// An attempt of alice with an authenticator, after her mailed code.
async fn first_factor(sign_in: &SignIn) -> String {
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    let code = sign_in.app.code_for(ALICE).await;
    let told: Value = sign_in.verify("email-otp", &attempt, &code).await.json();
    assert_eq!(told["methods"], json!(["totp", "recovery-code"]), "{told}");
    attempt
}

#[tokio::test]
async fn codes_that_an_app_shows_count_as_kept() {
    let sign_in = SignIn::new().await;
    let authenticator = sign_in.enrol().await;
    codes_of(&sign_in, &strong_tokens(&sign_in, &authenticator, 1).await).await;
    let set = recovery_code::status(&sign_in.app.app, &sign_in.alice).await.unwrap();
    assert_eq!((set.unused, set.kept), (10, true));
}

#[tokio::test]
async fn a_code_stands_in_for_the_lost_device_once() {
    let sign_in = SignIn::new().await;
    let authenticator = sign_in.enrol().await;
    let codes = codes_of(&sign_in, &strong_tokens(&sign_in, &authenticator, 1).await).await;
    assert_eq!(codes.len(), 10);
    let attempt = first_factor(&sign_in).await;
    let other = sign_in.app.another_node().await;
    let spelled = codes[0].to_uppercase().replace('-', " ");
    let calls = (0..50).map(|call| {
        let app = if call % 2 == 0 { &sign_in.app } else { &other };
        crate::sign_in::verify(app, "app", "recovery-code", &attempt, &spelled)
    });
    let (accepted, _) = statuses(&join_all(calls).await);
    assert_eq!(accepted, 1);
    let started = sign_in.app.audited("session.started").await;
    assert_eq!(started.last().unwrap(), &json!({ "kind": "api", "acr": "aal2", "amr": ["otp", "mfa"] }));
    sign_in.app.clock.advance(std::time::Duration::from_mins(16));
    let attempt = first_factor(&sign_in).await;
    let again = sign_in.verify("recovery-code", &attempt, &codes[0]).await;
    assert_eq!((again.status.as_u16(), problem(&again).as_str()), (401, "login_failed"));
    assert_eq!(
        sign_in.verify("totp", &attempt, &codes[1].replace('-', "")).await.status,
        401,
        "it is no TOTP"
    );
    sign_in.app.clock.advance(std::time::Duration::from_secs(31));
    assert_eq!(sign_in.verify("recovery-code", &attempt, &codes[1]).await.status, 200, "after a wait");
}

#[tokio::test]
async fn a_new_set_ends_the_one_before_and_the_account_is_told() {
    let sign_in = SignIn::new().await;
    let authenticator = sign_in.enrol().await;
    let token = strong_tokens(&sign_in, &authenticator, 1).await;
    let old = codes_of(&sign_in, &token).await;
    let new = codes_of(&sign_in, &token).await;
    let attempt = first_factor(&sign_in).await;
    assert_eq!(sign_in.verify("recovery-code", &attempt, &old[0]).await.status, 401);
    assert_eq!(sign_in.verify("recovery-code", &attempt, &new[0]).await.status, 200);
    sign_in.app.run_jobs().await;
    let told = sign_in.app.inbox.newest_first();
    assert_eq!(told.iter().filter(|message| message.subject.starts_with("New recovery codes")).count(), 2);
    let stored = sign_in.app.everything_stored().await;
    assert!(!new.iter().any(|code| stored.contains(code.as_str())));
}

#[tokio::test]
async fn codes_need_an_authenticator_and_go_with_it() {
    let sign_in = SignIn::new().await;
    let refused = renew(&sign_in, &sign_in.tokens().await).await;
    assert_eq!(refused.status, 409, "{}", refused.body);
    let authenticator = sign_in.enrol().await;
    let codes = codes_of(&sign_in, &strong_tokens(&sign_in, &authenticator, 1).await).await;
    let app = &sign_in.app.app;
    let signed_in = sign_in.app.signed_in(&sign_in.alice).await;
    totp::remove(app, credential_change(&signed_in, &RequestContext::of_command(app), false)).await.unwrap();
    assert_eq!(recovery_code::remaining(app, &sign_in.alice).await.unwrap(), 0);
    sign_in.enrol().await;
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    let code = sign_in.app.code_for(ALICE).await;
    let told: Value = sign_in.verify("email-otp", &attempt, &code).await.json();
    assert_eq!(told["methods"], json!(["totp"]), "those of the old one are gone");
    assert_ne!(sign_in.verify("recovery-code", &attempt, &codes[0]).await.status, 200);
    assert_eq!(sign_in.request("recovery-code", ALICE).await.status, 404, "nothing begins with one");
}

#[tokio::test]
async fn who_has_an_authenticator_needs_it_to_make_codes() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    sign_in.enrol().await;
    let refused = renew(&sign_in, &token).await;
    assert_eq!(
        (refused.status.as_u16(), problem(&refused).as_str()),
        (401, "insufficient_user_authentication")
    );
}
