//! Answers a completed sign-in: the browser gets its session, and goes on to where the sign-in leads.

use poem::Response;
use secrecy::ExposeSecret as _;

use super::{
    super::{
        Form, error,
        interstitial::{self, NewSignIn},
        see_other,
    },
    flow::LoginFlow,
};
use crate::{
    App,
    authorization::{InteractionError, RequestNotPending},
    http::security,
    login::attempt::CompletedLogin,
    sessions::SignedInUser,
};

/// The sign-in is complete: the browser gets its session whatever became of the request meanwhile.
pub(super) async fn login_completed(
    flow: &LoginFlow,
    completed_login: &CompletedLogin<Result<(), RequestNotPending>>,
    form: &Form,
) -> Response {
    let closed = completed_login.user.deletion_at.is_some();
    let mut response = match completed_login.completion_output {
        Ok(()) if closed => see_other(&flow.restore_path()),
        Ok(()) => match interstitial_path(flow, completed_login, form).await {
            Some(path) => see_other(&path),
            None => see_other(&flow.next_path()),
        },
        Err(cause) => error::show(&flow.page, &InteractionError::from(cause).into()),
    };
    set_sign_in_cookies(&flow.app, &mut response, completed_login);
    flow.clear_attempt(&mut response);
    response
}

/// What the person is asked before the sign-in leads on. Nothing where the session continues: that person was asked when it
/// began.
async fn interstitial_path<Output>(
    flow: &LoginFlow,
    completed_login: &CompletedLogin<Output>,
    form: &Form,
) -> Option<String> {
    let CompletedLogin { session, user, device_secret, .. } = completed_login;
    if flow.signed_in.as_ref().is_some_and(|signed_in| signed_in.session.sid == session.sid) {
        return None;
    }
    let sign_in = NewSignIn {
        signed_in: SignedInUser { session: session.clone(), user: user.clone() },
        device_secret: device_secret.expose_secret(),
        requirement: &flow.requirement,
        browser_makes_passkeys: form.get("makes_passkeys").is_some(),
        context: flow.page.context(),
    };
    interstitial::path(&flow.app, sign_in, &flow.query()).await
}

/// Gives the browser its session and its device secret.
pub(in crate::http::pages) fn set_sign_in_cookies<Output>(
    app: &App,
    response: &mut Response,
    completed_login: &CompletedLogin<Output>,
) {
    if let Some(secret) = &completed_login.cookie_secret {
        let remembered = completed_login.session.remembered;
        security::set_session_cookie(app, response, secret.expose_secret(), remembered);
    }
    security::set_device_cookie(app, response, completed_login.device_secret.expose_secret());
}
