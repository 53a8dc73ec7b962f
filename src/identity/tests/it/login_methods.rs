//! A login method of one's own: built in from outside, offered like the others.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use postern_identity::{
    login::{Challenge, ChallengeResponse, Context, LoginError, LoginMethod, Proof, policy::Factor},
    users::User,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    sign_in::{ALICE, NOBODY, SignIn},
    support::TestApp,
};

/// Asks for the address backwards.
struct Backwards;

#[async_trait]
impl LoginMethod for Backwards {
    fn name(&self) -> &'static str {
        "backwards"
    }

    fn amr(&self) -> &'static [&'static str] {
        &["kba"]
    }

    fn factor(&self) -> Factor {
        Factor::Knowledge
    }

    async fn begin(&self, cx: &Context<'_>, _user: Option<&User>) -> Result<Challenge, LoginError> {
        let shown = json!({ "hint": "backwards" }).as_object().cloned().unwrap_or_default();
        Ok(Challenge { state: Some(json!(cx.identifier)), public_members: shown, ..Challenge::default() })
    }

    async fn verify(
        &self,
        _: &Context<'_>,
        challenge: &Challenge,
        answer: &ChallengeResponse,
    ) -> Result<Proof, LoginError> {
        let asked = challenge.state.as_ref().and_then(Value::as_str).unwrap_or_default();
        let right: String = asked.chars().rev().collect();
        if answer.payload["text"] == json!(right) {
            Ok(Proof::default())
        } else {
            Err(LoginError::ResponseRejected)
        }
    }
}

#[tokio::test]
async fn a_method_of_ones_own_has_its_calls_and_is_offered() {
    let sign_in = SignIn::on(TestApp::built(&[], |builder| builder.login_method(Backwards)).await);
    let methods: Value = sign_in.app.get("/api/auth/methods?client_id=app").await.json();
    assert_eq!(methods["methods"], json!(["email-otp", "code", "password", "passkey", "backwards"]));
    for (identifier, status) in [(ALICE, 200), (NOBODY, 401)] {
        let begun: Value = sign_in.request("backwards", identifier).await.json();
        assert_eq!(begun["challenge"], json!({ "hint": "backwards" }));
        let text: String = identifier.chars().rev().collect();
        let body = json!({ "client_id": "app", "attempt": begun["attempt"], "answer": { "text": text } });
        let answer = sign_in.app.post_json("/api/auth/backwards/verify", &body).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    let started = sign_in.app.audited("session.started").await;
    assert_eq!(started, [json!({ "kind": "api", "acr": "aal1", "amr": ["kba"] })]);
}

/// Accepts any answer, but only when it is told to.
#[derive(Clone, Default)]
struct Waits {
    asked: Arc<Notify>,
    go: Arc<Notify>,
}

#[async_trait]
impl LoginMethod for Waits {
    fn name(&self) -> &'static str {
        "waits"
    }

    fn amr(&self) -> &'static [&'static str] {
        &["kba"]
    }

    fn factor(&self) -> Factor {
        Factor::Knowledge
    }

    async fn begin(&self, _: &Context<'_>, _: Option<&User>) -> Result<Challenge, LoginError> {
        Ok(Challenge::default())
    }

    async fn verify(
        &self,
        _: &Context<'_>,
        _: &Challenge,
        _: &ChallengeResponse,
    ) -> Result<Proof, LoginError> {
        self.asked.notify_one();
        self.go.notified().await;
        Ok(Proof::default())
    }
}

#[tokio::test]
async fn a_second_factor_set_up_while_an_answer_is_judged_is_not_passed_by() {
    let waits = Waits::default();
    let method = || waits.clone();
    let sign_in = SignIn::on(TestApp::built(&[], |builder| builder.login_method(method())).await);
    let attempt = sign_in.attempt("waits", ALICE).await;
    let body = json!({ "client_id": "app", "attempt": attempt, "answer": {} });
    let enrols = async {
        waits.asked.notified().await;
        // What is looked up meanwhile has been read by then.
        tokio::time::sleep(Duration::from_millis(200)).await;
        sign_in.enrol().await;
        waits.go.notify_one();
    };
    let (answer, ()) = tokio::join!(sign_in.app.post_json("/api/auth/waits/verify", &body), enrols);
    assert_eq!(answer.status, 401, "{}", answer.body);
    let started = sign_in.app.audited("session.started").await;
    assert!(started.iter().all(|session| session["kind"] == "browser"), "{started:?}");
}
