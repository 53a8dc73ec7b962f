//! Shows operators how an account signs in, opens one that is locked, and takes back what it signs in with.

use postern_entities::{credentials, recovery_codes};
use postern_service::clock::Timestamp;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use serde_json::json;

use super::ChangeError;
use crate::{
    App,
    accounts::{self, AccountError, password},
    audit::{Event, Origin},
    grants,
    login::{
        attempt::{self, failures_of_account},
        passkey::enrolment,
        recovery_code, totp,
    },
    rate_limit::{self, Limit},
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
    /// Failed proofs in the window that runs.
    pub failed_attempts: u32,
    /// Until when no password, or nothing else, is looked at, because too much failed.
    pub locked_until: Option<Timestamp>,
    /// When the person proved last who they are, of the sessions that are kept.
    pub last_sign_in: Option<Timestamp>,
    /// Live sessions.
    pub sessions: usize,
}

/// How an account signs in now.
pub async fn state(app: &App, user: &User) -> Result<SignInState, ChangeError> {
    let mut failures = Vec::new();
    for limit in limits(app) {
        failures.extend(rate_limit::look(app.db.reader(), limit, &user.email, app.clock.now()).await?);
    }
    let most = app.config.limits.failures_per_account.count.get();
    let live = sessions::live_of_user(app, user.id).await?;
    Ok(SignInState {
        password: password::is_set(app, user).await.map_err(told)?,
        totp: totp::status(app, user).await?.is_some(),
        passkeys: enrolment::list(app, user).await?.len(),
        recovery_codes: recovery_code::left(app, user).await?,
        failed_attempts: failures.iter().map(|failures| failures.used).sum(),
        locked_until: failures.iter().filter(|it| it.used >= most).map(|it| it.ends_at).max(),
        last_sign_in: sessions::last_auth_time(app, user.id).await?,
        sessions: live.len(),
    })
}

/// Guesses at the password, and failures of everything else.
fn limits(app: &App) -> [Limit; 2] {
    ["password", "totp"].map(|method| failures_of_account(app, method))
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
            for limit in limits(app) {
                rate_limit::forget(tx, limit, &user.email).await?;
            }
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
            accounts::end_links(tx, user.id, now).await?;
            attempt::end_of_user(tx, user.id, now).await?;
            for limit in limits(app) {
                rate_limit::forget(tx, limit, &user.email).await?;
            }
            sessions::end_all_of_user(app, tx, user.id, BECAUSE, origin, now).await?;
            grants::revoke_of_user(app, tx, user.id, BECAUSE, now).await?;
            let event = Event::new("credential.removed").user(user.id);
            event.details(json!({ "method": "all", "by": BECAUSE })).record(app, tx, origin, now).await?;
            Ok::<_, ChangeError>(())
        })
        .await
}
