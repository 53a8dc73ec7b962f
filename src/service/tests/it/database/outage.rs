//! PostgreSQL that goes away and comes back, seen through a proxy that can be cut.

use std::sync::Arc;
use std::time::{Duration, Instant};

use postern_service::database::{Database, DatabaseError, DatabaseSettings};
use sea_orm::ConnectionTrait as _;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

use super::support::{Counters, increment};

/// Passes bytes on until it is cut; then connections end and new ones are refused.
struct Proxy {
    address: String,
    target: String,
    task: JoinHandle<()>,
}

impl Proxy {
    async fn at(address: &str, target: String) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let to = target.clone();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let to = to.clone();
                connections.spawn(async move {
                    let mut far = TcpStream::connect(to).await.unwrap();
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        Self { address, target, task }
    }

    async fn cut(&mut self) {
        self.task.abort();
        // Aborted means gone only once it was joined; its connections go with it.
        let _ = (&mut self.task).await;
    }

    async fn mend(self) -> Self {
        Self::at(&self.address, self.target).await
    }
}

async fn through(counters: &Counters) -> (Proxy, Database) {
    let mut url = Url::parse(counters.home.url()).unwrap();
    let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let proxy = Proxy::at("127.0.0.1:0", target).await;
    let (host, port) = proxy.address.split_once(':').unwrap();
    url.set_host(Some(host)).unwrap();
    url.set_port(Some(port.parse().unwrap())).unwrap();
    (proxy, Database::open(&DatabaseSettings::at(url)).await.unwrap())
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

    let _proxy = proxy.mend().await;
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
