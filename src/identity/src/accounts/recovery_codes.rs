//! Gives people codes that stand in for their devices. Without one there is nothing to stand in for.

use super::AccountError;
use crate::{
    App,
    login::{credential_change::CredentialChange, recovery_code, second_factor},
};

/// A new set of codes, shown once.
pub async fn renew(app: &App, change: CredentialChange<'_>) -> Result<Vec<String>, AccountError> {
    let device = second_factor::first(app, change.principal.user).await?;
    let device = device.ok_or(AccountError::NoAuthenticator)?;
    recovery_code::renew(app, change, device).await.map_err(AccountError::Login)
}
