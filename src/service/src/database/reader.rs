//! Defines [`Reader`], what reads: alike on both databases, and unable to write.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use sqlx::{AssertSqlSafe, Executor as _, Postgres, Sqlite};

use super::connections::Connections;
use super::transaction::bind;

/// Reads what was committed, each statement for itself. Implements [`ConnectionTrait`], so every query of sea-orm takes
/// it; a statement that writes is refused by the database.
pub struct Reader(pub(super) Source);

pub(super) enum Source {
    Sqlite(Connections<Sqlite>),
    Postgres(Connections<Postgres>),
}

impl Reader {
    /// Closes the connections that nobody uses now; the others when they come back. Later reads fail.
    pub(super) async fn close(&self) {
        match &self.0 {
            Source::Sqlite(connections) => connections.close().await,
            Source::Postgres(connections) => connections.close().await,
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
                connections.read(DbErr::Exec, async |c| query.execute(c).await.map(ExecResult::from)).await
            }
            Source::Postgres(connections) => {
                let query = bind::<Postgres>(statement);
                connections.read(DbErr::Exec, async |c| query.execute(c).await.map(ExecResult::from)).await
            }
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.0 {
            Source::Sqlite(connections) => {
                connections.read(DbErr::Exec, async |c| c.execute(sql).await.map(ExecResult::from)).await
            }
            Source::Postgres(connections) => {
                connections.read(DbErr::Exec, async |c| c.execute(sql).await.map(ExecResult::from)).await
            }
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match &self.0 {
            Source::Sqlite(connections) => {
                let query = bind::<Sqlite>(statement);
                let row = connections.read(DbErr::Query, async |c| query.fetch_optional(c).await).await?;
                Ok(row.map(QueryResult::from))
            }
            Source::Postgres(connections) => {
                let query = bind::<Postgres>(statement);
                let row = connections.read(DbErr::Query, async |c| query.fetch_optional(c).await).await?;
                Ok(row.map(QueryResult::from))
            }
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.0 {
            Source::Sqlite(connections) => {
                let query = bind::<Sqlite>(statement);
                let rows = connections.read(DbErr::Query, async |c| query.fetch_all(c).await).await?;
                Ok(rows.into_iter().map(QueryResult::from).collect())
            }
            Source::Postgres(connections) => {
                let query = bind::<Postgres>(statement);
                let rows = connections.read(DbErr::Query, async |c| query.fetch_all(c).await).await?;
                Ok(rows.into_iter().map(QueryResult::from).collect())
            }
        }
    }
}
