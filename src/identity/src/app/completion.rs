//! Defines [`Completion`], what an app or page adds to a completed sign-in. `login::attempt` calls it.

use async_trait::async_trait;
use postern_service::database::DatabaseError;

use super::App;
use crate::{core::Write, sessions::Session, users::User};

/// Work that a completed sign-in adds to the write that opens its session. `()` adds nothing.
#[async_trait]
pub trait Completion: Sync {
    /// The result of the work.
    type Output: Send;

    /// Does the work. An error rolls back the sign-in.
    async fn complete(
        &self,
        app: &App,
        write: &Write<'_>,
        session: &Session,
        user: &User,
    ) -> Result<Self::Output, DatabaseError>;
}

#[async_trait]
impl Completion for () {
    type Output = ();

    async fn complete(&self, _: &App, _: &Write<'_>, _: &Session, _: &User) -> Result<(), DatabaseError> {
        Ok(())
    }
}
