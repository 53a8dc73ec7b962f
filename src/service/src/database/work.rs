//! Defines the work that callers queue for the writer of `group_commit`, and how it runs on the open
//! connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::{DbErr, Statement};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Executor as _, Sqlite};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use super::batch::{self, Durability, StatementResult};
use super::error::DatabaseError;
use super::transaction::{bind, driver_error};

pub(super) type CommitResult = Result<(), DatabaseError>;

/// Queued work of one caller.
pub(super) enum Work {
    Turn(TurnReply),
    Batch(Batch),
}

pub(super) type TurnReply = oneshot::Sender<Result<Turn, DatabaseError>>;

/// Statements that the writer runs itself, and the condition on which they are committed.
pub(super) struct Batch {
    pub(super) statement: Statement,
    pub(super) commit_condition: batch::CommitCondition,
    pub(super) durability: Durability,
    /// Set when the statements begin. From then on the caller waits for the result however long it takes.
    pub(super) started: Arc<AtomicBool>,
    pub(super) reply: BatchReply,
}

pub(super) type BatchReply = oneshot::Sender<Result<Vec<StatementResult>, DatabaseError>>;

/// The exclusive use of the connection that writes. Dropping it without [`commit`](Turn::commit) rolls back
/// its writes.
pub(super) struct Turn {
    connection: OwnedMutexGuard<SqliteConnection>,
    commit_request: oneshot::Sender<CommitReply>,
}

/// A request to commit. The result of the commit is sent through it.
pub(super) type CommitReply = oneshot::Sender<CommitResult>;

/// A caller whose writes are part of the open group.
pub(super) enum GroupMember {
    Turn(CommitReply),
    Batch(BatchReply, Vec<StatementResult>),
}

impl GroupMember {
    pub(super) fn notify(self, outcome: CommitResult) {
        // A caller that was dropped has closed its channel.
        match self {
            Self::Turn(keep) => drop(keep.send(outcome)),
            Self::Batch(answer, done) => drop(answer.send(outcome.map(|()| done))),
        }
    }
}

impl Work {
    /// Whether the caller no longer waits.
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Turn(request) => request.is_closed(),
            Self::Batch(batch) => batch.reply.is_closed(),
        }
    }

    pub(super) fn durability(&self) -> Durability {
        match self {
            Self::Turn(_) => Durability::Full,
            Self::Batch(batch) => batch.durability,
        }
    }

    pub(super) fn refuse(self, cause: DatabaseError) {
        // A caller that was dropped has closed its channel.
        match self {
            Self::Turn(request) => drop(request.send(Err(cause))),
            Self::Batch(batch) => drop(batch.reply.send(Err(cause))),
        }
    }
}

impl Turn {
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Gives the connection back and waits until the writes are durable.
    pub(super) async fn commit(self) -> CommitResult {
        let (keep, outcome) = oneshot::channel();
        drop(self.connection);
        self.commit_request.send(keep).map_err(|_| DatabaseError::closed())?;
        outcome.await.unwrap_or_else(|_writer_gone| Err(DatabaseError::closed()))
    }
}

/// The lock is never contended. It passes the connection between the writer and the one caller whose turn it
/// is.
pub(super) type SharedConnection = Arc<Mutex<SqliteConnection>>;

pub(super) fn share(connection: SqliteConnection) -> SharedConnection {
    Arc::new(Mutex::new(connection))
}

/// Lends the connection to one caller and waits until it comes back. Returns where to send the result of the
/// commit, if the caller requests one.
pub(super) async fn run_turn(connection: &SharedConnection, request: TurnReply) -> Option<CommitReply> {
    let connection = Arc::clone(connection).lock_owned().await;
    let (verdict, kept) = oneshot::channel();
    // When the caller is gone, the turn is dropped here and nothing needs a rollback.
    request.send(Ok(Turn { connection, commit_request: verdict })).ok()?;
    kept.await.ok()
}

impl Batch {
    /// Runs the statements in a savepoint of their own. When the batch follows kept work, the savepoint of
    /// that work is released first. Returns the channel of the caller if its batch is kept; otherwise the
    /// caller gets its results here. An error is one of the connection.
    pub(super) async fn run(
        self,
        connection: &SharedConnection,
        follows_kept_work: bool,
    ) -> Result<Option<(BatchReply, Vec<StatementResult>)>, DatabaseError> {
        self.started.store(true, Ordering::Relaxed);
        let mut statement = self.statement;
        let begin = if follows_kept_work { NEXT_TURN } else { "" };
        statement.sql.insert_str(0, begin);
        let mut done = Vec::new();
        let outcome = {
            let mut connection = connection.lock().await;
            batch::read_results(connection.fetch_many(bind::<Sqlite>(statement)), &mut done).await
        };
        let begun = begin.matches(';').count();
        if let Err(cause) = outcome {
            let in_beginning = done.len() < begun;
            let cause = if in_beginning {
                DatabaseError::connection(cause)
            } else {
                driver_error(DbErr::Exec, cause).into()
            };
            // A caller that was dropped has closed its channel.
            let _ = self.reply.send(Err(cause.clone()));
            return if in_beginning { Err(cause) } else { Ok(None) };
        }
        done.drain(..begun);
        if (self.commit_condition)(&done) {
            return Ok(Some((self.reply, done)));
        }
        let _ = self.reply.send(Ok(done));
        Ok(None)
    }
}

pub(super) const BEGIN: &str = "BEGIN IMMEDIATE; SAVEPOINT turn";

/// Begins a group whose commit, and all later ones, have this durability (`PRAGMA synchronous`). SQLite
/// applies the pragma when the statement is prepared, so the prepared statement must not be cached.
pub(super) async fn set_and_begin(
    connection: &SharedConnection,
    durability: Durability,
) -> Result<(), sqlx::Error> {
    let sql = match durability {
        Durability::Full => "PRAGMA synchronous = FULL; BEGIN IMMEDIATE; SAVEPOINT turn",
        Durability::Relaxed => "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE; SAVEPOINT turn",
    };
    let mut connection = connection.lock().await;
    sqlx::query(sql).persistent(false).execute(&mut *connection).await.map(drop)
}

/// Keeps the writes of the open savepoint and opens the next one.
pub(super) const NEXT_TURN: &str = "RELEASE turn; SAVEPOINT turn; ";

pub(super) async fn execute(connection: &SharedConnection, sql: &'static str) -> CommitResult {
    try_execute(connection, sql).await.map_err(DatabaseError::connection)
}

pub(super) async fn try_execute(connection: &SharedConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    let mut connection = connection.lock().await;
    sqlx::query(sql).execute(&mut *connection).await.map(drop)
}
