//! The method `email-otp`: life of a code, and what a stranger can find out.

use std::time::Duration;

use postern_identity::{administration::users, core::RequestContext};
use serde_json::Value;

use crate::{
    person::open,
    sign_in::{ALICE, BOB, NOBODY, SignIn, problem},
    support::Answer,
};

#[tokio::test]
async fn a_mailed_code_signs_in() {
    let sign_in = SignIn::new().await;
    let tokens = sign_in.tokens().await;
    assert_eq!(tokens["token_type"], "Bearer");
    let received = &sign_in.app.inbox.newest_first()[0];
    assert_eq!((received.to.as_str(), received.channel.as_str()), (ALICE, "email"));
    let claims = sign_in.app.app.verifier.verify(tokens["access_token"].as_str().unwrap()).await.unwrap();
    assert_eq!(claims.sub, sign_in.alice.subject.to_string());
}

#[tokio::test]
async fn a_code_lives_for_ten_minutes() {
    let sign_in = SignIn::new().await;
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    let code = sign_in.app.code_for(ALICE).await;
    sign_in.app.clock.advance(Duration::from_secs(600));
    assert_eq!(sign_in.verify("email-otp", &attempt, &code).await.status, 401);
    assert_eq!(sign_in.again("email-otp", &attempt).await.status, 200, "the attempt goes on");
    let code = sign_in.app.code_for(ALICE).await;
    assert_eq!(sign_in.verify("email-otp", &attempt, &code).await.status, 200);
}

#[tokio::test]
async fn the_life_of_a_code_counts_from_its_request_and_not_from_its_sending() {
    let sign_in = SignIn::new().await;
    for (later, status) in [(359, 200), (360, 401)] {
        let attempt = sign_in.attempt("email-otp", ALICE).await;
        sign_in.app.clock.advance(Duration::from_secs(240));
        let code = sign_in.app.code_for(ALICE).await;
        sign_in.app.clock.advance(Duration::from_secs(later));
        assert_eq!(sign_in.verify("email-otp", &attempt, &code).await.status, status);
    }
}

#[tokio::test]
async fn the_countdown_of_a_code_ends_alike_whoever_is_mailed_and_whenever() {
    let sign_in = SignIn::new().await;
    for identifier in [ALICE, NOBODY] {
        let browser = sign_in.app.browser();
        let page = open(&browser, "/login?to=account").await;
        page.press("#login-submit", &[("identifier", identifier)]).await;
        sign_in.app.clock.advance(Duration::from_secs(60));
        sign_in.app.run_jobs().await;
        let page = open(&browser, "/login?to=account").await;
        assert_eq!(page.attribute("[data-seconds-left]", "data-seconds-left"), "540", "{identifier}");
    }
}

#[tokio::test]
async fn known_unknown_and_disabled_look_alike() {
    let sign_in = SignIn::new().await;
    let context = RequestContext::of_command(&sign_in.app.app);
    users::disable(&sign_in.app.app, sign_in.app.bob(), &context).await.unwrap();
    let mut seen: Vec<(Vec<String>, usize)> = Vec::new();
    for identifier in [ALICE, NOBODY, BOB] {
        let begun = sign_in.request("email-otp", identifier).await;
        let attempt = crate::sign_in::attempt(&begun);
        let runs = sign_in.app.run_jobs().await;
        let wrong = sign_in.verify("email-otp", &attempt, "00000000").await;
        seen.push((vec![look(&begun), look(&wrong)], runs));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    let to: Vec<_> = sign_in.app.inbox.newest_first().into_iter().map(|message| message.to).collect();
    assert_eq!(to, [ALICE]);
}

/// Status, headers and body with what is random in every answer taken out.
fn look(answer: &Answer) -> String {
    let mut body: Value = answer.json();
    for member in ["attempt", "instance"] {
        if let Some(value) = body.get_mut(member) {
            *value = Value::from(value.as_str().unwrap().len());
        }
    }
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        // What is left for the caller sinks with each call, whoever is named.
        .filter(|(name, _)| !["x-request-id", "ratelimit"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    format!("{} {headers:?} {body}", answer.status)
}

#[tokio::test]
async fn what_is_no_address_is_said_to_be_none() {
    let sign_in = SignIn::new().await;
    for identifier in
        ["", "alice", "alice@example.test,bob@example.test", "alice@example.test\r\nBcc: x@y.test"]
    {
        let answer = sign_in.request("email-otp", identifier).await;
        assert_eq!(
            (answer.status.as_u16(), problem(&answer).as_str()),
            (400, "malformed_request"),
            "{identifier}"
        );
        assert_eq!(answer.json::<Value>()["field"], "identifier");
    }
    let spelled = sign_in.attempt("email-otp", " Alice@EXAMPLE.test ").await;
    let code = sign_in.app.code_for(ALICE).await;
    assert_eq!(sign_in.verify("email-otp", &spelled, &code).await.status, 200);
}

#[tokio::test]
async fn a_user_who_is_disabled_meanwhile_is_refused() {
    let sign_in = SignIn::new().await;
    let attempt = sign_in.attempt("email-otp", ALICE).await;
    let code = sign_in.app.code_for(ALICE).await;
    users::disable(&sign_in.app.app, &sign_in.alice, &RequestContext::of_command(&sign_in.app.app))
        .await
        .unwrap();
    let answer = sign_in.verify("email-otp", &attempt, &code).await;
    assert_eq!((answer.status.as_u16(), problem(&answer).as_str()), (401, "login_failed"));
}
