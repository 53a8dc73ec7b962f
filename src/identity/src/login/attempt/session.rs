//! Opens or renews the session of a completed sign-in.
//!
//! The user who is signed in keeps the session with a new cookie secret; another user's session ends. Leaves
//! the rows to [`sessions`].

use uuid::Uuid;

use super::{
    super::{LoginError, policy::AchievedAssurance},
    VerifyParameters,
};
use crate::{
    core::Write,
    grants::EndCause,
    sessions::{self, AuthenticationContext, NewSession, OpenedSession, SessionKind},
    users::User,
};

/// What the attempt was begun for, as far as the session is concerned.
pub(super) struct SessionOptions {
    /// The session that the attempt steps up; none for a first sign-in.
    pub(super) step_up_of: Option<Uuid>,
    /// Whether the session outlives the browser; none where the user had no such choice.
    pub(super) remembered: Option<bool>,
}

/// Opens a new session, or renews the one that this browser has. The old cookie secret is invalid either way
/// (OWASP ASVS 7.2.4).
pub(super) async fn open_or_renew(
    write: &Write<'_>,
    verify: &VerifyParameters<'_>,
    asked: SessionOptions,
    user: &User,
    reached: AchievedAssurance,
) -> Result<OpenedSession, LoginError> {
    let SessionOptions { step_up_of, remembered } = asked;
    let authentication =
        AuthenticationContext { auth_time: write.now(), acr: reached.acr, amr: reached.amr.into() };
    Ok(match verify.current_session.filter(|_| verify.session_kind == SessionKind::Browser) {
        Some(current) if current.user.id == user.id => {
            if step_up_of.is_some_and(|sid| sid != current.session.sid) {
                return Err(LoginError::ResponseRejected);
            }
            sessions::renew(write, &current.session, authentication, remembered)
                .await?
                .ok_or(LoginError::ResponseRejected)?
        }
        // A step-up builds on the session's own authentication, so the session must be the one of this
        // browser.
        _ if step_up_of.is_some() => return Err(LoginError::ResponseRejected),
        current => {
            if let Some(other) = current {
                sessions::lock_user_and_end(write, other.session.sid, EndCause::Replaced).await?;
            }
            open(write, verify, user, authentication, remembered == Some(true))
        }
    })
}

fn open(
    write: &Write<'_>,
    verify: &VerifyParameters<'_>,
    user: &User,
    authentication: AuthenticationContext,
    remembered: bool,
) -> OpenedSession {
    let new = NewSession {
        user_id: user.id,
        kind: verify.session_kind,
        client_id: verify.client.map(|client| client.client_id().to_owned()),
        authentication,
        remembered,
    };
    sessions::open(write, new)
}
