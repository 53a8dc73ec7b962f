//! Answers whether a write that somebody's session or token allows may still be made: the one home of that rule.
//!
//! Who asks was read before the write begins. Meanwhile the session may have ended, the password may have been reset, the
//! account disabled. So such a write begins with one statement that locks and asserts: [`Principal::write`] for a closure,
//! [`Principal::standing_statement`] for a batch.
//!
//! On PostgreSQL the statement locks the user's row and then that of the session or the grant. Where somebody else is
//! changing one of them it waits, and then judges the locked rows as they are (READ COMMITTED looks again at the rows that
//! a statement locks, and at no others: so both are locked). Whoever ends all sessions or grants of a user takes the
//! user's row `FOR UPDATE` first, and so comes wholly before such a write or wholly after it. On SQLite writes take turns,
//! and the statement is a plain read.

use postern_service::database::{DatabaseError, Transaction};
use sea_orm::{ConnectionTrait as _, DbBackend, FromQueryResult as _, Statement, StatementBuilder};
use uuid::Uuid;

use super::SignedIn;
use crate::{
    App,
    grants::Grant,
    users::{self, User},
};

/// A user who asks for something, and what allows it. Every use case that writes on a person's wish takes one.
#[derive(Clone, Copy, Debug)]
pub struct Principal<'a> {
    /// The user, as read before the write.
    pub user: &'a User,
    authority: Authority,
}

#[derive(Clone, Copy, Debug)]
enum Authority {
    /// A browser's session.
    Session(Uuid),
    /// The grant of an access token. It ends with its session, unless it has `offline_access`.
    Grant { id: Uuid, sid: Option<Uuid> },
}

/// What allowed a write has ended since it was read, or its user may not have tokens any more. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session has ended")]
pub struct SessionEnded;

/// Why a write of a [`Principal`] was not made.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// What allowed it has ended.
    #[error(transparent)]
    Ended(#[from] SessionEnded),
    /// The database did not answer.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

impl From<sea_orm::DbErr> for WriteError {
    fn from(cause: sea_orm::DbErr) -> Self {
        Self::Database(cause.into())
    }
}

/// How the rows that a write relies on are locked until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowLocks {
    /// Others may rely on them too.
    Shared,
    /// The same, and the write changes the session's row, such as when it was last seen.
    SharedUser,
    /// The write changes the user's row, or ends a set: all sessions or grants of the user, a session with its grants.
    Exclusive,
}

impl<'a> Principal<'a> {
    /// Somebody whom a session of a browser allows something.
    pub fn by_session(signed_in: &'a SignedIn) -> Self {
        Self { user: &signed_in.user, authority: Authority::Session(signed_in.session.sid) }
    }

    /// Somebody whom an access token allows something.
    pub fn by_grant(user: &'a User, grant: &Grant) -> Self {
        Self { user, authority: Authority::Grant { id: grant.id, sid: grant.sid } }
    }

    /// The session that asks.
    pub fn sid(&self) -> Option<Uuid> {
        match self.authority {
            Authority::Session(sid) => Some(sid),
            Authority::Grant { sid, .. } => sid,
        }
    }

    /// Runs `work` in a write with the user as they are now, or refuses it where what allows it has ended.
    pub async fn write<T, E, F>(&self, app: &App, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Transaction, User) -> Result<T, E>,
        E: From<DatabaseError> + From<SessionEnded>,
    {
        self.locked(app, RowLocks::Shared, work).await
    }

    /// [`Principal::write`] for what changes the user's row or ends a set: see [`RowLocks::Exclusive`].
    pub async fn write_exclusive<T, E, F>(&self, app: &App, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Transaction, User) -> Result<T, E>,
        E: From<DatabaseError> + From<SessionEnded>,
    {
        self.locked(app, RowLocks::Exclusive, work).await
    }

    async fn locked<T, E, F>(&self, app: &App, locks: RowLocks, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Transaction, User) -> Result<T, E>,
        E: From<DatabaseError> + From<SessionEnded>,
    {
        let standing = self.standing_statement(locks);
        app.db
            .write(async |tx| {
                let row = tx.query_one(&standing).await.map_err(DatabaseError::from)?.ok_or(SessionEnded)?;
                let user = User::from_query_result(&row, "").map_err(DatabaseError::from)?;
                work(tx, user).await
            })
            .await
    }

    /// What finds the user's row if what allows the write still stands, and keeps it so until the write ends. The first
    /// statement of the write, so that everybody locks in the same order.
    pub fn standing_statement(&self, locks: RowLocks) -> impl StatementBuilder + use<> {
        Standing { authority: self.authority, closed: self.user.deletion_at.is_some(), locks }
    }
}

#[derive(Debug)]
struct Standing {
    authority: Authority,
    /// The user had closed the account when they were let in.
    closed: bool,
    locks: RowLocks,
}

impl StatementBuilder for Standing {
    fn build(&self, backend: &DbBackend) -> Statement {
        // The session of a grant is not asked: its end revokes the grant, unless that has `offline_access`.
        let (other, join, id) = match self.authority {
            Authority::Session(sid) => ("sessions", "o.ended_at IS NULL AND o.sid", sid),
            Authority::Grant { id, .. } => ("grants", "o.revoked_at IS NULL AND o.id", id),
        };
        let user = if self.closed { users::MAY_RESTORE } else { users::MAY_GET_TOKENS };
        let (parameter, locks) = match (backend, self.locks) {
            (DbBackend::Postgres, RowLocks::Shared) => ("$1", " FOR SHARE OF u, o"),
            (DbBackend::Postgres, RowLocks::SharedUser) => ("$1", " FOR SHARE OF u FOR NO KEY UPDATE OF o"),
            (DbBackend::Postgres, RowLocks::Exclusive) => ("$1", " FOR UPDATE OF u, o"),
            _ => ("?", ""),
        };
        let sql = format!(
            "SELECT u.* FROM users u JOIN {other} o ON o.user_id = u.id WHERE {join} = {parameter} AND {user}{locks}"
        );
        Statement::from_sql_and_values(*backend, sql, [id.into()])
    }
}
