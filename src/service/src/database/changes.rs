//! Tells everybody who keeps something in memory that it changed in the database: nodes, and commands beside them.
//!
//! A *topic* names what is kept (`clients`, `keys`). Its version is a row of the table `change_versions (topic text
//! primary key, version bigint)`. Who changes the data calls [`announce`] in the same write; who keeps it runs
//! [`watch`], which compares versions and so misses nothing, whatever it slept through. SQLite is looked at every
//! second; PostgreSQL says when to look (`NOTIFY`), and is looked at now and then in case the word got lost.

use std::collections::HashMap;
use std::fmt::Display;
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict, Query};
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, Statement};
use sqlx::postgres::{PgConnectOptions, PgListener};
use tokio::time::{sleep, timeout};

use super::{Database, DatabaseError, Transaction, Writes, clock_difference, postgres};

const CHANNEL: &str = "postern_changes";
/// Between two looks on SQLite, and between two tries after an outage.
const POLL: Duration = Duration::from_secs(1);
/// Between two looks on PostgreSQL while no word comes.
const SAFETY_NET: Duration = Duration::from_secs(5);
/// A listening connection that does not answer in so long is given up.
const ANSWER: Duration = Duration::from_secs(2);

/// Says that the data of `topic` changes with this write. Others hear of it after the commit.
///
/// Locks the topic's row until then on PostgreSQL: call it last.
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

/// Calls `on_change` with each topic whose version moved, until the future is dropped.
///
/// The first look calls it with every topic there is, so what was loaded before the watch began cannot stay stale. A
/// topic for which `on_change` fails stays due: it is called again at the next look.
///
/// (A closure that returns a future, not an `AsyncFn`: of that the compiler cannot tell yet that it may be spawned.)
pub async fn watch<F, Taken, E>(db: &Database, on_change: F)
where
    F: Fn(String) -> Taken,
    Taken: Future<Output = Result<(), E>>,
    E: Display,
{
    let mut watch = Watch { db, on_change, seen: HashMap::new() };
    match &db.0.writes {
        Writes::Sqlite { .. } => watch.poll().await,
        Writes::Postgres { options, .. } => watch.listen(options).await,
    }
}

async fn answered<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(ANSWER, answer).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

struct Watch<'d, F> {
    db: &'d Database,
    on_change: F,
    /// The versions that `on_change` was told of.
    seen: HashMap<String, i64>,
}

impl<F, Taken, E> Watch<'_, F>
where
    F: Fn(String) -> Taken,
    Taken: Future<Output = Result<(), E>>,
    E: Display,
{
    async fn poll(&mut self) {
        loop {
            self.look().await;
            sleep(POLL).await;
        }
    }

    async fn listen(&mut self, options: &PgConnectOptions) {
        loop {
            if let Err(cause) = self.listen_until_lost(options).await {
                tracing::warn!(%cause, "changes are not heard of; trying again");
            }
            sleep(POLL).await;
        }
    }

    /// Looks whenever the server says so, and first of all: the word may have come before the listener did.
    async fn listen_until_lost(&mut self, options: &PgConnectOptions) -> Result<(), sqlx::Error> {
        let pool = postgres::listening_pool(options.clone(), ANSWER);
        let mut listener = PgListener::connect_with(&pool).await?;
        answered(listener.listen(CHANNEL)).await?;
        loop {
            // Of words that came together one look is enough.
            while listener.next_buffered().is_some() {}
            self.look().await;
            match timeout(SAFETY_NET, listener.try_recv()).await {
                // `None` is a lost connection that was opened again.
                Ok(word) => drop(word?),
                // A connection whose packets are lost is silent, too: it is asked something.
                Err(_elapsed) => answered(clock_difference::measure(&mut listener)).await?,
            }
        }
    }

    async fn look(&mut self) {
        let versions = match self.versions().await {
            Ok(versions) => versions,
            Err(cause) => return tracing::warn!(%cause, "changes cannot be read; trying again"),
        };
        for (topic, version) in versions {
            if self.seen.get(&topic) == Some(&version) {
                continue;
            }
            match (self.on_change)(topic.clone()).await {
                Ok(()) => drop(self.seen.insert(topic, version)),
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
