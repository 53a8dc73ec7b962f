//! Counts what people change about their own account, so that nobody fills the record and the outbox.
//!
//! What takes something away (a session, an app's access, a passkey, an authenticator, the account itself) is not counted:
//! there is only so much of it, and its owner must be able to take away what a thief has added, however much that was.

use super::AccountError;
use crate::{
    App,
    rate_limit::{self, Limit, Taken},
    users::User,
};

/// Counts one change, before it is made.
pub async fn count(app: &App, user: &User) -> Result<(), AccountError> {
    let limit = Limit { name: "changes_per_account", rate: app.config.limits.changes_per_account };
    match rate_limit::take_now(app, limit, &user.id.to_string()).await? {
        Taken::Within(_) => Ok(()),
        Taken::Limited { retry_after, .. } => Err(AccountError::TooManyChanges { retry_after }),
    }
}
