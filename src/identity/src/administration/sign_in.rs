//! Shows operators how an account signs in, opens one that is locked, and takes back what it signs in with.

use postern_entities::{credentials, recovery_codes};
use postern_service::clock::Timestamp;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use serde_json::json;

use super::ChangeError;
use crate::{
    App,
    accounts::{AccountError, password},
    audit::{Event, Origin},
    login::{credential_change::Ending, guesses, passkey::enrolment, recovery_code, totp},
    sessions,
    users::{self, User},
};

const BECAUSE: &str = "reset_by_operator";

/// How an account signs in.
#[derive(Clone, Debug)]
pub struct SignInState {
    /// Whether it has a password.
    pub password: bool,
    /// Whether it has an authenticator.
    pub totp: bool,
    /// How many passkeys it has.
    pub passkeys: usize,
    /// How many recovery codes are left.
    pub recovery_codes: usize,
    /// Failed proofs that are remembered.
    pub failed_attempts: u32,
    /// Until when no password, or no code, from an unknown device is looked at, because too much failed.
    pub locked_until: Option<Timestamp>,
    /// When the person proved last who they are, of the sessions that are kept.
    pub last_sign_in: Option<Timestamp>,
    /// Live sessions.
    pub sessions: usize,
}

/// How an account signs in now.
pub async fn state(app: &App, user: &User) -> Result<SignInState, ChangeError> {
    let guesses = guesses::look(app.db.reader(), &user.email, app.clock.now()).await?;
    let live = sessions::live_of_user(app, user.id).await?;
    Ok(SignInState {
        password: password::is_set(app, user).await.map_err(told)?,
        totp: totp::status(app, user).await?.is_some(),
        passkeys: enrolment::list(app, user).await?.len(),
        recovery_codes: recovery_code::left(app, user).await?,
        failed_attempts: guesses.made,
        locked_until: guesses.waits_until,
        last_sign_in: sessions::last_auth_time(app, user.id).await?,
        sessions: live.len(),
    })
}

fn told(cause: AccountError) -> ChangeError {
    match cause {
        AccountError::Database(cause) => cause.into(),
        cause => ChangeError::Refused(cause.to_string()),
    }
}

/// Forgets the failed proofs of an account, so that it may sign in at once.
pub async fn unlock(app: &App, user: &User, origin: &Origin) -> Result<(), ChangeError> {
    let now = app.clock.now();
    app.db
        .write(async |tx| {
            guesses::forget(tx, &user.email).await?;
            Event::new("user.unlocked").user(user.id).record(app, tx, origin, now).await?;
            Ok::<_, ChangeError>(())
        })
        .await
}

/// Takes back everything an account signs in with but its mail: password, authenticator, recovery codes. Ends its
/// sessions and grants.
pub async fn reset(app: &App, user: &User, origin: &Origin) -> Result<(), ChangeError> {
    let now = app.clock.now();
    app.db
        .write(async |tx| {
            users::lock(tx, user.id).await?;
            let of_user = credentials::Column::UserId.eq(user.id);
            credentials::Entity::delete_many().filter(of_user).exec(tx).await?;
            let of_user = recovery_codes::Column::UserId.eq(user.id);
            recovery_codes::Entity::delete_many().filter(of_user).exec(tx).await?;
            guesses::forget(tx, &user.email).await?;
            Ending { user_id: user.id, kept: None, because: BECAUSE, origin }.end(app, tx, now).await?;
            let event = Event::new("credential.removed").user(user.id);
            event.details(json!({ "method": "all", "by": BECAUSE })).record(app, tx, origin, now).await?;
            Ok::<_, ChangeError>(())
        })
        .await
}
