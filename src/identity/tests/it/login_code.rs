//! The method `code`: its deliveries, and what every sent code keeps to.

use std::time::Duration;

use poem::http::header;
use postern_identity::{core::RequestContext, login::code::create_operator_code, outbound};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

use crate::{
    sign_in::{ALICE, NOBODY, SignIn, attempt, other_than, problem},
    support::TestApp,
};

const CONSOLE: (&str, &str) = ("POSTERN_LOGIN__CODE_DELIVERY", "console");

#[tokio::test]
async fn a_code_of_the_terminal_signs_in_once() {
    let sign_in = SignIn::with(&[CONSOLE]).await;
    let attempt = sign_in.attempt("code", ALICE).await;
    let code = sign_in.app.code_for(ALICE).await;
    assert_eq!(code.len(), 8);
    assert_eq!(sign_in.app.inbox.newest_first()[0].channel, "code");
    let answer = sign_in.verify("code", &attempt, &code).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let again = sign_in.verify("code", &attempt, &code).await;
    assert_eq!((again.status.as_u16(), problem(&again).as_str()), (401, "login_failed"));
    let claims = sign_in.app.audited("session.started").await;
    assert_eq!(claims, [json!({ "kind": "api", "acr": "aal1", "amr": ["otp"] })]);
}

#[tokio::test]
async fn an_operators_code_is_for_its_user_once_and_for_ten_minutes() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app.app;
    let make = async || {
        create_operator_code(app, &sign_in.alice, "test", &RequestContext::of_command(app))
            .await
            .unwrap()
            .code
            .expose_secret()
            .to_owned()
    };

    let first = make().await;
    let code = make().await;
    assert_eq!(sign_in.app.audited("login.operator_code_created").await, vec![json!({ "by": "test" }); 2]);
    let attempt = sign_in.attempt("code", ALICE).await;
    assert_eq!(sign_in.verify("code", &attempt, &first).await.status, 401, "replaced by the second");
    let nobodys = sign_in.attempt("code", NOBODY).await;
    assert_eq!(sign_in.verify("code", &nobodys, &code).await.status, 401, "another user's");
    assert_eq!(sign_in.verify("code", &attempt, &code).await.status, 200);
    let next = sign_in.attempt("code", ALICE).await;
    assert_eq!(sign_in.verify("code", &next, &code).await.status, 401, "used");

    let late = make().await;
    sign_in.app.clock.advance(Duration::from_secs(600));
    let attempt = sign_in.attempt("code", ALICE).await;
    assert_eq!(sign_in.verify("code", &attempt, &late).await.status, 401, "expired");
    assert!(sign_in.app.inbox.newest_first().is_empty());
}

async fn with_gateway(status: u16) -> (MockServer, SignIn) {
    let gateway = MockServer::start().await;
    let answer = ResponseTemplate::new(status);
    Mock::given(method("POST")).and(path("/send")).respond_with(answer).mount(&gateway).await;
    let url = format!("{}/send", gateway.uri());
    let settings = [
        ("POSTERN_LOGIN__CODE_DELIVERY", "webhook"),
        ("POSTERN_LOGIN__CODE_WEBHOOK_URL", &url),
        ("POSTERN_LOGIN__CODE_WEBHOOK_SECRET", "a secret of both sides"),
        ("POSTERN_OUTBOUND__ALLOW_HOSTS", "127.0.0.1"),
    ];
    let sign_in = SignIn::with(&settings).await;
    (gateway, sign_in)
}

#[tokio::test]
async fn a_webhook_gets_the_code_signed() {
    let (gateway, sign_in) = with_gateway(204).await;
    let attempt = sign_in.attempt("code", ALICE).await;
    sign_in.app.run_jobs().await;
    let requests = gateway.received_requests().await.unwrap();
    let [request] = &requests[..] else { panic!("{requests:?}") };
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((&body["event"], &body["to"]), (&json!("login.code"), &json!(ALICE)));
    assert_eq!(body["subject"], json!(sign_in.alice.subject));
    let expected =
        outbound::webhook_signature(&"a secret of both sides".into(), sign_in.app.clock.now(), &request.body);
    assert_eq!(request.headers.get("postern-signature").unwrap().to_str().unwrap(), expected);
    assert_eq!(request.headers.get(header::CONTENT_TYPE.as_str()).unwrap(), "application/json");
    let answer = sign_in.verify("code", &attempt, body["code"].as_str().unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn a_webhook_is_not_called_for_nobody_and_tried_again_when_it_fails() {
    let (gateway, sign_in) = with_gateway(500).await;
    sign_in.attempt("code", NOBODY).await;
    assert_eq!(sign_in.app.run_jobs().await, 1);
    assert!(gateway.received_requests().await.unwrap().is_empty());
    sign_in.attempt("code", ALICE).await;
    for runs in 1..=3 {
        sign_in.app.run_failing_jobs().await;
        assert_eq!(gateway.received_requests().await.unwrap().len(), runs);
        sign_in.app.clock.advance(Duration::from_secs(60));
    }
    sign_in.app.clock.advance(Duration::from_secs(900));
    sign_in.app.run_failing_jobs().await;
    assert_eq!(gateway.received_requests().await.unwrap().len(), 3, "given up with its attempt");
}

#[tokio::test]
async fn a_code_is_for_its_attempt_and_its_client() {
    let sign_in = SignIn::with(&[CONSOLE]).await;
    let first = sign_in.attempt("code", ALICE).await;
    let code = sign_in.app.code_for(ALICE).await;
    let other = sign_in.attempt("code", ALICE).await;
    assert_eq!(sign_in.verify("code", &other, &code).await.status, 401, "another attempt");
    let foreign = crate::sign_in::verify(&sign_in.app, "other", "code", &first, &code).await;
    assert_eq!(
        (foreign.status.as_u16(), problem(&foreign).as_str()),
        (401, "login_failed"),
        "another client"
    );
    assert_eq!(sign_in.verify("email-otp", &first, &code).await.status, 401, "another method");
    assert_eq!(sign_in.verify("code", &first, &code).await.status, 200);
}

#[tokio::test]
async fn five_tries_are_all_and_another_code_brings_no_new_ones() {
    let sign_in = SignIn::with(&[CONSOLE]).await;
    let attempt = sign_in.attempt("code", ALICE).await;
    let code = sign_in.app.code_for(ALICE).await;
    for _ in 0..4 {
        assert_eq!(sign_in.verify("code", &attempt, &other_than(&code)).await.status, 401);
    }
    assert_eq!(sign_in.again("code", &attempt).await.status, 200);
    let newer = sign_in.app.code_for(ALICE).await;
    assert_ne!(newer, code);
    assert_eq!(sign_in.verify("code", &attempt, &code).await.status, 401, "replaced, and the last try");
    assert_eq!(sign_in.verify("code", &attempt, &newer).await.status, 401, "no try left");
    assert_eq!(sign_in.again("code", &attempt).await.status, 401, "over");
    assert_eq!(sign_in.app.audited("login.failed").await.len(), 5);
}

#[tokio::test]
async fn a_code_is_read_as_people_type_it() {
    let sign_in = SignIn::with(&[CONSOLE]).await;
    let attempt = sign_in.attempt("code", ALICE).await;
    let code = sign_in.app.code_for(ALICE).await;
    let wide: String = code.chars().filter_map(|digit| char::from_u32(digit as u32 + 0xfee0)).collect();
    assert_eq!(sign_in.verify("code", &attempt, &wide).await.status, 401);
    let spaced = format!(" {} {} ", &code[..4], &code[4..]);
    assert_eq!(sign_in.verify("code", &attempt, &spaced).await.status, 200);
}

#[tokio::test]
async fn an_attempt_survives_a_restart_and_ends_on_another_node() {
    let sign_in = SignIn::with(&[CONSOLE]).await;
    let attempt = sign_in.attempt("code", ALICE).await;
    let code = sign_in.app.code_for(ALICE).await;
    let restarted: TestApp = sign_in.app.another_node().await;
    let answer = crate::sign_in::verify(&restarted, "app", "code", &attempt, &code).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(sign_in.verify("code", &attempt, &code).await.status, 401);
}

#[tokio::test]
async fn of_fifty_right_answers_on_two_nodes_one_signs_in() {
    let sign_in = SignIn::with(&[CONSOLE]).await;
    let other = sign_in.app.another_node().await;
    let attempt = attempt(&sign_in.request("code", ALICE).await);
    let code = sign_in.app.code_for(ALICE).await;
    let calls = (0..50).map(|call| {
        let app = if call % 2 == 0 { &sign_in.app } else { &other };
        crate::sign_in::verify(app, "app", "code", &attempt, &code)
    });
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(crate::sign_in::statuses(&answers), (1, 49));
    assert_eq!(sign_in.app.audited("session.started").await.len(), 1);
}
