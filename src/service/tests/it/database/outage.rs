//! Tests an outage of PostgreSQL through a proxy that can be cut and can hang.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use postern_service::database::{Database, DatabaseError, DatabaseSettings, with_wait_budget};
use postern_service::testing::Proxy;
use sea_orm::ConnectionTrait as _;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query, UpdateStatement};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::support::{Counters, increment, value};

async fn through(counters: &Counters) -> (Proxy, Database) {
    let (proxy, url) = Proxy::before(counters.home.url()).await.unwrap();
    (proxy, Database::open(&DatabaseSettings::from_url(url)).await.unwrap())
}

async fn fails_within_two_seconds(db: &Database) {
    let begun = Instant::now();
    let written = db.write(async |tx| increment(tx, "hits").await).await;
    assert!(matches!(written, Err(DatabaseError::Unavailable(_))), "{written:?}");
    let read = db.reader().execute_unprepared("SELECT 1").await.map_err(DatabaseError::from);
    assert!(matches!(read, Err(DatabaseError::Unavailable(_))), "{read:?}");
    assert!(begun.elapsed() < Duration::from_secs(4), "two answers took {:?}", begun.elapsed());
}

#[tokio::test]
async fn an_outage_is_told_in_time_and_ends_without_a_restart() {
    let Some(counters) = Counters::in_postgres().await else { return };
    let (mut proxy, db) = through(&counters).await;
    db.write(async |tx| increment(tx, "hits").await).await.unwrap();

    proxy.cut().await;
    for _ in 0..2 {
        fails_within_two_seconds(&db).await;
    }
    assert!(matches!(db.ping().await, Err(DatabaseError::Unavailable(_))));

    let _proxy = proxy.mend().await.unwrap();
    db.ping().await.unwrap();
    db.write(async |tx| increment(tx, "hits").await).await.unwrap();
    assert_eq!(counters.value("hits").await, Some(2));
}

#[tokio::test]
async fn a_connection_lost_within_a_write_undoes_it() {
    let Some(counters) = Counters::in_postgres().await else { return };
    let (mut proxy, db) = through(&counters).await;
    let lost = db.write(async |tx| {
        increment(tx, "hits").await?;
        proxy.cut().await;
        increment(tx, "hits").await
    });
    assert!(matches!(lost.await, Err(DatabaseError::Unavailable(_))));
    assert_eq!(counters.value("hits").await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_server_is_not_felt_by_those_who_come_after_it() {
    let Some(counters) = Counters::in_postgres().await else { return };
    let counters = Arc::new(counters);
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let counters = Arc::clone(&counters);
        tasks.spawn(async move { counters.hit().await.unwrap() });
    }
    tasks.join_all().await;
    tokio::time::sleep(Duration::from_millis(1100)).await;

    let other = counters.home.open().await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    other.reader().execute_unprepared(end).await.unwrap();
    for _ in 0..8 {
        counters.hit().await.unwrap();
    }
}

/// Far more than a request may wait for the database, and far less than many such waits one after the other.
const SOON: Duration = Duration::from_secs(8);

async fn with_short_request_timeout(url: &str) -> Database {
    let settings = DatabaseSettings {
        request_timeout: "300ms".parse().unwrap(),
        acquire_timeout: "5s".parse().unwrap(),
        ..DatabaseSettings::from_url(url)
    };
    Database::open(&settings).await.unwrap()
}

/// One request with many calls to the database.
async fn a_request_of_many_calls(db: &Database) {
    with_wait_budget(async {
        for _ in 0..20 {
            let written = db.write(async |tx| increment(tx, "hits").await).await;
            assert!(matches!(written, Err(DatabaseError::Unavailable(_))), "{written:?}");
            let together = db.write_batch(&[&one_more()], |_| true).await.map(drop);
            assert!(matches!(together, Err(DatabaseError::Unavailable(_))), "{together:?}");
        }
    })
    .await;
}

fn one_more() -> UpdateStatement {
    Query::update().table("counters").value("value", Expr::col("value").add(1)).to_owned()
}

#[tokio::test]
async fn requests_wait_for_a_hanging_server_once_and_find_it_again_when_it_goes_on() {
    let Some(counters) = Counters::in_postgres().await else { return };
    let (proxy, url) = Proxy::before(counters.home.url()).await.unwrap();
    let db = with_short_request_timeout(&url).await;
    db.write(async |tx| increment(tx, "hits").await).await.unwrap();

    proxy.hang();
    let requests = (0..60).map(|_| async {
        a_request_of_many_calls(&db).await;
        let read =
            with_wait_budget(db.reader().execute_unprepared("SELECT 1")).await.map_err(DatabaseError::from);
        assert!(matches!(read, Err(DatabaseError::Unavailable(_))), "{read:?}");
    });
    timeout(SOON, join_all(requests)).await.expect("nobody waits behind the others");

    proxy.go_on();
    let written = timeout(SOON, db.write(async |tx| increment(tx, "hits").await)).await.unwrap();
    written.expect("no connection of before is in the way");
    assert_eq!(counters.value("hits").await, Some(2));
}

#[tokio::test]
async fn a_server_that_hangs_within_a_write_undoes_it() {
    let Some(counters) = Counters::in_postgres().await else { return };
    let (proxy, url) = Proxy::before(counters.home.url()).await.unwrap();
    let db = with_short_request_timeout(&url).await;
    let hung = with_wait_budget(db.write(async |tx| {
        increment(tx, "hits").await?;
        proxy.hang();
        increment(tx, "hits").await
    }));
    assert!(matches!(timeout(SOON, hung).await.unwrap(), Err(DatabaseError::Unavailable(_))));
    proxy.go_on();
    // The locks of the write were released too.
    timeout(SOON, counters.hit()).await.unwrap().unwrap();
    assert_eq!(counters.value("hits").await, Some(1));
}

#[tokio::test]
async fn what_is_no_request_gives_a_hanging_server_up_too() {
    let Some(counters) = Counters::in_postgres().await else { return };
    let (proxy, url) = Proxy::before(counters.home.url()).await.unwrap();
    let statement_timeout = "100ms".parse().unwrap();
    let settings = DatabaseSettings { statement_timeout, ..DatabaseSettings::from_url(url) };
    let db = Database::open(&settings).await.unwrap();
    proxy.hang();
    let read = db.reader().execute_unprepared("SELECT 1");
    assert!(timeout(SOON, read).await.unwrap().is_err());
}

#[tokio::test]
async fn requests_wait_for_a_locked_file_once() {
    let counters = Counters::in_sqlite().await;
    let db = with_short_request_timeout(counters.home.url()).await;
    let held = counters.db.write(async |tx| {
        increment(tx, "hits").await?;
        timeout(SOON, a_request_of_many_calls(&db)).await.expect("the waits do not add up");
        assert_eq!(
            with_wait_budget(value(db.reader(), "hits")).await.unwrap(),
            Some(0),
            "readers do not wait"
        );
        Ok::<_, DatabaseError>(())
    });
    held.await.unwrap();
    db.write(async |tx| increment(tx, "hits").await).await.unwrap();
    assert_eq!(counters.value("hits").await, Some(2));
}
