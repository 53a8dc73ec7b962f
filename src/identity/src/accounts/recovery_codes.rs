//! Issues recovery codes for an account that has an authenticator; without one there is nothing to replace.

use super::AccountError;
use crate::{
    App,
    login::{self, credential_change::CredentialChange, recovery_code, second_factor},
};

/// Replaces the recovery codes. The new codes are shown once and stored hashed.
pub async fn replace_set(app: &App, change: CredentialChange<'_>) -> Result<Vec<String>, AccountError> {
    login::require_method(app, "recovery-code").map_err(AccountError::Login)?;
    let device = second_factor::first_device(app, change.principal.user).await?;
    let device = device.ok_or(AccountError::NoAuthenticator)?;
    recovery_code::replace_set(app, change, device).await.map_err(AccountError::Login)
}
