//! The method `totp` (RFC 6238): second factor, once a step, within its window.

use serde_json::{Value, json};

use crate::{
    sign_in::{ALICE, SignIn, attempt, problem, statuses, verify},
    support::Answer,
};

/// The first factor of an attempt of `app`, which then wants the second.
async fn first_factor(sign_in: &SignIn) -> String {
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    let answer = sign_in.verify("email-otp", &attempt, &sign_in.app.code_for(ALICE).await).await;
    assert_eq!((answer.status.as_u16(), problem(&answer).as_str()), (403, "mfa_required"));
    let body: Value = answer.json();
    assert_eq!((&body["methods"], &body["attempt"]), (&json!(["totp"]), &json!(attempt)));
    attempt
}

async fn totp(sign_in: &SignIn, attempt: &str, code: &str) -> Answer {
    sign_in.verify("totp", attempt, code).await
}

#[tokio::test]
async fn whoever_has_an_authenticator_is_asked_for_it_at_every_sign_in() {
    let sign_in = SignIn::new().await;
    let authenticator = sign_in.enrol().await;
    let attempt = first_factor(&sign_in).await;
    assert_eq!(sign_in.again("totp", &attempt).await.status, 200);
    let answer = totp(&sign_in, &attempt, &authenticator.code(&sign_in.app, 0)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let started = sign_in.app.audited("session.started").await;
    assert_eq!(started.last().unwrap(), &json!({ "kind": "api", "acr": "aal2", "amr": ["otp", "mfa"] }));
}

#[tokio::test]
async fn a_client_that_asks_for_two_factors_gives_no_tokens_for_one() {
    let sign_in = SignIn::new().await;
    let attempt = attempt(&sign_in.request_of("strong", "email-otp", ALICE).await);
    let code = sign_in.app.code_for(ALICE).await;
    let answer = verify(&sign_in.app, "strong", "email-otp", &attempt, &code).await;
    assert_eq!((answer.status.as_u16(), problem(&answer).as_str()), (403, "mfa_required"));
    assert_eq!(answer.json::<Value>()["methods"], json!([]));
    assert!(sign_in.app.audited("session.started").await.is_empty());
}

#[tokio::test]
async fn totp_does_not_begin_a_sign_in_and_a_mailed_code_is_no_second_factor() {
    let sign_in = SignIn::new().await;
    sign_in.enrol().await;
    let answer = sign_in.request("totp", ALICE).await;
    assert_eq!((answer.status.as_u16(), problem(&answer).as_str()), (404, "method_not_offered"));
    let attempt = first_factor(&sign_in).await;
    assert_eq!(sign_in.again("email-otp", &attempt).await.status, 404);
    assert_eq!(sign_in.again("code", &attempt).await.status, 404);
}

#[tokio::test]
async fn only_the_step_before_now_and_after_count() {
    let sign_in = SignIn::with(&[
        ("POSTERN_LIMITS__FAILURES_PER_SOURCE", "100 per 15m per ip"),
        ("POSTERN_LIMITS__FAILURES_BEFORE_DELAY", "100"),
    ])
    .await;
    let authenticator = sign_in.enrol().await;
    // Later by more than all the steps that are tried.
    sign_in.app.clock.advance(std::time::Duration::from_secs(300));
    for (steps, accepted) in [(-2, false), (2, false), (-1, true)] {
        let attempt = first_factor(&sign_in).await;
        let answer = totp(&sign_in, &attempt, &authenticator.code(&sign_in.app, steps)).await;
        assert_eq!(answer.status == 200, accepted, "{steps} {}", answer.body);
    }
    let attempt = first_factor(&sign_in).await;
    let code = authenticator.code(&sign_in.app, 1);
    for odd in [&code[..5], &format!("{code}0"), "", "abcdef"] {
        assert_eq!(totp(&sign_in, &attempt, odd).await.status, 401, "{odd:?}");
    }
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    assert_eq!(totp(&sign_in, &attempt, &spaced).await.status, 200);
}

#[tokio::test]
async fn a_step_counts_once_and_no_earlier_one_after_it() {
    let sign_in = SignIn::new().await;
    let authenticator = sign_in.enrol().await;
    let attempt = first_factor(&sign_in).await;
    let code = authenticator.code(&sign_in.app, 0);
    assert_eq!(totp(&sign_in, &attempt, &code).await.status, 200);
    let attempt = first_factor(&sign_in).await;
    assert_eq!(totp(&sign_in, &attempt, &code).await.status, 401, "the same step");
    assert_eq!(
        totp(&sign_in, &attempt, &authenticator.code(&sign_in.app, -1)).await.status,
        401,
        "an earlier step"
    );
    assert_eq!(totp(&sign_in, &attempt, &authenticator.code(&sign_in.app, 1)).await.status, 200);
}

#[tokio::test]
async fn of_many_right_answers_on_two_nodes_one_signs_in() {
    let sign_in = SignIn::with(&[
        ("POSTERN_LIMITS__FAILURES_PER_ACCOUNT", "1000 per 15m per account"),
        ("POSTERN_LIMITS__FAILURES_PER_SOURCE", "1000 per 15m per ip"),
        ("POSTERN_LIMITS__CODES_PER_RECIPIENT", "1000 per 15m per recipient"),
        ("POSTERN_LIMITS__CODES_PER_SOURCE", "1000 per 15m per ip"),
    ])
    .await;
    let authenticator = sign_in.enrol().await;
    let other = sign_in.app.another_node().await;
    let mut attempts = Vec::new();
    for _ in 0..10 {
        attempts.push(first_factor(&sign_in).await);
    }
    let code = authenticator.code(&sign_in.app, 0);
    let calls = (0..50).map(|call| {
        let app = if call % 2 == 0 { &sign_in.app } else { &other };
        verify(app, "app", "totp", &attempts[call % 10], &code)
    });
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(statuses(&answers), (1, 49));
}
