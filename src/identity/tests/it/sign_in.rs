//! Defines `SignIn`, the view of tests of sign-in: alice, first-party clients, and the two calls of the API.

use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use poem::http::header;
use postern_identity::{
    accounts::password,
    core::RequestContext,
    login::totp::{self, Enrolment},
    users::User,
};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

pub use crate::fixtures::{ALICE, BOB};
use crate::support::{Answer, TestApp, credential_change, from_peer, json_request};

/// An address that nobody has.
pub const NOBODY: &str = "nobody@example.test";
/// The page of `app`.
pub const APP_ORIGIN: &str = "https://app.example.test";

/// A provider with alice and four clients: `app`, `other` and `strong` (first party), and `stranger` (not).
pub struct SignIn {
    pub app: TestApp,
    pub alice: User,
}

impl SignIn {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(settings: &[(&str, &str)]) -> Self {
        Self::on(TestApp::with(settings).await)
    }

    pub fn on(app: TestApp) -> Self {
        let alice = app.alice().clone();
        Self { app, alice }
    }

    /// Begins an attempt of `app`.
    pub async fn request(&self, method: &str, identifier: &str) -> Answer {
        self.request_of("app", method, identifier).await
    }

    /// Each time from another address: one that begins anew has no second code sent.
    pub async fn request_of(&self, client_id: &str, method: &str, identifier: &str) -> Answer {
        static CALLS: AtomicU32 = AtomicU32::new(0x0a80_0000);
        let peer = Ipv4Addr::from(CALLS.fetch_add(1, Relaxed));
        self.request_from(client_id, method, identifier, &peer.to_string()).await
    }

    pub async fn request_from(&self, client_id: &str, method: &str, identifier: &str, peer: &str) -> Answer {
        let body = json!({ "client_id": client_id, "identifier": identifier });
        self.app.send(from_peer(json_request(&format!("/api/auth/{method}/request"), &body), peer)).await
    }

    /// Begins an attempt of `app` and answers its secret.
    pub async fn attempt(&self, method: &str, identifier: &str) -> String {
        attempt(&self.request(method, identifier).await)
    }

    /// Another code, as soon as it may be asked for, or the next factor, of an attempt of `app`.
    pub async fn again(&self, method: &str, attempt: &str) -> Answer {
        if ["code", "email-otp"].contains(&method) {
            self.app.clock.advance(Duration::from_secs(30));
        }
        self.again_at_once(method, attempt).await
    }

    pub async fn again_at_once(&self, method: &str, attempt: &str) -> Answer {
        let body = json!({ "client_id": "app", "attempt": attempt });
        self.app.post_json(&format!("/api/auth/{method}/request"), &body).await
    }

    pub async fn verify(&self, method: &str, attempt: &str, code: &str) -> Answer {
        verify(&self.app, "app", method, attempt, code).await
    }

    /// Sets alice's password; everything that was open ends.
    pub async fn set_password(&self, password: &str) {
        let signed_in = self.app.signed_in(&self.alice).await;
        let context = RequestContext::of_command(&self.app.app);
        let change = credential_change(&signed_in, &context, true);
        password::change(&self.app.app, change, password).await.unwrap();
    }

    /// A whole sign-in by mail.
    pub async fn tokens(&self) -> Value {
        let attempt = self.attempt("email-otp", ALICE).await;
        let answer = self.verify("email-otp", &attempt, &self.app.code_for(ALICE).await).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Sets up alice's authenticator; the clock stands two steps later then.
    pub async fn enrol(&self) -> Authenticator {
        let signed_in = self.app.signed_in(&self.alice).await;
        let context = RequestContext::of_command(&self.app.app);
        let enrolment = totp::begin_enrolment(&self.app.app, signed_in.principal(), &context).await.unwrap();
        let authenticator = Authenticator::of(&enrolment);
        let code = authenticator.code(&self.app, 0);
        totp::confirm(&self.app.app, credential_change(&signed_in, &context, false), &code).await.unwrap();
        self.app.run_jobs().await;
        self.app.clock.advance(Duration::from_secs(60));
        authenticator
    }
}

/// Proves an attempt of a client.
pub async fn verify(app: &TestApp, client_id: &str, method: &str, attempt: &str, code: &str) -> Answer {
    let body = json!({ "client_id": client_id, "attempt": attempt, "code": code });
    app.post_json(&format!("/api/auth/{method}/verify"), &body).await
}

/// The attempt of an answer.
pub fn attempt(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json::<Value>()["attempt"].as_str().unwrap().to_owned()
}

/// The kind of a problem.
pub fn problem(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.body);
    let kind = answer.json::<Value>()["type"].as_str().unwrap().to_owned();
    kind.strip_prefix("urn:postern:problem:").unwrap().to_owned()
}

/// A code that is not this one.
pub fn other_than(code: &str) -> String {
    let last = if code.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &code[..code.len() - 1])
}

/// What follows from many answers to the same call: how often each status came.
pub fn statuses(answers: &[Answer]) -> (usize, usize) {
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(answers.iter().all(|answer| [200, 401, 429].contains(&answer.status.as_u16())), "{answers:?}");
    (good, answers.len() - good)
}

/// Calls with the page's origin, and cookies.
pub fn from_page(path: &str, body: &Value, origin: &str) -> poem::Request {
    let mut request = json_request(path, body);
    request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
    request
}

/// The app in alice's hand.
pub struct Authenticator(totp_rs::Totp);

impl Authenticator {
    pub fn of(enrolment: &Enrolment) -> Self {
        Self::of_secret(&enrolment.secret)
    }

    pub fn of_secret(secret: &str) -> Self {
        let secret = Secret::try_from_base32(secret).unwrap();
        Self(Builder::new().with_secret(secret).with_account_name("alice").build().unwrap())
    }

    /// The code that it shows so many steps from now.
    pub fn code(&self, app: &TestApp, steps: i64) -> String {
        let seconds = app.clock.now().seconds() + 30 * steps;
        self.0.generate(seconds.try_into().unwrap()).to_string()
    }
}
