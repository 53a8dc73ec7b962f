//! Defines what callers ask of the writer of `group`, and how it is done on the open connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::{DbErr, Statement};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Executor as _, Sqlite};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use super::batch::{self, Done, Durability};
use super::error::DatabaseError;
use super::transaction::{bind, told};

pub(super) type Outcome = Result<(), DatabaseError>;

/// What a caller waits for.
pub(super) enum Work {
    /// Lend me the connection.
    Turn(Request),
    /// Run these statements.
    Batch(Batch),
}

pub(super) type Request = oneshot::Sender<Result<Turn, DatabaseError>>;

/// Statements that the writer runs itself, and what it does about what they did.
pub(super) struct Batch {
    pub(super) statement: Statement,
    pub(super) keep: batch::Keep,
    pub(super) durability: Durability,
    /// Set when the statements begin, so that their caller waits for the answer however long it takes.
    pub(super) begun: Arc<AtomicBool>,
    pub(super) answer: Answer,
}

pub(super) type Answer = oneshot::Sender<Result<Vec<Done>, DatabaseError>>;

/// The right to use the connection. Dropped without [`commit`](Turn::commit), what was done with it is undone.
pub(super) struct Turn {
    connection: OwnedMutexGuard<SqliteConnection>,
    verdict: oneshot::Sender<Keep>,
}

/// "Keep what I wrote, and tell me here how the commit went."
pub(super) type Keep = oneshot::Sender<Outcome>;

/// Who wants to keep what was written in the open group.
pub(super) enum Member {
    Turn(Keep),
    Batch(Answer, Vec<Done>),
}

impl Member {
    pub(super) fn tell(self, outcome: Outcome) {
        // One that was dropped does not listen.
        match self {
            Self::Turn(keep) => drop(keep.send(outcome)),
            Self::Batch(answer, done) => drop(answer.send(outcome.map(|()| done))),
        }
    }
}

impl Work {
    /// Nobody waits for it any more.
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Turn(request) => request.is_closed(),
            Self::Batch(batch) => batch.answer.is_closed(),
        }
    }

    /// What it asks of its commit.
    pub(super) fn durability(&self) -> Durability {
        match self {
            Self::Turn(_) => Durability::Full,
            Self::Batch(batch) => batch.durability,
        }
    }

    pub(super) fn refuse(self, cause: DatabaseError) {
        // Gone in this very moment, and so not interested.
        match self {
            Self::Turn(request) => drop(request.send(Err(cause))),
            Self::Batch(batch) => drop(batch.answer.send(Err(cause))),
        }
    }
}

impl Turn {
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Gives the connection back and waits until what was written with it is durable.
    pub(super) async fn commit(self) -> Outcome {
        let (keep, outcome) = oneshot::channel();
        drop(self.connection);
        self.verdict.send(keep).map_err(|_| DatabaseError::closed())?;
        outcome.await.unwrap_or_else(|_writer_gone| Err(DatabaseError::closed()))
    }
}

/// The lock is never contended: it passes the connection between the writer and the one caller whose turn it is.
pub(super) type Shared = Arc<Mutex<SqliteConnection>>;

pub(super) fn share(connection: SqliteConnection) -> Shared {
    Arc::new(Mutex::new(connection))
}

/// Lends the connection to one caller and waits until it is back. Answers where to tell the outcome if the caller
/// wants to keep what it wrote.
pub(super) async fn lend(connection: &Shared, request: Request) -> Option<Keep> {
    let connection = Arc::clone(connection).lock_owned().await;
    let (verdict, kept) = oneshot::channel();
    // When the caller is gone the turn comes back and is dropped here, which is an undo of nothing.
    request.send(Ok(Turn { connection, verdict })).ok()?;
    kept.await.ok()
}

impl Batch {
    /// Runs the statements in a savepoint of their own; `after` one that holds what a member keeps. Answers those who are
    /// refused; the others hear of the commit. An error is one of the connection.
    pub(super) async fn run(
        self,
        connection: &Shared,
        after: bool,
    ) -> Result<Option<(Answer, Vec<Done>)>, DatabaseError> {
        self.begun.store(true, Ordering::Relaxed);
        let mut statement = self.statement;
        let begin = if after { NEXT_TURN } else { "" };
        statement.sql.insert_str(0, begin);
        let mut done = Vec::new();
        let outcome = {
            let mut connection = connection.lock().await;
            batch::read(connection.fetch_many(bind::<Sqlite>(statement)), &mut done).await
        };
        let begun = begin.matches(';').count();
        if let Err(cause) = outcome {
            let in_beginning = done.len() < begun;
            let cause =
                if in_beginning { DatabaseError::connection(cause) } else { told(DbErr::Exec, cause).into() };
            // One that was dropped does not listen.
            let _ = self.answer.send(Err(cause.clone()));
            return if in_beginning { Err(cause) } else { Ok(None) };
        }
        done.drain(..begun);
        if (self.keep)(&done) {
            return Ok(Some((self.answer, done)));
        }
        let _ = self.answer.send(Ok(done));
        Ok(None)
    }
}

/// Opens a group.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE; SAVEPOINT turn";

/// Opens a group; its commit, and those after it, do as `durability` says (`PRAGMA synchronous`). SQLite obeys when it
/// prepares the pragma, so this text must not be kept prepared.
pub(super) async fn set_and_begin(connection: &Shared, durability: Durability) -> Result<(), sqlx::Error> {
    let sql = match durability {
        Durability::Full => "PRAGMA synchronous = FULL; BEGIN IMMEDIATE; SAVEPOINT turn",
        Durability::Light => "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE; SAVEPOINT turn",
    };
    let mut connection = connection.lock().await;
    sqlx::query(sql).persistent(false).execute(&mut *connection).await.map(drop)
}

/// Keeps what is in the savepoint, and opens the next one.
pub(super) const NEXT_TURN: &str = "RELEASE turn; SAVEPOINT turn; ";

pub(super) async fn execute(connection: &Shared, sql: &'static str) -> Outcome {
    try_execute(connection, sql).await.map_err(DatabaseError::connection)
}

pub(super) async fn try_execute(connection: &Shared, sql: &'static str) -> Result<(), sqlx::Error> {
    let mut connection = connection.lock().await;
    sqlx::query(sql).execute(&mut *connection).await.map(drop)
}
