//! Issues recovery codes for an account that has an authenticator; without one there is nothing to replace.

use postern_service::database::DatabaseError;

use super::AccountError;
use crate::{
    App,
    login::{
        self,
        credential_change::CredentialChange,
        recovery_code::{self, NewRecoveryCodes},
        second_factor,
    },
    users::User,
};

/// Whether the account has codes that the owner has not said to keep: who left the page that showed them.
pub async fn set_not_kept(app: &App, user: &User) -> Result<bool, DatabaseError> {
    if !login::method_available(app, "recovery-code") {
        return Ok(false);
    }
    let set = recovery_code::status(app, user).await?;
    Ok(set.unused > 0 && !set.kept)
}

/// Replaces the recovery codes. The new codes are shown once and stored hashed.
pub async fn replace_set(app: &App, change: CredentialChange<'_>) -> Result<NewRecoveryCodes, AccountError> {
    login::require_method(app, "recovery-code").map_err(AccountError::Login)?;
    let device = second_factor::first_device(app, change.principal.user).await?;
    let device = device.ok_or(AccountError::NoAuthenticator)?;
    recovery_code::replace_set(app, change, device).await.map_err(AccountError::Login)
}
