//! Tests `database::changes`: a change is announced with its commit, reaches every watcher, and is never
//! missed.

use std::cell::Cell;
use std::time::Duration;

use postern_service::database::{DatabaseError, changes};
use sea_orm::ConnectionTrait as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::support::Counters;

const SOON: Duration = Duration::from_secs(4);

impl Counters {
    async fn with_versions() -> Self {
        let counters = Self::in_fresh().await;
        let table = "CREATE TABLE change_versions (topic TEXT PRIMARY KEY, version BIGINT NOT NULL)";
        counters.run(table).await.unwrap();
        counters
    }

    async fn announce(&self, topic: &str) {
        let work = self.db.write(async |tx| changes::announce(tx, topic).await);
        work.await.unwrap();
    }
}

/// Another node that watches.
struct Node {
    heard: mpsc::UnboundedReceiver<String>,
    task: JoinHandle<()>,
}

impl Node {
    async fn beside(counters: &Counters) -> Self {
        let db = counters.home.open().await.unwrap();
        let (tell, heard) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            changes::watch(&db, async |topic| tell.send(topic)).await;
        });
        Self { heard, task }
    }

    async fn hears(&mut self) -> String {
        timeout(SOON, self.heard.recv()).await.unwrap().unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn a_change_is_heard_by_another_node_and_only_after_its_commit() {
    let counters = Counters::with_versions().await;
    counters.announce("keys").await;
    let mut node = Node::beside(&counters).await;
    assert_eq!(node.hears().await, "keys", "the first look tells all topics");

    let undone = counters.db.write(async |tx| {
        changes::announce(tx, "keys").await?;
        Err::<(), _>(DatabaseError::Aborted)
    });
    undone.await.unwrap_err();
    counters.announce("clients").await;
    assert_eq!(node.hears().await, "clients");
    counters.announce("clients").await;
    assert_eq!(node.hears().await, "clients");
    counters.announce("keys").await;
    assert_eq!(node.hears().await, "keys");
    sleep(Duration::from_millis(1200)).await;
    assert!(node.heard.try_recv().is_err(), "nothing is told twice");
}

#[tokio::test]
async fn a_change_that_was_not_taken_over_stays_due() {
    let counters = Counters::with_versions().await;
    let calls = Cell::new(0);
    let (done, taken) = tokio::sync::oneshot::channel();
    let done = Cell::new(Some(done));
    let watch = changes::watch(&counters.db, async |_topic| {
        calls.set(calls.get() + 1);
        if calls.get() < 2 {
            return Err("not now");
        }
        done.take().unwrap().send(()).unwrap();
        Ok(())
    });
    counters.announce("keys").await;
    tokio::select! {
        () = watch => unreachable!(),
        taken = timeout(2 * SOON, taken) => taken.unwrap().unwrap(),
    }
    assert_eq!(calls.get(), 2);
}

#[tokio::test]
async fn a_lost_listener_comes_back_and_has_missed_nothing() {
    let Some(_) = Counters::in_postgres().await else { return };
    let counters = Counters::with_versions().await;
    let mut node = Node::beside(&counters).await;
    counters.announce("keys").await;
    assert_eq!(node.hears().await, "keys");

    let listeners = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    counters.db.reader().execute_unprepared(listeners).await.unwrap();
    counters.announce("clients").await;
    assert_eq!(node.hears().await, "clients");
    sleep(Duration::from_secs(2)).await;
    counters.announce("keys").await;
    let word = timeout(Duration::from_secs(1), node.heard.recv()).await;
    assert_eq!(word.expect("it listens again").as_deref(), Some("keys"));
}
