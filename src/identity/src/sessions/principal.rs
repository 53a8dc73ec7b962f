//! Answers whether a write is still authorised by a session or an access token. No other module has this
//! rule.
//!
//! The principal was read before the write begins. Meanwhile the session may have ended, the password may
//! have been reset, or the account disabled. So such a write begins with one statement that locks and
//! asserts: [`Principal::write`] for a closure, [`Principal::lock_authority_statement`] for a batch.
//!
//! On PostgreSQL the statement locks the user's row and then the row of the session or the grant. If a
//! concurrent write is changing one of them, the statement waits and then judges the rows as they are (READ
//! COMMITTED reads again only the rows that a statement locks, so both rows are locked). A write that ends
//! all sessions or grants of a user first takes the user's row `FOR UPDATE`, and so comes entirely before or
//! entirely after this write. On SQLite writes are serial, and the statement is a plain read.

use postern_service::database::DatabaseError;
use sea_orm::{ConnectionTrait as _, DbBackend, FromQueryResult as _, Statement, StatementBuilder};
use uuid::Uuid;

use super::SignedInUser;
use crate::{
    core::{Actor, Core, RequestContext, Write},
    grants::Grant,
    users::{self, User},
};

/// A user and what authorises the request. Every use case that writes at a user's request takes a principal.
#[derive(Clone, Copy, Debug)]
pub struct Principal<'a> {
    pub user: &'a User,
    authority: Authority,
}

#[derive(Clone, Copy, Debug)]
enum Authority {
    Session(Uuid),
    /// The grant of an access token. The grant ends with its session, unless it has `offline_access`.
    Grant {
        id: Uuid,
        sid: Option<Uuid>,
    },
}

/// The authority for a write has ended since it was read, or its user may not have tokens any more. Nothing
/// was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session has ended")]
pub struct SessionEnded;

/// Why a write of a [`Principal`] was not made.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    SessionEnded(#[from] SessionEnded),
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

impl From<sea_orm::DbErr> for WriteError {
    fn from(cause: sea_orm::DbErr) -> Self {
        Self::Database(cause.into())
    }
}

/// How a write locks the rows of its authority until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowLocks {
    /// Other writes may rely on the same rows at the same time.
    Shared,
    /// Shared for the user's row; the write changes the session's row, such as `last_seen_at`.
    SharedUser,
    /// The write changes the user's row, or ends a set: all sessions or grants of the user, or a session with
    /// its grants.
    Exclusive,
}

impl<'a> Principal<'a> {
    /// A user who is authorised by a browser's session.
    pub fn from_session(signed_in: &'a SignedInUser) -> Self {
        Self { user: &signed_in.user, authority: Authority::Session(signed_in.session.sid) }
    }

    /// A user who is authorised by an access token.
    pub fn from_grant(user: &'a User, grant: &Grant) -> Self {
        Self { user, authority: Authority::Grant { id: grant.id, sid: grant.sid } }
    }

    /// The session of the request; none for a grant without a session.
    pub fn sid(&self) -> Option<Uuid> {
        match self.authority {
            Authority::Session(sid) => Some(sid),
            Authority::Grant { sid, .. } => sid,
        }
    }

    /// Runs `work` in a write, with the user as the row is now; an error if the authority has ended.
    pub async fn write<T, E, F>(&self, core: &Core, context: &RequestContext, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Write<'_>, User) -> Result<T, E>,
        E: From<DatabaseError> + From<SessionEnded>,
    {
        self.write_locked(core, context, RowLocks::Shared, work).await
    }

    /// [`Principal::write`] for work that changes the user's row or ends a set: see [`RowLocks::Exclusive`].
    pub async fn write_exclusive<T, E, F>(
        &self,
        core: &Core,
        context: &RequestContext,
        work: F,
    ) -> Result<T, E>
    where
        F: AsyncFnOnce(&Write<'_>, User) -> Result<T, E>,
        E: From<DatabaseError> + From<SessionEnded>,
    {
        self.write_locked(core, context, RowLocks::Exclusive, work).await
    }

    async fn write_locked<T, E, F>(
        &self,
        core: &Core,
        context: &RequestContext,
        locks: RowLocks,
        work: F,
    ) -> Result<T, E>
    where
        F: AsyncFnOnce(&Write<'_>, User) -> Result<T, E>,
        E: From<DatabaseError> + From<SessionEnded>,
    {
        let lock_authority = self.lock_authority_statement(locks);
        let context = &context.clone().by(Actor::User(self.user.id));
        core.write(context, async |write| {
            let row =
                write.query_one(&lock_authority).await.map_err(DatabaseError::from)?.ok_or(SessionEnded)?;
            let user = User::from_query_result(&row, "").map_err(DatabaseError::from)?;
            work(write, user).await
        })
        .await
    }

    /// Finds the user's row if the authority is still valid, and keeps it valid until the write ends. Must be
    /// the first statement of the write, so that all writes lock in the same order.
    pub fn lock_authority_statement(&self, locks: RowLocks) -> impl StatementBuilder + use<> {
        LockAuthority { authority: self.authority, account_closed: self.user.deletion_at.is_some(), locks }
    }
}

#[derive(Debug)]
struct LockAuthority {
    authority: Authority,
    /// Whether the user had closed the account already when the principal was read.
    account_closed: bool,
    locks: RowLocks,
}

impl StatementBuilder for LockAuthority {
    fn build(&self, backend: &DbBackend) -> Statement {
        // The session of a grant is not checked: its end revokes the grant, unless the grant has
        // `offline_access`.
        let (other, join, id) = match self.authority {
            Authority::Session(sid) => ("sessions", "o.ended_at IS NULL AND o.sid", sid),
            Authority::Grant { id, .. } => ("grants", "o.revoked_at IS NULL AND o.id", id),
        };
        let user = if self.account_closed { users::MAY_RESTORE } else { users::MAY_GET_TOKENS };
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
