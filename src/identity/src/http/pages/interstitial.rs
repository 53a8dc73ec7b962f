//! Answers what a person is asked once between a completed sign-in and where the sign-in leads. Each page can be passed by
//! one press, and none stands before a step-up or a request without pages: only a sign-in that opened a session comes here.

use super::recovery_codes;
use crate::{App, accounts::recovery_codes::set_not_kept, sessions::SignedInUser};

/// The page to show first, with the query that leads on from there. A failure to find out does not stop the sign-in.
pub(super) async fn path(app: &App, signed_in: &SignedInUser, onward: &str) -> Option<String> {
    match set_not_kept(app, &signed_in.user).await {
        Ok(true) => Some(format!("{}?{onward}", recovery_codes::REMINDER)),
        Ok(false) => None,
        Err(cause) => {
            tracing::warn!(%cause, "whether recovery codes are kept was not found out");
            None
        }
    }
}
