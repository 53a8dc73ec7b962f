//! Shows operators how an account signs in, unlocks an account, and removes its credentials.

use postern_entities::{credentials, recovery_codes};
use postern_service::clock::Timestamp;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use serde_json::json;

use super::ChangeError;
use crate::{
    App,
    accounts::{AccountError, password},
    audit::Event,
    core::RequestContext,
    grants::EndCause,
    login::{credential_change::AccessTermination, login_throttle, passkey::enrolment, recovery_code, totp},
    sessions,
    users::{self, User},
};

/// How an account signs in, for operators.
#[derive(Clone, Debug)]
pub struct SignInState {
    pub password: bool,
    /// Whether a TOTP authenticator is confirmed.
    pub totp: bool,
    pub passkeys: usize,
    /// Number of unused recovery codes.
    pub recovery_codes: usize,
    /// Number of failures that the login throttle counts.
    pub failed_attempts: u32,
    /// Until when passwords and codes from unknown devices are refused because of failures; none if they are
    /// accepted.
    pub locked_until: Option<Timestamp>,
    /// The latest `auth_time` of the stored sessions.
    pub last_sign_in: Option<Timestamp>,
    /// Number of live sessions.
    pub sessions: usize,
}

pub async fn load_state(app: &App, user: &User) -> Result<SignInState, ChangeError> {
    let throttle = login_throttle::account_failures(app.db.reader(), &user.email, app.clock.now()).await?;
    let live = sessions::live_of_user(app, user.id).await?;
    Ok(SignInState {
        password: password::has_password(app, user).await.map_err(change_error)?,
        totp: totp::status(app, user).await?.is_some(),
        passkeys: enrolment::list(app, user).await?.len(),
        recovery_codes: recovery_code::remaining(app, user).await?,
        failed_attempts: throttle.failures,
        locked_until: throttle.delayed_until,
        last_sign_in: sessions::last_auth_time(app, user.id).await?,
        sessions: live.len(),
    })
}

fn change_error(cause: AccountError) -> ChangeError {
    match cause {
        AccountError::Database(cause) => cause.into(),
        cause => ChangeError::Refused(cause.to_string()),
    }
}

/// Resets the login throttle of an account, so that its owner may sign in at once.
pub async fn unlock(app: &App, user: &User, context: &RequestContext) -> Result<(), ChangeError> {
    app.write(context, async |write| {
        login_throttle::reset_account(write, &user.email).await?;
        Event::new("user.unlocked").user(user.id).record(write).await?;
        Ok::<_, ChangeError>(())
    })
    .await
}

/// Removes every credential of an account: password, TOTP authenticator, passkeys and recovery codes. Only
/// codes by mail remain. Ends the sessions and grants of the account.
pub async fn reset_credentials(app: &App, user: &User, context: &RequestContext) -> Result<(), ChangeError> {
    app.write(context, async |write| {
        users::lock(write, user.id).await?;
        let of_user = credentials::Column::UserId.eq(user.id);
        credentials::Entity::delete_many().filter(of_user).exec(write).await?;
        let of_user = recovery_codes::Column::UserId.eq(user.id);
        recovery_codes::Entity::delete_many().filter(of_user).exec(write).await?;
        login_throttle::reset_account(write, &user.email).await?;
        AccessTermination { user_id: user.id, kept_session: None, cause: EndCause::ResetByOperator }
            .apply(write)
            .await?;
        let event = Event::new("credential.removed").user(user.id);
        event
            .details(json!({ "method": "all", "by": EndCause::ResetByOperator.word() }))
            .record(write)
            .await?;
        Ok::<_, ChangeError>(())
    })
    .await
}
