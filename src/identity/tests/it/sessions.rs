//! Sessions: how long they last, what ends them, and that an old cookie is dead.

use std::time::Duration;

use postern_identity::{
    acr::Acr,
    administration::users,
    core::RequestContext,
    login::{
        ChallengeResponse as Proof,
        attempt::{
            self, AttemptBinding, AttemptStart, BeginParameters, CompletedLogin, LoginOutcome,
            VerifyParameters,
        },
        policy::AuthenticationRequirement,
    },
    sessions::{self, SessionKind, SignedInUser},
};
use secrecy::ExposeSecret as _;

use crate::sign_in::{ALICE, BOB, SignIn};

const BROWSER: &str = "the cookie of a browser";

fn binding() -> AttemptBinding<'static> {
    AttemptBinding { authorization_request: None, browser_secret: Some(BROWSER) }
}

async fn begin(
    sign_in: &SignIn,
    method: &str,
    start: AttemptStart<'_>,
    requirement: AuthenticationRequirement,
) -> String {
    let context = RequestContext::of_command(&sign_in.app.app);
    let begin = BeginParameters {
        client: None,
        method,
        start,
        binding: binding(),
        requirement,
        device_secret: None,
        context: &context,
        authorization_request_row: None,
    };
    Box::pin(attempt::begin(&sign_in.app.app, begin)).await.unwrap().attempt_secret.expose_secret().to_owned()
}

async fn verify(
    sign_in: &SignIn,
    method: &str,
    attempt: &str,
    code: String,
    current: Option<&SignedInUser>,
) -> Result<CompletedLogin, String> {
    let context = RequestContext::of_command(&sign_in.app.app);
    let verify = VerifyParameters {
        client: None,
        method,
        attempt_secret: attempt,
        response: Proof::from_code(code),
        binding: binding(),
        session_kind: SessionKind::Browser,
        current_session: current,
        device_secret: None,
        context: &context,
    };
    match Box::pin(attempt::verify(&sign_in.app.app, verify, &())).await {
        Ok(LoginOutcome::Complete(now)) => Ok(*now),
        Ok(LoginOutcome::FactorRequired { methods }) => Err(format!("more of {methods:?}")),
        Ok(LoginOutcome::AccountClosed { .. }) => Err("closed".to_owned()),
        Err(cause) => Err(format!("{cause:?}")),
    }
}

/// A browser's sign-in; answers its cookie.
async fn browser(sign_in: &SignIn, identifier: &str, current: Option<&SignedInUser>) -> String {
    let attempt = begin(
        sign_in,
        "email-otp",
        AttemptStart::WithIdentifier { identifier, remembered: true },
        AuthenticationRequirement::default(),
    )
    .await;
    let code = sign_in.app.code_for(identifier).await;
    let now = verify(sign_in, "email-otp", &attempt, code, current).await.unwrap();
    now.cookie_secret.unwrap().expose_secret().to_owned()
}

async fn find(sign_in: &SignIn, cookie: &str) -> Option<SignedInUser> {
    sessions::find(&sign_in.app.app, cookie).await.unwrap()
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_seen_and_in_any_case_after_a_week() {
    let sign_in = SignIn::with(&[("POSTERN_SESSION__IDLE_LIFETIME", "12h")]).await;
    let cookie = browser(&sign_in, ALICE, None).await;
    sign_in.app.clock.advance(Duration::from_secs(12 * 3600 - 1));
    let signed_in = find(&sign_in, &cookie).await.unwrap();
    sessions::touch(&sign_in.app.app, &signed_in.session).await.unwrap();
    for _ in 0..14 {
        sign_in.app.clock.advance(Duration::from_secs(12 * 3600 - 10));
        if let Some(signed_in) = find(&sign_in, &cookie).await {
            sessions::touch(&sign_in.app.app, &signed_in.session).await.unwrap();
        }
    }
    assert!(find(&sign_in, &cookie).await.is_none(), "a week is over");

    let idle = browser(&sign_in, ALICE, None).await;
    sign_in.app.clock.advance(Duration::from_secs(12 * 3600));
    assert!(find(&sign_in, &idle).await.is_none());
}

#[tokio::test]
async fn being_seen_is_written_at_most_once_a_minute() {
    let sign_in = SignIn::new().await;
    let cookie = browser(&sign_in, ALICE, None).await;
    let seen_at = async || find(&sign_in, &cookie).await.unwrap().session.last_seen_at;
    let first = seen_at().await;
    sign_in.app.clock.advance(Duration::from_secs(59));
    sessions::touch(&sign_in.app.app, &find(&sign_in, &cookie).await.unwrap().session).await.unwrap();
    assert_eq!(seen_at().await, first);
    sign_in.app.clock.advance(Duration::from_secs(1));
    sessions::touch(&sign_in.app.app, &find(&sign_in, &cookie).await.unwrap().session).await.unwrap();
    assert_eq!(seen_at().await, first + Duration::from_mins(1));
}

#[tokio::test]
async fn signing_in_again_keeps_the_session_and_kills_the_old_cookie() {
    let sign_in = SignIn::new().await;
    let old = browser(&sign_in, ALICE, None).await;
    let before = find(&sign_in, &old).await.unwrap();
    sign_in.app.clock.advance(Duration::from_secs(100));
    let new = browser(&sign_in, ALICE, Some(&before)).await;
    assert_ne!(old, new);
    assert!(find(&sign_in, &old).await.is_none());
    let after = find(&sign_in, &new).await.unwrap();
    assert_eq!(after.session.sid, before.session.sid);
    assert!(after.session.auth_time > before.session.auth_time);
}

#[tokio::test]
async fn another_users_sign_in_ends_the_session_that_was_there() {
    let sign_in = SignIn::new().await;
    let alices = browser(&sign_in, ALICE, None).await;
    let before = find(&sign_in, &alices).await.unwrap();
    let bobs = browser(&sign_in, BOB, Some(&before)).await;
    assert!(find(&sign_in, &alices).await.is_none());
    assert_ne!(find(&sign_in, &bobs).await.unwrap().session.sid, before.session.sid);
}

#[tokio::test]
async fn a_step_up_raises_its_own_session_only() {
    let sign_in = SignIn::new().await;
    let cookie = browser(&sign_in, ALICE, None).await;
    let before = find(&sign_in, &cookie).await.unwrap();
    let elsewhere = browser(&sign_in, ALICE, None).await;
    let elsewhere = find(&sign_in, &elsewhere).await.unwrap();
    let authenticator = sign_in.enrol().await;
    let wanted =
        AuthenticationRequirement { min_acr: Some(Acr::Aal2), ..AuthenticationRequirement::default() };
    let methods = attempt::step_up_methods(&sign_in.app.app, &before, &wanted).await.unwrap();
    assert_eq!(methods, ["totp"]);
    let attempt = begin(&sign_in, "totp", AttemptStart::StepUp { signed_in: &before }, wanted).await;

    let code = authenticator.code(&sign_in.app, -1);
    assert!(verify(&sign_in, "totp", &attempt, code, Some(&elsewhere)).await.is_err(), "another session");
    let code = authenticator.code(&sign_in.app, 0);
    let now = verify(&sign_in, "totp", &attempt, code, Some(&before)).await.unwrap();
    assert_eq!((now.session.sid, now.session.acr.as_str()), (before.session.sid, "aal2"));
    assert!(find(&sign_in, &cookie).await.is_none(), "the old cookie");
    assert!(find(&sign_in, now.cookie_secret.unwrap().expose_secret()).await.is_some());
}

#[tokio::test]
async fn a_disabled_users_sessions_end_at_once() {
    let sign_in = SignIn::new().await;
    let cookie = browser(&sign_in, ALICE, None).await;
    users::disable(&sign_in.app.app, &sign_in.alice, &RequestContext::of_command(&sign_in.app.app))
        .await
        .unwrap();
    users::enable(&sign_in.app.app, &sign_in.alice, &RequestContext::of_command(&sign_in.app.app))
        .await
        .unwrap();
    assert!(find(&sign_in, &cookie).await.is_none());
}

#[tokio::test]
async fn the_attempt_is_bound_to_its_browser() {
    let sign_in = SignIn::new().await;
    let attempt = begin(
        &sign_in,
        "email-otp",
        AttemptStart::WithIdentifier { identifier: ALICE, remembered: true },
        AuthenticationRequirement::default(),
    )
    .await;
    let code = sign_in.app.code_for(ALICE).await;
    let context = RequestContext::of_command(&sign_in.app.app);
    for browser_secret in [None, Some("another browser")] {
        let verify = VerifyParameters {
            client: None,
            method: "email-otp",
            attempt_secret: &attempt,
            response: Proof::from_code(code.clone()),
            binding: AttemptBinding { authorization_request: None, browser_secret },
            session_kind: SessionKind::Browser,
            current_session: None,
            device_secret: None,
            context: &context,
        };
        assert!(attempt::verify(&sign_in.app.app, verify, &()).await.is_err());
    }
    assert!(verify(&sign_in, "email-otp", &attempt, code, None).await.is_ok());
}
