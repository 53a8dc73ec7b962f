//! Notifies every process that caches data when the data changes in the database: nodes, and commands beside
//! them.
//!
//! A *topic* names the cached data (`clients`, `keys`). The version of a topic is a row of the table
//! `change_versions (topic text primary key, version bigint)`. Code that changes the data calls [`announce`]
//! in the same write. Code that caches the data runs [`watch`], which compares versions and therefore misses
//! no change, however long it was disconnected.
//!
//! On SQLite the versions are read every second. PostgreSQL sends a notification (`NOTIFY`) with each change;
//! the versions are also read every few seconds there, in case a notification was lost.

use std::collections::HashMap;
use std::fmt::Display;
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict, Query};
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, Statement};
use sqlx::postgres::{PgConnectOptions, PgListener};
use tokio::time::{sleep, timeout};

use super::{Database, DatabaseError, Transaction, WriteBackend, clock_difference, postgres};

const CHANNEL: &str = "postern_changes";
/// Between two reads of the versions on SQLite, and between two attempts to connect after an outage.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Between two reads of the versions on PostgreSQL when no notification arrives.
const RECHECK_INTERVAL: Duration = Duration::from_secs(5);
/// A listening connection that does not answer within this time is closed and opened again.
const LISTENER_TIMEOUT: Duration = Duration::from_secs(2);

/// Increases the version of `topic` in this write. Other processes are notified after the commit.
///
/// On PostgreSQL the row of the topic stays locked until the commit, so call this last.
pub async fn announce(tx: &Transaction, topic: &str) -> Result<(), DatabaseError> {
    let next = Expr::col(("change_versions", "version")).add(1);
    let count = Query::insert()
        .into_table("change_versions")
        .columns(["topic", "version"])
        .values_panic([topic.into(), 1_i64.into()])
        .on_conflict(OnConflict::column("topic").value("version", next).to_owned())
        .to_owned();
    tx.execute(&count).await?;
    if tx.get_database_backend() == DbBackend::Postgres {
        let values = [CHANNEL.into(), topic.into()];
        let notify = Statement::from_sql_and_values(DbBackend::Postgres, "SELECT pg_notify($1, $2)", values);
        tx.execute_raw(notify).await?;
    }
    Ok(())
}

/// Calls `on_change` with each topic whose version changed, until the future is dropped.
///
/// The first read calls `on_change` with every topic, so data that was loaded before the watch began cannot
/// stay stale. When `on_change` fails for a topic, it is called with the topic again after the next read.
///
/// `on_change` is a closure that returns a future, and not an `AsyncFn`: the compiler cannot prove yet that
/// the future of an `AsyncFn` is `Send`.
pub async fn watch<F, ChangeFuture, E>(db: &Database, on_change: F)
where
    F: Fn(String) -> ChangeFuture,
    ChangeFuture: Future<Output = Result<(), E>>,
    E: Display,
{
    let mut watch = Watch { db, on_change, handled_versions: HashMap::new() };
    match &db.0.write_backend {
        WriteBackend::Sqlite { .. } => watch.poll().await,
        WriteBackend::Postgres { options, .. } => watch.listen(options).await,
    }
}

async fn within_timeout<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(LISTENER_TIMEOUT, answer).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

struct Watch<'d, F> {
    db: &'d Database,
    on_change: F,
    /// The versions for which `on_change` succeeded.
    handled_versions: HashMap<String, i64>,
}

impl<F, ChangeFuture, E> Watch<'_, F>
where
    F: Fn(String) -> ChangeFuture,
    ChangeFuture: Future<Output = Result<(), E>>,
    E: Display,
{
    async fn poll(&mut self) {
        loop {
            self.check_versions().await;
            sleep(POLL_INTERVAL).await;
        }
    }

    async fn listen(&mut self, options: &PgConnectOptions) {
        loop {
            if let Err(cause) = self.listen_until_lost(options).await {
                tracing::warn!(%cause, "changes are not heard of; trying again");
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Reads the versions once, and then after each notification. The first read is needed because a
    /// notification may have been sent before the listener was connected.
    async fn listen_until_lost(&mut self, options: &PgConnectOptions) -> Result<(), sqlx::Error> {
        let pool = postgres::listening_pool(options.clone(), LISTENER_TIMEOUT);
        let mut listener = PgListener::connect_with(&pool).await?;
        within_timeout(listener.listen(CHANNEL)).await?;
        loop {
            // One read covers all notifications that have arrived.
            while listener.next_buffered().is_some() {}
            self.check_versions().await;
            match timeout(RECHECK_INTERVAL, listener.try_recv()).await {
                // `None` means that the connection was lost and opened again.
                Ok(word) => drop(word?),
                // A connection whose packets are lost is silent too, so a query checks that the server still
                // answers.
                Err(_elapsed) => within_timeout(clock_difference::measure(&mut listener)).await?,
            }
        }
    }

    async fn check_versions(&mut self) {
        let versions = match self.versions().await {
            Ok(versions) => versions,
            Err(cause) => return tracing::warn!(%cause, "changes cannot be read; trying again"),
        };
        for (topic, version) in versions {
            if self.handled_versions.get(&topic) == Some(&version) {
                continue;
            }
            match (self.on_change)(topic.clone()).await {
                Ok(()) => drop(self.handled_versions.insert(topic, version)),
                Err(cause) => tracing::warn!(%cause, topic, "a change was not taken over; trying again"),
            }
        }
    }

    async fn versions(&self) -> Result<Vec<(String, i64)>, DbErr> {
        let all = Query::select().columns(["topic", "version"]).from("change_versions").to_owned();
        let rows = self.db.reader().query_all(&all).await?;
        rows.iter().map(|row| Ok((row.try_get_by("topic")?, row.try_get_by("version")?))).collect()
    }
}
