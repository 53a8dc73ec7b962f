//! Signs the owner of a new account in, in the write that creates it.
//!
//! The registration has shown who it is: the mailed link was opened, and the password was chosen or typed in this very
//! browser. Leaves to `accounts` whether that is so.

use postern_service::{clock::Timestamp, database::DatabaseError};
use secrecy::{ExposeSecret as _, SecretString};

use super::{attempt::CompletedLogin, devices};
use crate::{
    acr::Acr,
    app::{App, Completion},
    core::Write,
    crypto,
    grants::EndCause,
    sessions::{self, AuthenticationContext, NewSession, OpenedSession, SessionKind, SignedInUser},
    users::User,
};

/// A browser in which a new account is completed.
#[derive(Clone, Copy)]
pub struct NewAccountBrowser<'a> {
    /// The secret of the browser cookie.
    pub browser_secret: &'a str,
    /// The device secret as the request carried it, unverified ([`devices`]).
    pub device_secret: Option<&'a str>,
    /// The session that this browser has now, which ends.
    pub current_session: Option<&'a SignedInUser>,
    /// The client that the person came from.
    pub client_id: Option<&'a str>,
    /// When the password was chosen or typed in this browser.
    pub authenticated_at: Timestamp,
}

/// Opens the session of a new account. Sessions of other people end, as at any sign-in.
pub async fn sign_in<C: Completion>(
    app: &App,
    write: &Write<'_>,
    user: &User,
    browser: NewAccountBrowser<'_>,
    completion: &C,
) -> Result<CompletedLogin<C::Output>, DatabaseError> {
    if let Some(other) = browser.current_session {
        sessions::lock_user_and_end(write, other.session.sid, EndCause::Replaced).await?;
    }
    let device_secret = browser.device_secret.map_or_else(|| app.random.token(), SecretString::from);
    devices::remember(write, user.id, crypto::token_hash(device_secret.expose_secret()));
    let authentication = AuthenticationContext {
        auth_time: browser.authenticated_at,
        acr: Acr::Aal1,
        // RFC 8176 section 2: the password.
        amr: vec!["pwd".to_owned()].into(),
    };
    let new = NewSession {
        user_id: user.id,
        kind: SessionKind::Browser,
        client_id: browser.client_id.map(str::to_owned),
        authentication,
        remembered: false,
    };
    let OpenedSession { session, cookie_secret } = sessions::open(write, new);
    let completion_output = completion.complete(app, write, &session, user).await?;
    Ok(CompletedLogin { session, user: user.clone(), cookie_secret, device_secret, completion_output })
}
