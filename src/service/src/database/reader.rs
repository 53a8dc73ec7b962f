//! Defines [`Reader`], read access that is the same on both databases and cannot write.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use sqlx::{AssertSqlSafe, Executor as _, Postgres, Sqlite};

use super::connections::ConnectionPool;
use super::transaction::bind;

/// Reads committed data. Each statement sees its own snapshot. Implements [`ConnectionTrait`], so every query
/// of sea-orm accepts a `Reader`; the database refuses a statement that writes.
pub struct Reader(pub(super) ReaderConnections);

pub(super) enum ReaderConnections {
    Sqlite(ConnectionPool<Sqlite>),
    Postgres(ConnectionPool<Postgres>),
}

impl Reader {
    /// Closes the idle connections now, and each other connection when it is returned. Later reads fail.
    pub(super) async fn close(&self) {
        match &self.0 {
            ReaderConnections::Sqlite(connections) => connections.close().await,
            ReaderConnections::Postgres(connections) => connections.close().await,
        }
    }
}

#[async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        match &self.0 {
            ReaderConnections::Sqlite(_) => DbBackend::Sqlite,
            ReaderConnections::Postgres(_) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match &self.0 {
            ReaderConnections::Sqlite(connections) => {
                let query = bind::<Sqlite>(statement);
                connections.read(DbErr::Exec, async |c| query.execute(c).await.map(ExecResult::from)).await
            }
            ReaderConnections::Postgres(connections) => {
                let query = bind::<Postgres>(statement);
                connections.read(DbErr::Exec, async |c| query.execute(c).await.map(ExecResult::from)).await
            }
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.0 {
            ReaderConnections::Sqlite(connections) => {
                connections.read(DbErr::Exec, async |c| c.execute(sql).await.map(ExecResult::from)).await
            }
            ReaderConnections::Postgres(connections) => {
                connections.read(DbErr::Exec, async |c| c.execute(sql).await.map(ExecResult::from)).await
            }
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match &self.0 {
            ReaderConnections::Sqlite(connections) => {
                let query = bind::<Sqlite>(statement);
                let row = connections.read(DbErr::Query, async |c| query.fetch_optional(c).await).await?;
                Ok(row.map(QueryResult::from))
            }
            ReaderConnections::Postgres(connections) => {
                let query = bind::<Postgres>(statement);
                let row = connections.read(DbErr::Query, async |c| query.fetch_optional(c).await).await?;
                Ok(row.map(QueryResult::from))
            }
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.0 {
            ReaderConnections::Sqlite(connections) => {
                let query = bind::<Sqlite>(statement);
                let rows = connections.read(DbErr::Query, async |c| query.fetch_all(c).await).await?;
                Ok(rows.into_iter().map(QueryResult::from).collect())
            }
            ReaderConnections::Postgres(connections) => {
                let query = bind::<Postgres>(statement);
                let rows = connections.read(DbErr::Query, async |c| query.fetch_all(c).await).await?;
                Ok(rows.into_iter().map(QueryResult::from).collect())
            }
        }
    }
}
