//! Runs the steps of a schema exactly once, however many nodes start at the same time.
//!
//! On SQLite all steps of a run are one `BEGIN IMMEDIATE` transaction. The lock excludes other processes, and
//! a crash leaves the schema as it was. On PostgreSQL a session holds an advisory lock and each step is its
//! own transaction, so that a step that cannot run in a transaction (`CREATE INDEX CONCURRENTLY`) can opt
//! out.
//!
//! SQLite changes a table by creating a new one and copying the rows (`sqlite.org/lang_altertable.html`
//! section 7), so foreign keys are not enforced while SQLite migrates. They are checked before the commit.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait as _,
};
use sea_orm_migration::MigratorTrait;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::{Database, DatabaseError, WriteBackend};

/// How long a node waits for another node that migrates.
const LOCK_TIMEOUT: Duration = Duration::from_mins(1);
/// Identifier of the advisory lock: "postern" in ASCII.
const ADVISORY_LOCK_ID: i64 = 0x0070_6f73_7465_726e;

/// One step of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Name in the table of applied steps.
    pub name: String,
    pub applied: bool,
}

#[derive(Clone, Copy)]
enum Direction {
    Up,
    /// Reverts this many steps.
    Down(u32),
}

/// Applies the steps that are missing and returns their names. When none is missing this costs two reads.
pub async fn up<M: MigratorTrait>(db: &Database) -> Result<Vec<String>, DatabaseError> {
    let steps = status::<M>(db).await?;
    if steps.iter().all(|step| step.applied) {
        return Ok(Vec::new());
    }
    run::<M>(db, Direction::Up).await
}

/// Reverts the last `steps` steps, or all when there are fewer, and returns their names.
pub async fn down<M: MigratorTrait>(db: &Database, steps: u32) -> Result<Vec<String>, DatabaseError> {
    run::<M>(db, Direction::Down(steps)).await
}

/// All steps in their order.
pub async fn status<M: MigratorTrait>(db: &Database) -> Result<Vec<Step>, DatabaseError> {
    steps::<M>(db.reader()).await.map_err(DatabaseError::from)
}

async fn steps<M: MigratorTrait>(connection: &impl ConnectionTrait) -> Result<Vec<Step>, DbErr> {
    let migrations = M::get_migration_with_status_read_only(connection).await?;
    let step = |migration: &sea_orm_migration::Migration| Step {
        name: migration.name().to_owned(),
        applied: migration.status() == sea_orm_migration::MigrationStatus::Applied,
    };
    Ok(migrations.iter().map(step).collect())
}

async fn run<M: MigratorTrait>(db: &Database, direction: Direction) -> Result<Vec<String>, DatabaseError> {
    match &db.0.write_backend {
        WriteBackend::Sqlite { options, .. } => run_on_sqlite::<M>(options.clone(), direction).await,
        WriteBackend::Postgres { options, .. } => run_on_postgres::<M>(options.clone(), direction).await,
    }
}

async fn run_on_sqlite<M: MigratorTrait>(
    options: SqliteConnectOptions,
    direction: Direction,
) -> Result<Vec<String>, DatabaseError> {
    let options = options.foreign_keys(false).busy_timeout(LOCK_TIMEOUT);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
    let connection: DatabaseConnection = pool.map_err(DatabaseError::connection)?.into();
    let changed = run_in_one_transaction::<M>(&connection, direction).await;
    close(connection).await;
    changed
}

async fn run_in_one_transaction<M: MigratorTrait>(
    connection: &DatabaseConnection,
    direction: Direction,
) -> Result<Vec<String>, DatabaseError> {
    let immediate = Some(SqliteTransactionMode::Immediate);
    let options =
        TransactionOptions { isolation_level: None, access_mode: None, sqlite_transaction_mode: immediate };
    let transaction = connection.begin_with_options(options).await?;
    let changed = async {
        let before = steps::<M>(&transaction).await?;
        match direction {
            Direction::Up => M::up(&transaction, None).await?,
            Direction::Down(count) => M::down(&transaction, Some(count)).await?,
        }
        check_foreign_keys(&transaction).await?;
        Ok(changed_steps(&before, &steps::<M>(&transaction).await?))
    }
    .await;
    match changed {
        Ok(_) => transaction.commit().await?,
        Err(_) => transaction.rollback().await?,
    }
    changed
}

async fn check_foreign_keys(connection: &impl ConnectionTrait) -> Result<(), DatabaseError> {
    let check = Statement::from_string(connection.get_database_backend(), "PRAGMA foreign_key_check");
    match connection.query_one_raw(check).await? {
        None => Ok(()),
        Some(row) => {
            let table: String = row.try_get_by_index(0)?;
            let broken = format!("a row of {table} would refer to a row that does not exist");
            Err(DatabaseError::Query(DbErr::Migration(broken)))
        }
    }
}

async fn run_on_postgres<M: MigratorTrait>(
    options: PgConnectOptions,
    direction: Direction,
) -> Result<Vec<String>, DatabaseError> {
    // A step may take long, but the wait for a lock may not.
    let lock_timeout = LOCK_TIMEOUT.as_millis().to_string();
    let options = options.options([("statement_timeout", "0"), ("lock_timeout", lock_timeout.as_str())]);
    // The pool has one connection, which takes the advisory lock when it is opened. If the connection is lost
    // and replaced within the run, the new one takes the lock before it continues.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(LOCK_TIMEOUT)
        .max_lifetime(None)
        .idle_timeout(None)
        .test_before_acquire(false)
        .after_connect(|connection, _| Box::pin(lock(connection)))
        .connect_with(options)
        .await;
    let connection: DatabaseConnection = pool.map_err(DatabaseError::connection)?.into();
    let changed = run_step_by_step::<M>(&connection, direction).await;
    close(connection).await;
    changed
}

async fn lock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_lock($1)").bind(ADVISORY_LOCK_ID).execute(connection).await.map(drop)
}

async fn run_step_by_step<M: MigratorTrait>(
    connection: &DatabaseConnection,
    direction: Direction,
) -> Result<Vec<String>, DatabaseError> {
    let before = steps::<M>(connection).await?;
    match direction {
        Direction::Up => M::up(connection, None).await?,
        Direction::Down(count) => M::down(connection, Some(count)).await?,
    }
    Ok(changed_steps(&before, &steps::<M>(connection).await?))
}

/// The names of the steps whose state changed.
fn changed_steps(before: &[Step], after: &[Step]) -> Vec<String> {
    before.iter().zip(after).filter(|(old, new)| old != new).map(|(_, new)| new.name.clone()).collect()
}

async fn close(connection: DatabaseConnection) {
    if let Err(cause) = connection.close().await {
        tracing::warn!(%cause, "the connection that migrated did not close cleanly");
    }
}
