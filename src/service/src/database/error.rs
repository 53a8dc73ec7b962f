//! Defines database errors, sorted by what a caller can do about them.
//!
//! There are three kinds. Either the same call may succeed later ([`DatabaseError::Unavailable`], answered
//! with 503), or a unique constraint decided a race ([`unique_violation`]), or this program has a defect (all
//! other errors).

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, SqlErr};
use sqlx::error::DatabaseError as DriverError;
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

/// Why a read or a write did not happen.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DatabaseError {
    /// The database cannot be reached, is full, or was locked or slow for too long. The same call may succeed
    /// later. When a commit fails with this error, nobody knows whether it took effect.
    #[error("the database is not available")]
    Unavailable(#[source] DbErr),
    /// The database refused a statement because of a violated constraint or a defect of this program.
    #[error("the database refused a statement")]
    Query(#[source] DbErr),
    /// A write continued after one of its statements had failed or was cancelled. The whole write was rolled
    /// back.
    #[error("a write went on after a failed statement")]
    Aborted,
    /// The settings do not name a usable database: the rule, as a predicate.
    #[error("setting `database.url` {0}")]
    Settings(String),
}

impl DatabaseError {
    /// The wait for a connection or for a turn to write took too long.
    pub(super) const fn timed_out() -> Self {
        Self::Unavailable(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))
    }

    /// The database was closed, or the writer task has ended.
    pub(super) const fn closed() -> Self {
        Self::Unavailable(DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed))
    }

    /// Any error of opening a connection, or of beginning or committing a transaction.
    pub(super) fn connection(cause: sqlx::Error) -> Self {
        Self::Unavailable(DbErr::Conn(RuntimeErr::SqlxError(cause.into())))
    }

    /// See [`unique_violation`].
    pub fn unique_violation(&self) -> Option<String> {
        match self {
            Self::Query(cause) => unique_violation(cause),
            _ => None,
        }
    }
}

impl From<DbErr> for DatabaseError {
    fn from(cause: DbErr) -> Self {
        if unavailable(&cause) { Self::Unavailable(cause) } else { Self::Query(cause) }
    }
}

/// The columns whose uniqueness a statement would have violated, in the same form for both databases:
/// `users.email`, or `consents.user_id, consents.client_id` in the order of the index. `None` for any other
/// error.
///
/// The names come from the index. An index over expressions has no portable name, so unique indexes must be
/// over columns.
pub fn unique_violation(cause: &DbErr) -> Option<String> {
    let Some(SqlErr::UniqueConstraintViolation(message)) = cause.sql_err() else { return None };
    match database_error(cause)?.try_downcast_ref::<PgDatabaseError>() {
        Some(refusal) => postgres_columns(refusal).or_else(|| refusal.constraint().map(str::to_owned)),
        // SQLite says "UNIQUE constraint failed: users.email".
        None => message.rsplit_once(": ").map(|(_, columns)| columns.to_owned()),
    }
}

/// PostgreSQL names the columns only in the detail of the error: "Key (email)=(ada@example.test) already
/// exists." The words of the detail depend on the language of the server, its punctuation does not.
fn postgres_columns(refusal: &PgDatabaseError) -> Option<String> {
    let table = refusal.table()?;
    let (_, columns) = refusal.detail()?.split_once('(')?;
    let (columns, _values) = columns.split_once(")=(")?;
    let names: Vec<_> =
        columns.split(", ").map(|column| format!("{table}.{}", column.trim_matches('"'))).collect();
    Some(names.join(", "))
}

fn unavailable(cause: &DbErr) -> bool {
    match cause {
        DbErr::ConnectionAcquire(_) => true,
        DbErr::Conn(error) | DbErr::Exec(error) | DbErr::Query(error) => match error {
            RuntimeErr::SqlxError(error) => driver_unavailable(error),
            RuntimeErr::Internal(_) => false,
        },
        _ => false,
    }
}

fn driver_unavailable(error: &sqlx::Error) -> bool {
    use sqlx::Error as E;
    match error {
        E::Database(refusal) => driver_error_is_transient(refusal.as_ref()),
        E::Io(_)
        | E::Tls(_)
        | E::Protocol(_)
        | E::PoolTimedOut
        | E::PoolClosed
        | E::WorkerCrashed
        | E::BeginFailed => true,
        _ => false,
    }
}

/// Whether the same statement may succeed later (`DatabaseError::Unavailable`).
fn driver_error_is_transient(refusal: &dyn DriverError) -> bool {
    let code = refusal.code().unwrap_or_default();
    if refusal.try_downcast_ref::<SqliteError>().is_some() {
        return code.parse::<u32>().is_ok_and(sqlite_code_is_transient);
    }
    // Classes of PostgreSQL's appendix A: connection, transaction rollback (a deadlock), resources (disk
    // full, too many connections), operator intervention (shutdown, statement time-out), system error, wrong
    // password.
    let class = code.get(..2).unwrap_or_default();
    matches!(class, "08" | "28" | "40" | "53" | "57" | "58")
        // A standby or a node that lost its role, a lock time-out, an idle transaction that was ended.
        || matches!(&*code, "25006" | "25P03" | "55P03")
}

/// The lower byte of SQLite's extended result code (sqlite.org/rescode.html).
const fn sqlite_code_is_transient(code: u32) -> bool {
    const BUSY: u32 = 5;
    const LOCKED: u32 = 6;
    const OUT_OF_MEMORY: u32 = 7;
    const READ_ONLY: u32 = 8;
    const INTERRUPT: u32 = 9;
    const IO: u32 = 10;
    const CORRUPT: u32 = 11;
    const FULL: u32 = 13;
    const CANNOT_OPEN: u32 = 14;
    const PROTOCOL: u32 = 15;
    const NOT_A_DATABASE: u32 = 26;
    matches!(
        code & 0xff,
        BUSY | LOCKED
            | OUT_OF_MEMORY
            | READ_ONLY
            | INTERRUPT
            | IO
            | CORRUPT
            | FULL
            | CANNOT_OPEN
            | PROTOCOL
            | NOT_A_DATABASE
    )
}

/// Whether SQLite refused because another connection holds the lock.
pub(super) fn sqlite_busy(error: &sqlx::Error) -> bool {
    const BUSY: u32 = 5;
    error
        .as_database_error()
        .and_then(|refusal| refusal.code()?.parse::<u32>().ok())
        .is_some_and(|code| code & 0xff == BUSY)
}

fn database_error(cause: &DbErr) -> Option<&dyn DriverError> {
    match cause {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => error.as_database_error(),
        _ => None,
    }
}
