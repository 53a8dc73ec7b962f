//! Limits: per recipient, source and account, shared by nodes, and whose address counts.

use std::time::Duration;

use poem::http::HeaderValue;
use serde_json::json;

use crate::{
    accounts::{ANOTHER, PASSWORD, login, with_password},
    sign_in::{ALICE, NOBODY, SignIn, other_than, problem, verify},
    support::{Answer, from_peer, json_request},
};

#[tokio::test]
async fn one_address_gets_five_codes_known_or_not() {
    let sign_in = SignIn::new().await;
    for identifier in [ALICE, NOBODY] {
        for _ in 0..5 {
            assert_eq!(sign_in.request("email-otp", identifier).await.status, 200);
        }
        let limited = sign_in.request("email-otp", identifier).await;
        assert_eq!((limited.status.as_u16(), problem(&limited).as_str()), (429, "too_many_requests"));
        assert_eq!(limited.header("retry-after"), "900");
    }
    assert_eq!(sign_in.request("email-otp", ALICE).await.status, 429);
    let recorded = sign_in.app.audited("login.limited").await;
    assert_eq!(recorded, vec![json!({ "limit": "codes_per_recipient" }); 2], "once a window and address");
    sign_in.app.run_jobs().await;
    assert_eq!(sign_in.app.inbox.newest_first().len(), 5);
    sign_in.app.clock.advance(Duration::from_secs(900));
    assert_eq!(sign_in.request("email-otp", ALICE).await.status, 200);
}

#[tokio::test]
async fn one_source_asks_for_twenty_codes_whatever_its_headers_say() {
    let sign_in = SignIn::with(&[("POSTERN_HTTP__TRUSTED_PROXIES", "10.0.0.0/8")]).await;
    let ask = async |number: usize, peer: &str, forwarded: Option<String>| {
        let body = json!({ "client_id": "app", "identifier": format!("user{number}@example.test") });
        let mut request = from_peer(json_request("/api/auth/email-otp/request", &body), peer);
        for name in ["x-real-ip", "forwarded", "cf-connecting-ip", "true-client-ip"] {
            let value = HeaderValue::try_from(format!("192.0.2.{number}")).unwrap();
            request.headers_mut().insert(name, value);
        }
        if let Some(forwarded) = forwarded {
            request.headers_mut().insert("x-forwarded-for", HeaderValue::try_from(forwarded).unwrap());
        }
        sign_in.app.send(request).await.status.as_u16()
    };
    for number in 0..20 {
        assert_eq!(ask(number, "198.51.100.1", Some(format!("203.0.113.{number}"))).await, 200);
    }
    assert_eq!(ask(20, "198.51.100.1", None).await, 429);
    assert_eq!(ask(21, "198.51.100.2", None).await, 200, "another source");
    assert_eq!(
        ask(22, "10.0.0.1", Some("203.0.113.9, 198.51.100.1".to_owned())).await,
        429,
        "behind the proxy"
    );
    assert_eq!(ask(23, "10.0.0.1", Some("198.51.100.1, 203.0.113.9".to_owned())).await, 200);
    for number in 0..20 {
        assert_eq!(ask(30 + number, &format!("[2001:db8:1:2::{number:x}]"), None).await, 200);
    }
    assert_eq!(ask(60, "[2001:db8:1:2:ffff::1]", None).await, 429, "the same /64");
    assert_eq!(ask(61, "[2001:db8:1:3::1]", None).await, 200);
}

#[tokio::test]
async fn an_account_is_guessed_at_six_times_at_once_on_however_many_nodes() {
    let sign_in = SignIn::with(&[("POSTERN_LIMITS__FAILURES_PER_SOURCE", "100 per 15m per ip")]).await;
    let other = sign_in.app.another_node().await;
    let mut attempts = Vec::new();
    for _ in 0..4 {
        attempts.push(sign_in.attempt("email-otp", ALICE).await);
    }
    let code = sign_in.app.code_for(ALICE).await;
    let wrong = other_than(&code);
    let calls = (0..20).map(|call| {
        let app = if call % 2 == 0 { &sign_in.app } else { &other };
        verify(app, "app", "email-otp", &attempts[call % 4], &wrong)
    });
    let answers = futures_util::future::join_all(calls).await;
    let checked = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!(checked, 6, "the rest was told to wait");
    assert!(answers.iter().filter(|answer| answer.status != 401).all(|answer| answer.status == 429));
    let fifth = sign_in.attempt("email-otp", ALICE).await;
    let right = sign_in.app.code_for(ALICE).await;
    assert_eq!(sign_in.verify("email-otp", &fifth, &right).await.status, 429, "the right one too");
    assert_eq!(sign_in.app.audited("login.failed").await.len(), 6);
}

#[tokio::test]
async fn a_sign_in_that_turns_out_well_gives_its_try_back() {
    let sign_in = SignIn::with(&[
        ("POSTERN_LIMITS__FAILURES_BEFORE_DELAY", "1"),
        ("POSTERN_LIMITS__FAILURES_PER_SOURCE", "1 per 15m per ip"),
        ("POSTERN_LIMITS__CODES_PER_RECIPIENT", "100 per 15m per recipient"),
    ])
    .await;
    for _ in 0..5 {
        sign_in.tokens().await;
    }
}

/// What an answer says of limits.
fn told(answer: &Answer) -> (u16, &str, &str, &str) {
    let header = |name| answer.header(name);
    (answer.status.as_u16(), header("ratelimit-policy"), header("ratelimit"), header("retry-after"))
}

#[tokio::test]
async fn answers_tell_what_is_left_of_the_callers_own_limits_and_of_no_accounts() {
    let policy = "\"failures_per_source\";q=5;w=900";
    let sign_in = with_password().await;
    let mut seen = Vec::new();
    for (minute, identifier) in [(0, ALICE), (30, NOBODY)] {
        sign_in.app.clock.advance(Duration::from_mins(minute));
        let mut answers = Vec::new();
        for _ in 0..6 {
            let answer = login(&sign_in.app, identifier, ANOTHER).await;
            let (status, policy, limit, wait) = told(&answer);
            answers.push((status, policy.to_owned(), limit.to_owned(), wait.to_owned()));
        }
        seen.push(answers);
    }
    assert_eq!(seen[0], seen[1], "known or not");
    let left = |left: u32| format!("\"failures_per_source\";r={left};t=900");
    let expected =
        |status, remaining, wait: &str| (status, policy.to_owned(), left(remaining), wait.to_owned());
    assert_eq!((&seen[0][0], &seen[0][4]), (&expected(401, 4, ""), &expected(401, 0, "")));
    assert_eq!(seen[0][5], expected(429, 0, "900"));

    sign_in.app.clock.advance(Duration::from_mins(30));
    let right = login(&sign_in.app, ALICE, PASSWORD).await;
    assert_eq!(told(&right), (200, policy, left(5).as_str(), ""), "a right one is given back");
    let body: serde_json::Value = right.json();
    let body = json!({ "client_id": "app", "refresh_token": body["refresh_token"] });
    let refreshed = sign_in.app.post_json("/api/auth/refresh", &body).await;
    let (per_grant, left) = ("\"refreshes_per_grant\";q=120;w=3600", "\"refreshes_per_grant\";r=119;t=3600");
    assert_eq!(told(&refreshed), (200, per_grant, left, ""));

    let code = sign_in.request("email-otp", ALICE).await;
    assert_eq!(told(&code).1, "\"codes_per_source\";q=20;w=900", "nothing of the recipient");
    let body = json!({ "client_id": "app", "email": "carol@example.test", "password": PASSWORD });
    let registered = sign_in.app.post_json("/api/auth/register", &body).await;
    assert!(told(&registered).1.contains("\"registrations_per_source\";q=3;w=3600"), "{registered:?}");
    let body = json!({ "client_id": "app", "email": ALICE });
    let forgot = sign_in.app.post_json("/api/auth/password/forgot", &body).await;
    assert!(told(&forgot).2.contains("\"codes_per_source\";r="), "{forgot:?}");
    assert_eq!(
        told(&sign_in.app.get("/.well-known/jwks.json").await),
        (200, "", "", ""),
        "nothing was counted"
    );
}
