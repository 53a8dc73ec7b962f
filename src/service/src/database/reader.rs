//! Defines [`Reader`], what reads: alike on both databases, and unable to write.
//!
//! On SQLite it lends one of a few connections for one statement each. sqlx's own pool is not used there: it asks a
//! connection whether it still lives whenever one comes back, which costs as much again as the statement.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Sqlite};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use super::settings::DatabaseSettings;
use super::transaction::{Kind, bind, told};

/// A connection that nobody used for so long is closed, and its thread with it.
const IDLE: Duration = Duration::from_mins(1);

/// Reads what was committed, each statement for itself. Implements [`ConnectionTrait`], so every query of sea-orm takes
/// it; a statement that writes is refused by the database.
pub struct Reader(Source);

enum Source {
    Sqlite(Box<Connections>),
    Postgres(DatabaseConnection),
}

impl Reader {
    /// Opens a connection whenever there is none to lend, and `settings.connections` at most.
    pub(super) fn sqlite(options: SqliteConnectOptions, settings: &DatabaseSettings) -> Self {
        let most = usize::try_from(settings.connections.get()).unwrap_or(Semaphore::MAX_PERMITS);
        let turns = Semaphore::new(most.min(Semaphore::MAX_PERMITS));
        let patience = settings.patience();
        Self(Source::Sqlite(Box::new(Connections { options, turns, patience, idle: Mutex::default() })))
    }

    pub(super) fn postgres(pool: sqlx::PgPool) -> Self {
        Self(Source::Postgres(pool.into()))
    }

    /// Closes the connections that nobody uses now; the others when they come back. Later reads fail.
    pub(super) async fn close(&self) {
        match &self.0 {
            Source::Sqlite(connections) => connections.close().await,
            // Closing a pool has no error to tell.
            Source::Postgres(pool) => drop(pool.close_by_ref().await),
        }
    }
}

/// The connections of SQLite.
struct Connections {
    options: SqliteConnectOptions,
    /// How many may be lent at a time.
    turns: Semaphore,
    patience: Duration,
    /// Last used last: what is lent is warm, and what a burst left over comes to the front and ends there.
    idle: Mutex<VecDeque<Idle>>,
}

struct Idle {
    connection: SqliteConnection,
    since: Instant,
}

impl Connections {
    /// Runs one statement. A connection is kept only after success: one whose statement failed, or was given up
    /// half-way, is closed, and the next statement opens a fresh one.
    async fn lend<T>(
        &self,
        kind: Kind,
        run: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, DbErr> {
        let _turn = self.turn().await.map_err(DbErr::ConnectionAcquire)?;
        let mut connection = self.take().await.map_err(|cause| told(DbErr::Conn, cause))?;
        let value = run(&mut connection).await.map_err(|cause| told(kind, cause))?;
        self.give_back(connection);
        Ok(value)
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, ConnAcquireErr> {
        if let Ok(turn) = self.turns.try_acquire() {
            return Ok(turn);
        }
        let turn = timeout(self.patience, self.turns.acquire()).await.map_err(|_| ConnAcquireErr::Timeout)?;
        turn.map_err(|_closed| ConnAcquireErr::ConnectionClosed)
    }

    async fn take(&self) -> Result<SqliteConnection, sqlx::Error> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop_back();
        match kept {
            Some(kept) => Ok(kept.connection),
            None => self.options.connect().await,
        }
    }

    fn give_back(&self, connection: SqliteConnection) {
        let now = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // Asked under the lock: what is put back after the end would stay.
        if self.turns.is_closed() {
            return;
        }
        idle.push_back(Idle { connection, since: now });
        let unused = idle.front().is_some_and(|first| now - first.since >= IDLE);
        drop(unused.then(|| idle.pop_front()));
    }

    async fn close(&self) {
        self.turns.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for unused in idle {
            // It only read; whatever it says, nothing is lost.
            let _ = unused.connection.close().await;
        }
    }
}

#[async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        match &self.0 {
            Source::Sqlite(_) => DbBackend::Sqlite,
            Source::Postgres(_) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match &self.0 {
            Source::Sqlite(connections) => {
                let query = bind::<Sqlite>(statement);
                connections.lend(DbErr::Exec, async |c| query.execute(c).await.map(ExecResult::from)).await
            }
            Source::Postgres(pool) => pool.execute_raw(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match &self.0 {
            Source::Sqlite(connections) => {
                let sql = AssertSqlSafe(sql.to_owned());
                connections.lend(DbErr::Exec, async |c| c.execute(sql).await.map(ExecResult::from)).await
            }
            Source::Postgres(pool) => pool.execute_unprepared(sql).await,
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match &self.0 {
            Source::Sqlite(connections) => {
                let query = bind::<Sqlite>(statement);
                let row = connections.lend(DbErr::Query, async |c| query.fetch_optional(c).await).await?;
                Ok(row.map(QueryResult::from))
            }
            Source::Postgres(pool) => pool.query_one_raw(statement).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.0 {
            Source::Sqlite(connections) => {
                let query = bind::<Sqlite>(statement);
                let rows = connections.lend(DbErr::Query, async |c| query.fetch_all(c).await).await?;
                Ok(rows.into_iter().map(QueryResult::from).collect())
            }
            Source::Postgres(pool) => pool.query_all_raw(statement).await,
        }
    }
}
