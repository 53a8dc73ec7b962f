//! Gives people codes that stand in for their devices. Without one there is nothing to stand in for.

use super::AccountError;
use crate::{
    App,
    audit::Origin,
    login::{recovery_code, second_factor},
    users::User,
};

/// A new set of codes, shown once; for somebody who proved lately who they are ([`second_factor::requirement_to_change`]).
pub async fn renew(
    app: &App,
    user: &User,
    origin: &Origin,
    language: &str,
) -> Result<Vec<String>, AccountError> {
    let device = second_factor::first(app, user).await?.ok_or(AccountError::NoAuthenticator)?;
    recovery_code::renew(app, user, device, origin, language).await.map_err(AccountError::Login)
}
