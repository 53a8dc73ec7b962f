//! Defines how PostgreSQL is opened: one pool, read-only unless a write begins.
//!
//! The server bounds statements and idle transactions, the pool bounds the wait for a connection. A connection that
//! was idle is tried before use, so that a restart of the server is not felt by those who come after it. Needs
//! sessions of its own (`LISTEN`, settings), so a pooler in between must pool sessions.

use std::time::Duration;

use sea_orm::{DbErr, StatementBuilder};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Postgres, Transaction};

use super::batch::{self, Done, Durability, Keep};
use super::error::DatabaseError;
use super::settings::DatabaseSettings;
use super::transaction::told;

/// What a server shows of connections whose URL gives no `application_name`.
const APPLICATION: &str = "postern";
/// Connections that are busier than this find out by themselves that the server is gone.
const TRY_AFTER_IDLE: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_mins(10);
/// Lets a load balancer in front of several servers, and the server's memory, settle again.
const LIFETIME: Duration = Duration::from_mins(30);

/// What all connections have in common.
pub(super) fn options(settings: &DatabaseSettings) -> Result<PgConnectOptions, DatabaseError> {
    let options: PgConnectOptions = settings.options()?;
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name(APPLICATION),
    };
    Ok(options.disable_statement_logging())
}

/// Opens the pool, and its first connection.
pub(super) async fn pool(
    options: PgConnectOptions,
    settings: &DatabaseSettings,
) -> Result<PgPool, DatabaseError> {
    let limit = settings.statement_timeout.duration().as_millis().to_string();
    let options = options.options([
        ("default_transaction_read_only", "on"),
        ("statement_timeout", limit.as_str()),
        ("idle_in_transaction_session_timeout", limit.as_str()),
    ]);
    PgPoolOptions::new()
        .max_connections(settings.connections.get())
        .min_connections(1)
        .acquire_timeout(settings.patience())
        .idle_timeout(IDLE)
        .max_lifetime(LIFETIME)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for >= TRY_AFTER_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options)
        .await
        .map_err(DatabaseError::connection)
}

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
const BEGIN_LIGHTLY: &str =
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL synchronous_commit TO off";

/// Begins a write.
pub(super) async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, DatabaseError> {
    begin_with(pool, BEGIN).await
}

async fn begin_with(
    pool: &PgPool,
    statement: &'static str,
) -> Result<Transaction<'static, Postgres>, DatabaseError> {
    let begun = pool.begin_with(statement);
    // Boxed, or else its size would be part of every future that writes somewhere inside.
    Box::pin(begun).await.map_err(DatabaseError::connection)
}

/// [`Database::write_together`](super::Database::write_together), one statement after the other.
pub(super) async fn write_together(
    pool: &PgPool,
    statements: &[&dyn StatementBuilder],
    keep: Keep,
    durability: Durability,
) -> Result<Vec<Done>, DatabaseError> {
    let mut transaction = match durability {
        Durability::Full => begin(pool).await?,
        Durability::Light => begin_with(pool, BEGIN_LIGHTLY).await?,
    };
    let mut done = Vec::with_capacity(statements.len());
    batch::each(&mut transaction, statements, &mut done).await.map_err(|cause| told(DbErr::Exec, cause))?;
    if keep(&done) {
        transaction.commit().await.map_err(DatabaseError::connection)?;
    } else {
        transaction.rollback().await.map_err(DatabaseError::connection)?;
    }
    Ok(done)
}
