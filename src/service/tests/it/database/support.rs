//! Defines a small table, functions that write and read it, and control over how far a write has got.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use postern_service::database::{Database, DatabaseError, Transaction};
use postern_service::testing::TestDatabase;
use sea_orm::{ConnectionTrait, DbErr, Statement};

/// A database with the table `counters (name, value)` and one row, `hits`.
pub(crate) struct Counters {
    pub(crate) db: Database,
    pub(crate) home: TestDatabase,
}

impl Counters {
    pub(crate) async fn in_fresh() -> Self {
        Self::at(TestDatabase::fresh().await.unwrap()).await
    }

    pub(crate) async fn in_sqlite() -> Self {
        Self::at(TestDatabase::sqlite().unwrap()).await
    }

    /// `None` when no server is named; the test output says so.
    pub(crate) async fn in_postgres() -> Option<Self> {
        let Some(home) = TestDatabase::postgres().await.unwrap() else {
            eprintln!("did not run: POSTERN_TEST_POSTGRES is not set");
            return None;
        };
        Some(Self::at(home).await)
    }

    async fn at(home: TestDatabase) -> Self {
        let db = home.open().await.unwrap();
        let this = Self { db, home };
        this.run("CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL)").await.unwrap();
        this.add("hits", 0).await.unwrap();
        this
    }

    /// A write of its own of one statement.
    pub(crate) async fn run(&self, sql: &str) -> Result<(), DatabaseError> {
        self.db.write(async |tx| Ok(tx.execute_unprepared(sql).await.map(|_| ())?)).await
    }

    /// A write of its own that inserts a row.
    pub(crate) async fn add(&self, name: &str, value: i64) -> Result<(), DatabaseError> {
        self.db.write(async |tx| insert(tx, name, value).await).await
    }

    /// A write of its own that adds one to `hits`.
    pub(crate) async fn hit(&self) -> Result<(), DatabaseError> {
        self.db.write(async |tx| increment(tx, "hits").await).await
    }

    pub(crate) async fn value(&self, name: &str) -> Option<i64> {
        value(self.db.reader(), name).await.unwrap()
    }
}

pub(crate) fn sql(connection: &impl ConnectionTrait, sql: &str, values: Vec<sea_orm::Value>) -> Statement {
    Statement::from_sql_and_values(connection.get_database_backend(), sql, values)
}

pub(crate) async fn insert(tx: &Transaction, name: &str, value: i64) -> Result<(), DatabaseError> {
    let insert = "INSERT INTO counters (name, value) VALUES ($1, $2)";
    tx.execute_raw(sql(tx, insert, vec![name.into(), value.into()])).await?;
    Ok(())
}

pub(crate) async fn increment(tx: &Transaction, name: &str) -> Result<(), DatabaseError> {
    let update = "UPDATE counters SET value = value + 1 WHERE name = $1";
    tx.execute_raw(sql(tx, update, vec![name.into()])).await?;
    Ok(())
}

pub(crate) async fn value(connection: &impl ConnectionTrait, name: &str) -> Result<Option<i64>, DbErr> {
    let select = sql(connection, "SELECT value FROM counters WHERE name = $1", vec![name.into()]);
    connection.query_one_raw(select).await?.map(|row| row.try_get_by_index(0)).transpose()
}

/// Polls once: a write that is polled for the first time is in the queue afterwards.
pub(crate) async fn poll_once<T>(future: &mut Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Poll<T> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}
