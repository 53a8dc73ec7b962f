//! Defines how PostgreSQL is opened: one set of connections, read-only unless a write begins.
//!
//! The server bounds statements and idle transactions, `waiting` bounds the wait for its answers. A connection that
//! was idle is tried before use, so that a restart of the server is not felt by those who come after it. Needs
//! sessions of its own (`LISTEN`, settings), so a pooler in between must pool sessions.

use std::time::Duration;

use sea_orm::{DbErr, StatementBuilder};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Executor as _, Postgres};

use super::batch::{self, Done, Durability, Keep};
use super::connections::{Connections, Lent, Lifetimes};
use super::error::DatabaseError;
use super::settings::DatabaseSettings;
use super::transaction::told;

/// What a server shows of connections whose URL gives no `application_name`.
const APPLICATION: &str = "postern";

const LIFETIMES: Lifetimes = Lifetimes {
    idle: Duration::from_mins(10),
    // Connections that are busier find out by themselves that the server is gone.
    trusted: Duration::from_secs(1),
    // Lets a load balancer in front of several servers, and the server's memory, settle again.
    total: Duration::from_mins(30),
};

/// What all connections have in common.
pub(super) fn options(settings: &DatabaseSettings) -> Result<PgConnectOptions, DatabaseError> {
    let options: PgConnectOptions = settings.options()?;
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name(APPLICATION),
    };
    Ok(options.disable_statement_logging())
}

/// The connections, of which the first is opened.
pub(super) async fn connect(
    options: PgConnectOptions,
    settings: &DatabaseSettings,
) -> Result<Connections<Postgres>, DatabaseError> {
    let limit = settings.statement_timeout.duration().as_millis().to_string();
    let options = options.options([
        ("default_transaction_read_only", "on"),
        ("statement_timeout", limit.as_str()),
        ("idle_in_transaction_session_timeout", limit.as_str()),
    ]);
    let connections = Connections::new(options, LIFETIMES, settings);
    lend(&connections).await?.give_back();
    Ok(connections)
}

/// What listens to other nodes, for as long as it lives: a connection of its own, since it is never idle.
pub(super) fn listening_pool(options: PgConnectOptions, acquire_timeout: Duration) -> PgPool {
    PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(acquire_timeout)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_lazy_with(options)
}

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
const BEGIN_LIGHTLY: &str =
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL synchronous_commit TO off";

/// Begins a write.
pub(super) async fn begin(connections: &Connections<Postgres>) -> Result<Lent<Postgres>, DatabaseError> {
    begin_with(connections, BEGIN).await
}

async fn begin_with(
    connections: &Connections<Postgres>,
    statement: &'static str,
) -> Result<Lent<Postgres>, DatabaseError> {
    // Boxed, or else its size would be part of every future that writes somewhere inside.
    Box::pin(async {
        let mut lent = lend(connections).await?;
        execute(&mut lent, statement).await?;
        Ok(lent)
    })
    .await
}

async fn lend(connections: &Connections<Postgres>) -> Result<Lent<Postgres>, DatabaseError> {
    // Whatever keeps it from connecting, a wrong database name too, may pass.
    connections.lend().await.map_err(DatabaseError::Unavailable)
}

async fn execute(lent: &mut Lent<Postgres>, statement: &'static str) -> Result<(), DatabaseError> {
    let executed = lent.answer(async |connection| connection.execute(statement).await).await;
    executed.map(drop).map_err(DatabaseError::connection)
}

/// Makes a write durable. When this fails, the connection is closed, and whether it was made durable is not known.
pub(super) async fn commit(mut lent: Lent<Postgres>) -> Result<(), DatabaseError> {
    execute(&mut lent, "COMMIT").await?;
    lent.give_back();
    Ok(())
}

/// Undoes a write. A connection that cannot even roll back, or whose last statement was given up, is closed; the server
/// rolls back then.
pub(super) async fn rollback(mut lent: Lent<Postgres>) {
    if lent.answered() && execute(&mut lent, "ROLLBACK").await.is_ok() {
        lent.give_back();
    }
}

/// [`Database::write_together`](super::Database::write_together), one statement after the other.
pub(super) async fn write_together(
    connections: &Connections<Postgres>,
    statements: &[&dyn StatementBuilder],
    keep: Keep,
    durability: Durability,
) -> Result<Vec<Done>, DatabaseError> {
    let mut lent = match durability {
        Durability::Full => begin(connections).await?,
        Durability::Light => begin_with(connections, BEGIN_LIGHTLY).await?,
    };
    let mut done = Vec::with_capacity(statements.len());
    let outcome = lent.answer(async |connection| batch::each(connection, statements, &mut done).await).await;
    if let Err(cause) = outcome {
        rollback(lent).await;
        return Err(told(DbErr::Exec, cause).into());
    }
    if keep(&done) {
        commit(lent).await?;
    } else {
        rollback(lent).await;
    }
    Ok(done)
}
