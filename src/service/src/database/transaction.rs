//! Defines [`Transaction`], which the closure of a write works with: the same on both databases.
//!
//! sea-orm's own type is not used for two reasons. On SQLite it panics when it is dropped before it ends. On
//! PostgreSQL it commits after a failed statement, and the server silently turns this commit into a rollback.
//! Here a statement that failed or was cancelled ends the write:
//!
//! ```text
//!   Idle ──statement begins──► Running ──succeeded──► Idle
//!                                 │ └────failed─────► Failed ──► every further statement is refused,
//!                                 └──future dropped──► (stays)    and so is the commit
//! ```
//!
//! So a closure that ignores an error never gets "committed" as its result. And after SQLite has rolled back
//! the transaction of a full disk by itself, no statement runs outside a transaction. Let the database decide
//! with `ON CONFLICT` or a conditional update instead of catching an error inside the closure.

use std::sync::PoisonError;

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, StatementBuilder,
};
use sea_query_sqlx::SqlxValues;
use sqlx::{AssertSqlSafe, Executor as _, IntoArguments, Postgres, Sqlite};
use tokio::sync::Mutex;

use super::DatabaseError;
use super::batch::{self, StatementResult};
use super::connections::PooledConnection;
use super::postgres;
use super::work::Turn;

/// An open write. Implements [`ConnectionTrait`], so every query of sea-orm accepts it. It cannot outlive its
/// closure, and it cannot begin or commit: only [`Database::write`](super::Database::write) does.
pub struct Transaction {
    backend: DbBackend,
    // The lock serialises the statements of a closure that runs several at once (`try_join!`).
    state: Mutex<State>,
    deferred: std::sync::Mutex<Vec<Statement>>,
}

struct State {
    connection: WriteConnection,
    statement_state: StatementState,
}

/// The connection that the statements go to.
pub(super) enum WriteConnection {
    Sqlite(Turn),
    Postgres(PooledConnection<Postgres>),
}

enum StatementState {
    Idle,
    Running,
    Failed(DbErr),
}

impl Transaction {
    pub(super) fn new(link: WriteConnection) -> Self {
        let backend = match link {
            WriteConnection::Sqlite(_) => DbBackend::Sqlite,
            WriteConnection::Postgres(_) => DbBackend::Postgres,
        };
        Self {
            backend,
            state: Mutex::new(State { connection: link, statement_state: StatementState::Idle }),
            deferred: std::sync::Mutex::default(),
        }
    }

    /// Runs a statement after the closure has returned, after all other statements and in the order of these
    /// calls. For statements whose effect nothing in this write reads and whose result nobody needs: on
    /// SQLite all of them are one message to the thread of the connection, instead of one each. One that
    /// fails rolls back the write.
    pub fn defer(&self, statement: &impl StatementBuilder) {
        let statement = statement.build(&self.backend);
        self.deferred.lock().unwrap_or_else(PoisonError::into_inner).push(statement);
    }

    /// Runs a batch within this write and returns the result of each statement. None may need the result of
    /// another. On SQLite the batch is one message to the thread of the connection, instead of one for each
    /// statement.
    pub async fn batch(&self, statements: &[&dyn StatementBuilder]) -> Result<Vec<StatementResult>, DbErr> {
        let mut state = self.state.lock().await;
        let mut done = Vec::with_capacity(statements.len());
        let result = match state.begin_statement()? {
            WriteConnection::Sqlite(turn) => {
                let query = bind::<Sqlite>(batch::combined_statement(statements));
                batch::read_results(turn.connection().fetch_many(query), &mut done).await
            }
            WriteConnection::Postgres(pooled) => {
                pooled.run(async |c| batch::run_each(c, statements, &mut done).await).await
            }
        };
        state.end_statement(result, DbErr::Exec)?;
        Ok(done)
    }

    async fn run_deferred(&self) -> Result<(), DbErr> {
        let deferred = std::mem::take(&mut *self.deferred.lock().unwrap_or_else(PoisonError::into_inner));
        let statements = match self.backend {
            DbBackend::Sqlite if !deferred.is_empty() => vec![batch::combined_built_statement(deferred)],
            _ => deferred,
        };
        for statement in statements {
            self.execute_raw(statement).await?;
        }
        Ok(())
    }

    /// Commits the write. Nobody may learn of its success before this has returned.
    pub(super) async fn commit(self) -> Result<(), DatabaseError> {
        self.run_deferred().await?;
        let State { connection: link, statement_state: health } = self.state.into_inner();
        match health {
            StatementState::Idle => {}
            StatementState::Running => return Err(DatabaseError::Aborted),
            StatementState::Failed(cause) => {
                return Err(match DatabaseError::from(cause) {
                    gone @ DatabaseError::Unavailable(_) => gone,
                    _ => DatabaseError::Aborted,
                });
            }
        }
        match link {
            WriteConnection::Sqlite(turn) => turn.commit().await,
            WriteConnection::Postgres(pooled) => postgres::commit(pooled).await,
        }
    }

    /// Rolls back the write. Dropping the transaction does the same, but later; waiting here frees the
    /// connection for the next caller at once.
    pub(super) async fn rollback(self) {
        match self.state.into_inner().connection {
            WriteConnection::Sqlite(turn) => drop(turn),
            WriteConnection::Postgres(pooled) => postgres::rollback(pooled).await,
        }
    }
}

impl State {
    fn begin_statement(&mut self) -> Result<&mut WriteConnection, DbErr> {
        match std::mem::replace(&mut self.statement_state, StatementState::Running) {
            StatementState::Idle => Ok(&mut self.connection),
            StatementState::Running => {
                Err(self.fail(aborted_error("an earlier statement was given up half-way")))
            }
            StatementState::Failed(cause) => Err(self.fail(cause)),
        }
    }

    fn end_statement<T>(
        &mut self,
        result: Result<T, sqlx::Error>,
        kind: DbErrConstructor,
    ) -> Result<T, DbErr> {
        match result {
            Ok(value) => {
                self.statement_state = StatementState::Idle;
                Ok(value)
            }
            Err(cause) => Err(self.fail(driver_error(kind, cause))),
        }
    }

    fn fail(&mut self, cause: DbErr) -> DbErr {
        self.statement_state = StatementState::Failed(cause.clone());
        cause
    }
}

/// The constructor of [`DbErr`] by which sea-orm distinguishes errors of execution from errors of queries.
pub(super) type DbErrConstructor = fn(RuntimeErr) -> DbErr;

pub(super) fn driver_error(kind: DbErrConstructor, cause: sqlx::Error) -> DbErr {
    kind(RuntimeErr::SqlxError(cause.into()))
}

fn aborted_error(why: &str) -> DbErr {
    DbErr::Exec(RuntimeErr::Internal(why.to_owned()))
}

pub(super) fn bind<D>(statement: Statement) -> sqlx::query::Query<'static, D, SqlxValues>
where
    D: sqlx::Database,
    SqlxValues: IntoArguments<D>,
{
    let values = statement.values.unwrap_or(sea_orm::sea_query::Values(Vec::new()));
    sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(values))
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut state = self.state.lock().await;
        let result = match state.begin_statement()? {
            WriteConnection::Sqlite(turn) => {
                bind::<Sqlite>(statement).execute(turn.connection()).await.map(ExecResult::from)
            }
            WriteConnection::Postgres(pooled) => {
                let query = bind::<Postgres>(statement);
                pooled.run(async |c| query.execute(c).await.map(ExecResult::from)).await
            }
        };
        state.end_statement(result, DbErr::Exec)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut state = self.state.lock().await;
        let sql = AssertSqlSafe(sql.to_owned());
        let result = match state.begin_statement()? {
            WriteConnection::Sqlite(turn) => turn.connection().execute(sql).await.map(ExecResult::from),
            WriteConnection::Postgres(pooled) => {
                pooled.run(async |c| c.execute(sql).await.map(ExecResult::from)).await
            }
        };
        state.end_statement(result, DbErr::Exec)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut state = self.state.lock().await;
        let result = match state.begin_statement()? {
            WriteConnection::Sqlite(turn) => bind::<Sqlite>(statement)
                .fetch_optional(turn.connection())
                .await
                .map(|row| row.map(QueryResult::from)),
            WriteConnection::Postgres(pooled) => {
                let query = bind::<Postgres>(statement);
                pooled
                    .run(async |c| query.fetch_optional(c).await)
                    .await
                    .map(|row| row.map(QueryResult::from))
            }
        };
        state.end_statement(result, DbErr::Query)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut state = self.state.lock().await;
        let result = match state.begin_statement()? {
            WriteConnection::Sqlite(turn) => bind::<Sqlite>(statement)
                .fetch_all(turn.connection())
                .await
                .map(|rows| rows.into_iter().map(QueryResult::from).collect()),
            WriteConnection::Postgres(pooled) => {
                let query = bind::<Postgres>(statement);
                let rows = pooled.run(async |c| query.fetch_all(c).await).await;
                rows.map(|rows| rows.into_iter().map(QueryResult::from).collect())
            }
        };
        state.end_statement(result, DbErr::Query)
    }
}
