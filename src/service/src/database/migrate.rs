//! Runs the steps of a schema, once, however many nodes start at the same time.
//!
//! On SQLite all steps of a run are one `BEGIN IMMEDIATE` transaction: who holds it is alone, and a crash leaves the
//! schema as it was. On PostgreSQL a session holds an advisory lock and each step is a transaction, so that a step
//! which cannot be in one (`CREATE INDEX CONCURRENTLY`) can say so.
//!
//! Foreign keys are not enforced while SQLite migrates, because a table is changed there by making it anew
//! (`sqlite.org/lang_altertable.html` section 7); they are checked before the commit.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait as _,
};
use sea_orm_migration::MigratorTrait;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::{Database, DatabaseError, Writes};

/// How long a node waits for another one that migrates.
const PATIENCE: Duration = Duration::from_mins(1);
/// The advisory lock's name: "postern" in ASCII.
const LOCK: i64 = 0x0070_6f73_7465_726e;

/// One step of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// As in the table of applied steps.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

/// Which way to go.
#[derive(Clone, Copy)]
enum Direction {
    Up,
    /// By so many steps.
    Down(u32),
}

/// Applies the steps that the database does not have. Answers their names; two reads when there are none.
pub async fn up<M: MigratorTrait>(db: &Database) -> Result<Vec<String>, DatabaseError> {
    let steps = status::<M>(db).await?;
    if steps.iter().all(|step| step.applied) {
        return Ok(Vec::new());
    }
    run::<M>(db, Direction::Up).await
}

/// Takes back the last `steps` steps, or all when there are fewer. Answers their names.
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
    match &db.0.writes {
        Writes::Sqlite { options, .. } => on_sqlite::<M>(options.clone(), direction).await,
        Writes::Postgres { options, .. } => on_postgres::<M>(options.clone(), direction).await,
    }
}

async fn on_sqlite<M: MigratorTrait>(
    options: SqliteConnectOptions,
    direction: Direction,
) -> Result<Vec<String>, DatabaseError> {
    let options = options.foreign_keys(false).busy_timeout(PATIENCE);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
    let connection: DatabaseConnection = pool.map_err(DatabaseError::connection)?.into();
    let changed = in_one_transaction::<M>(&connection, direction).await;
    close(connection).await;
    changed
}

async fn in_one_transaction<M: MigratorTrait>(
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
        Ok(difference(&before, &steps::<M>(&transaction).await?))
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

async fn on_postgres<M: MigratorTrait>(
    options: PgConnectOptions,
    direction: Direction,
) -> Result<Vec<String>, DatabaseError> {
    // Steps may take long, waiting for others may not.
    let patience = PATIENCE.as_millis().to_string();
    let options = options.options([("statement_timeout", "0"), ("lock_timeout", patience.as_str())]);
    // One connection at a time, and each holds the lock from its first statement to its end: one that has to be
    // replaced half-way cannot go on without it.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .max_lifetime(None)
        .idle_timeout(None)
        .test_before_acquire(false)
        .after_connect(|connection, _| Box::pin(lock(connection)))
        .connect_with(options)
        .await;
    let connection: DatabaseConnection = pool.map_err(DatabaseError::connection)?.into();
    let changed = in_steps::<M>(&connection, direction).await;
    close(connection).await;
    changed
}

async fn lock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(connection).await.map(drop)
}

async fn in_steps<M: MigratorTrait>(
    connection: &DatabaseConnection,
    direction: Direction,
) -> Result<Vec<String>, DatabaseError> {
    let before = steps::<M>(connection).await?;
    match direction {
        Direction::Up => M::up(connection, None).await?,
        Direction::Down(count) => M::down(connection, Some(count)).await?,
    }
    Ok(difference(&before, &steps::<M>(connection).await?))
}

/// The names of the steps that are different now.
fn difference(before: &[Step], after: &[Step]) -> Vec<String> {
    before.iter().zip(after).filter(|(old, new)| old != new).map(|(_, new)| new.name.clone()).collect()
}

async fn close(connection: DatabaseConnection) {
    if let Err(cause) = connection.close().await {
        tracing::warn!(%cause, "the connection that migrated did not close cleanly");
    }
}
