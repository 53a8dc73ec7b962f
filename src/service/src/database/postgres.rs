//! Defines how PostgreSQL is opened and written: one pool, read-only except within a write.
//!
//! The server limits statements and idle transactions; `wait_limits` limits the wait for its results. A
//! connection that was idle is pinged before use, so callers after a restart of the server get no error. The
//! service needs database sessions of its own (`LISTEN`, session settings), so a pooler in between must use
//! session pooling.

use std::time::Duration;

use sea_orm::{DbErr, StatementBuilder};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Executor as _, Postgres};

use super::batch::{self, CommitCondition, Durability, StatementResult};
use super::connections::{ConnectionLifetimes, ConnectionPool, PooledConnection};
use super::error::DatabaseError;
use super::settings::DatabaseSettings;
use super::transaction::driver_error;

/// `application_name` of connections whose URL gives none.
const APPLICATION_NAME: &str = "postern";

const LIFETIMES: ConnectionLifetimes = ConnectionLifetimes {
    idle_timeout: Duration::from_mins(10),
    // A connection in constant use notices by itself that the server is gone.
    ping_after_idle: Duration::from_secs(1),
    // Lets a load balancer distribute the connections again, and lets the server free the memory of old
    // sessions.
    max_lifetime: Duration::from_mins(30),
};

/// Options of all connections.
pub(super) fn options(settings: &DatabaseSettings) -> Result<PgConnectOptions, DatabaseError> {
    let options: PgConnectOptions = settings.options()?;
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name(APPLICATION_NAME),
    };
    Ok(options.disable_statement_logging())
}

/// Opens the pool and its first connection.
pub(super) async fn connect(
    options: PgConnectOptions,
    settings: &DatabaseSettings,
) -> Result<ConnectionPool<Postgres>, DatabaseError> {
    let limit = settings.statement_timeout.duration().as_millis().to_string();
    let options = options.options([
        ("default_transaction_read_only", "on"),
        ("statement_timeout", limit.as_str()),
        ("idle_in_transaction_session_timeout", limit.as_str()),
    ]);
    let connections = ConnectionPool::new(options, LIFETIMES, settings);
    acquire(&connections).await?.release();
    Ok(connections)
}

/// A pool of one connection that runs `LISTEN`. The connection is separate from the others, because it is in
/// use all the time.
pub(super) fn listening_pool(options: PgConnectOptions, acquire_timeout: Duration) -> PgPool {
    PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(acquire_timeout)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_lazy_with(options)
}

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
const BEGIN_RELAXED: &str =
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL synchronous_commit TO off";

pub(super) async fn begin(
    connections: &ConnectionPool<Postgres>,
) -> Result<PooledConnection<Postgres>, DatabaseError> {
    begin_with(connections, BEGIN).await
}

async fn begin_with(
    connections: &ConnectionPool<Postgres>,
    statement: &'static str,
) -> Result<PooledConnection<Postgres>, DatabaseError> {
    // Boxed, because the size of this future would otherwise be part of every future that writes.
    Box::pin(async {
        let mut pooled = acquire(connections).await?;
        execute(&mut pooled, statement).await?;
        Ok(pooled)
    })
    .await
}

async fn acquire(
    connections: &ConnectionPool<Postgres>,
) -> Result<PooledConnection<Postgres>, DatabaseError> {
    // Every error of connecting counts as transient, even a wrong database name: an operator may correct it.
    connections.acquire().await.map_err(DatabaseError::Unavailable)
}

async fn execute(
    pooled: &mut PooledConnection<Postgres>,
    statement: &'static str,
) -> Result<(), DatabaseError> {
    let executed = pooled.run(async |connection| connection.execute(statement).await).await;
    executed.map(drop).map_err(DatabaseError::connection)
}

/// Commits a write. When this fails the connection is closed, and nobody knows whether the write was
/// committed.
pub(super) async fn commit(mut pooled: PooledConnection<Postgres>) -> Result<(), DatabaseError> {
    execute(&mut pooled, "COMMIT").await?;
    pooled.release();
    Ok(())
}

/// Rolls back a write. When the rollback fails, or when the last statement was cancelled, the connection is
/// closed instead, and the server rolls back.
pub(super) async fn rollback(mut pooled: PooledConnection<Postgres>) {
    if pooled.statement_completed() && execute(&mut pooled, "ROLLBACK").await.is_ok() {
        pooled.release();
    }
}

/// [`Database::write_batch`](super::Database::write_batch), one statement after the other.
pub(super) async fn write_batch(
    connections: &ConnectionPool<Postgres>,
    statements: &[&dyn StatementBuilder],
    keep: CommitCondition,
    durability: Durability,
) -> Result<Vec<StatementResult>, DatabaseError> {
    let mut pooled = match durability {
        Durability::Full => begin(connections).await?,
        Durability::Relaxed => begin_with(connections, BEGIN_RELAXED).await?,
    };
    let mut done = Vec::with_capacity(statements.len());
    let outcome =
        pooled.run(async |connection| batch::run_each(connection, statements, &mut done).await).await;
    if let Err(cause) = outcome {
        rollback(pooled).await;
        return Err(driver_error(DbErr::Exec, cause).into());
    }
    if keep(&done) {
        commit(pooled).await?;
    } else {
        rollback(pooled).await;
    }
    Ok(done)
}
