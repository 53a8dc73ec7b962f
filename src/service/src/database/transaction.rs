//! Defines [`Transaction`], what a write's closure works with: alike on both databases.
//!
//! sea-orm's own type is not used: on SQLite it panics when it is dropped half-way, and on PostgreSQL it commits
//! after a failed statement, which the server turns into a rollback without saying so. Here a statement that failed
//! or was given up half-way ends the write:
//!
//! ```text
//!   Sound ──statement begins──► Running ──succeeded──► Sound
//!                                  │ └────failed─────► Failed ──► every further statement is refused,
//!                                  └──future dropped──► (stays)    and so is the commit
//! ```
//!
//! So a closure that swallows an error cannot be told "committed", and after SQLite has rolled a full disk's
//! transaction back by itself nothing runs outside of one. Let the database decide with `ON CONFLICT` or a
//! conditional update instead of catching an error inside.

use std::sync::PoisonError;

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, StatementBuilder,
};
use sea_query_sqlx::SqlxValues;
use sqlx::{AssertSqlSafe, Executor as _, IntoArguments, Postgres, Sqlite};
use tokio::sync::Mutex;

use super::DatabaseError;
use super::batch::{self, Done};
use super::connections::Lent;
use super::postgres;
use super::work::Turn;

/// An open write. Implements [`ConnectionTrait`], so every query of sea-orm takes it. It cannot be kept, and it
/// cannot begin or commit: that is [`Database::write`](super::Database::write)'s.
pub struct Transaction {
    backend: DbBackend,
    // The lock serialises statements of a closure that runs several at once (`try_join!`).
    state: Mutex<State>,
    later: std::sync::Mutex<Vec<Statement>>,
}

struct State {
    link: Link,
    health: Health,
}

/// Where the statements go.
pub(super) enum Link {
    Sqlite(Turn),
    Postgres(Lent<Postgres>),
}

enum Health {
    Sound,
    Running,
    Failed(DbErr),
}

impl Transaction {
    pub(super) fn new(link: Link) -> Self {
        let backend = match link {
            Link::Sqlite(_) => DbBackend::Sqlite,
            Link::Postgres(_) => DbBackend::Postgres,
        };
        Self {
            backend,
            state: Mutex::new(State { link, health: Health::Sound }),
            later: std::sync::Mutex::default(),
        }
    }

    /// Runs a statement when the closure is done, after all others and in the order of these calls. It is for what
    /// nothing in this write reads and of which nobody needs the answer: on SQLite all of them take one trip to the thread
    /// of the connection, instead of one each. One that fails undoes the write.
    pub fn later(&self, statement: &impl StatementBuilder) {
        let statement = statement.build(&self.backend);
        self.later.lock().unwrap_or_else(PoisonError::into_inner).push(statement);
    }

    /// Runs statements one after the other, of which none needs another one's answer, and answers what each did. On SQLite
    /// they take one trip to the thread of the connection, instead of one each.
    pub async fn together(&self, statements: &[&dyn StatementBuilder]) -> Result<Vec<Done>, DbErr> {
        let mut state = self.state.lock().await;
        let mut done = Vec::with_capacity(statements.len());
        let result = match state.begin_statement()? {
            Link::Sqlite(turn) => {
                let query = bind::<Sqlite>(batch::join(statements));
                batch::read(turn.connection().fetch_many(query), &mut done).await
            }
            Link::Postgres(lent) => lent.answer(async |c| batch::each(c, statements, &mut done).await).await,
        };
        state.end_statement(result, DbErr::Exec)?;
        Ok(done)
    }

    async fn run_later(&self) -> Result<(), DbErr> {
        let later = std::mem::take(&mut *self.later.lock().unwrap_or_else(PoisonError::into_inner));
        let together = match self.backend {
            DbBackend::Sqlite if !later.is_empty() => vec![batch::joined(later)],
            _ => later,
        };
        for statement in together {
            self.execute_raw(statement).await?;
        }
        Ok(())
    }

    /// Makes the write durable. Only after this returned may anybody be told of it.
    pub(super) async fn commit(self) -> Result<(), DatabaseError> {
        self.run_later().await?;
        let State { link, health } = self.state.into_inner();
        match health {
            Health::Sound => {}
            Health::Running => return Err(DatabaseError::Aborted),
            Health::Failed(cause) => {
                return Err(match DatabaseError::from(cause) {
                    gone @ DatabaseError::Unavailable(_) => gone,
                    _ => DatabaseError::Aborted,
                });
            }
        }
        match link {
            Link::Sqlite(turn) => turn.commit().await,
            Link::Postgres(lent) => postgres::commit(lent).await,
        }
    }

    /// Undoes the write. Waiting for it is a courtesy to the next caller: dropping does the same, later.
    pub(super) async fn rollback(self) {
        match self.state.into_inner().link {
            Link::Sqlite(turn) => drop(turn),
            Link::Postgres(lent) => postgres::rollback(lent).await,
        }
    }
}

impl State {
    fn begin_statement(&mut self) -> Result<&mut Link, DbErr> {
        match std::mem::replace(&mut self.health, Health::Running) {
            Health::Sound => Ok(&mut self.link),
            Health::Running => Err(self.fail(refused("an earlier statement was given up half-way"))),
            Health::Failed(cause) => Err(self.fail(cause)),
        }
    }

    fn end_statement<T>(&mut self, result: Result<T, sqlx::Error>, kind: Kind) -> Result<T, DbErr> {
        match result {
            Ok(value) => {
                self.health = Health::Sound;
                Ok(value)
            }
            Err(cause) => Err(self.fail(told(kind, cause))),
        }
    }

    fn fail(&mut self, cause: DbErr) -> DbErr {
        self.health = Health::Failed(cause.clone());
        cause
    }
}

/// How sea-orm tells errors of execution and of queries apart.
pub(super) type Kind = fn(RuntimeErr) -> DbErr;

pub(super) fn told(kind: Kind, cause: sqlx::Error) -> DbErr {
    kind(RuntimeErr::SqlxError(cause.into()))
}

fn refused(why: &str) -> DbErr {
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
            Link::Sqlite(turn) => {
                bind::<Sqlite>(statement).execute(turn.connection()).await.map(ExecResult::from)
            }
            Link::Postgres(lent) => {
                let query = bind::<Postgres>(statement);
                lent.answer(async |c| query.execute(c).await.map(ExecResult::from)).await
            }
        };
        state.end_statement(result, DbErr::Exec)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut state = self.state.lock().await;
        let sql = AssertSqlSafe(sql.to_owned());
        let result = match state.begin_statement()? {
            Link::Sqlite(turn) => turn.connection().execute(sql).await.map(ExecResult::from),
            Link::Postgres(lent) => lent.answer(async |c| c.execute(sql).await.map(ExecResult::from)).await,
        };
        state.end_statement(result, DbErr::Exec)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut state = self.state.lock().await;
        let result = match state.begin_statement()? {
            Link::Sqlite(turn) => bind::<Sqlite>(statement)
                .fetch_optional(turn.connection())
                .await
                .map(|row| row.map(QueryResult::from)),
            Link::Postgres(lent) => {
                let query = bind::<Postgres>(statement);
                lent.answer(async |c| query.fetch_optional(c).await)
                    .await
                    .map(|row| row.map(QueryResult::from))
            }
        };
        state.end_statement(result, DbErr::Query)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut state = self.state.lock().await;
        let result = match state.begin_statement()? {
            Link::Sqlite(turn) => bind::<Sqlite>(statement)
                .fetch_all(turn.connection())
                .await
                .map(|rows| rows.into_iter().map(QueryResult::from).collect()),
            Link::Postgres(lent) => {
                let query = bind::<Postgres>(statement);
                let rows = lent.answer(async |c| query.fetch_all(c).await).await;
                rows.map(|rows| rows.into_iter().map(QueryResult::from).collect())
            }
        };
        state.end_statement(result, DbErr::Query)
    }
}
