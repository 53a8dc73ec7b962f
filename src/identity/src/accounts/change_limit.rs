//! Limits how often a person may change their own account, so that no one fills the audit record and the job
//! queue.
//!
//! What removes something (a session, an application's access, a passkey, an authenticator, the account
//! itself) is not counted: the number of such things is bounded, and the owner must be able to remove
//! whatever a thief has added.

use super::AccountError;
use crate::{
    App,
    rate_limit::{self, Limit, TakeOutcome},
    users::User,
};

/// Counts one change. Call before the change, in a write of its own, so that a failed change counts as well.
pub async fn count_change(app: &App, user: &User) -> Result<(), AccountError> {
    let limit = Limit { name: "changes_per_account", rate: app.config.limits.changes_per_account };
    match rate_limit::take_relaxed(app, limit, &user.id.to_string()).await? {
        TakeOutcome::Within(_) => Ok(()),
        TakeOutcome::Limited { retry_after, .. } => Err(AccountError::TooManyChanges { retry_after }),
    }
}
