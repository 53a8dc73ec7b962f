//! Opens the session of a sign-in that is complete.

use postern_service::{clock::Timestamp, database::Transaction};
use uuid::Uuid;

use super::{
    super::{LoginError, policy::Reached},
    Verify,
};
use crate::{
    app::App,
    sessions::{self, NewSession, Opened, Proven, SessionKind},
    users::User,
};

/// What was asked of the session.
pub(super) struct SessionAsked {
    /// It is stepped up.
    pub(super) step_up_of: Option<Uuid>,
    /// Whether the browser is to keep it.
    pub(super) remembered: Option<bool>,
}

/// A new session, or a new life for the one this browser has: its old cookie is dead either way
/// (OWASP ASVS 7.2.4).
pub(super) async fn sign_in(
    app: &App,
    tx: &Transaction,
    verify: &Verify<'_>,
    asked: SessionAsked,
    user: &User,
    reached: Reached,
    now: Timestamp,
) -> Result<Opened, LoginError> {
    let SessionAsked { step_up_of, remembered } = asked;
    let proven = Proven { auth_time: now, acr: reached.acr.word().to_owned(), amr: reached.amr };
    Ok(match verify.current.filter(|_| verify.session_kind == SessionKind::Browser) {
        Some(current) if current.user.id == user.id => {
            if step_up_of.is_some_and(|sid| sid != current.session.sid) {
                return Err(LoginError::Refused);
            }
            sessions::renew(app, tx, &current.session, proven, remembered, verify.origin, now)
                .await?
                .ok_or(LoginError::Refused)?
        }
        // A step-up goes on with what its session proved, so that session must be the browser's.
        _ if step_up_of.is_some() => return Err(LoginError::Refused),
        current => {
            if let Some(other) = current {
                sessions::end(app, tx, other.session.sid, "replaced", verify.origin, now).await?;
            }
            open(app, tx, verify, user, proven, remembered == Some(true), now)
        }
    })
}

fn open(
    app: &App,
    tx: &Transaction,
    verify: &Verify<'_>,
    user: &User,
    proven: Proven,
    remembered: bool,
    now: Timestamp,
) -> Opened {
    let new = NewSession {
        user_id: user.id,
        kind: verify.session_kind,
        client_id: verify.client.map(|client| client.client_id().to_owned()),
        proven,
        remembered,
        origin: verify.origin.clone(),
    };
    sessions::open(app, tx, new, now)
}
