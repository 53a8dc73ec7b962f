//! Tests group commit on SQLite: writes share commits, other processes get the lock, failures are clean.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use metrics_exporter_prometheus::PrometheusBuilder;
use postern_service::database::DatabaseError;
use sea_orm::ConnectionTrait as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Executor as _};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::support::{Counters, increment, insert, poll_once, value};

/// A connection of another program, with SQLite's own way to wait for the lock.
async fn another_program(counters: &Counters) -> SqliteConnection {
    let options: SqliteConnectOptions = counters.home.url().parse().unwrap();
    SqliteConnection::connect_with(&options.busy_timeout(Duration::from_secs(5))).await.unwrap()
}

/// Writers that never stop until the flag is set.
fn load(counters: &Arc<Counters>, callers: usize, stop: &Arc<AtomicBool>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let (counters, stop) = (Arc::clone(counters), Arc::clone(stop));
        tasks.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                counters.hit().await.unwrap();
            }
        });
    }
    tasks
}

#[test]
fn writes_that_come_together_share_a_commit() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let shown = recorder.handle();
    let count = |name: &str| -> u64 {
        let text = shown.render();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or("x 0");
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let counters = Arc::new(Counters::in_sqlite().await);
            let before = count("postern_database_commits_total");
            let mut tasks = JoinSet::new();
            for _ in 0..32 {
                let counters = Arc::clone(&counters);
                tasks.spawn(async move {
                    for _ in 0..10 {
                        counters.hit().await.unwrap();
                    }
                });
            }
            tasks.join_all().await;
            let commits = count("postern_database_commits_total") - before;
            assert!(commits <= 40, "{commits} commits for 320 writes of 32 callers");
            assert_eq!(count("postern_database_writes_total"), 322);
        });
    });
}

#[tokio::test]
async fn a_group_ends_after_64_turns() {
    let counters = Arc::new(Counters::in_sqlite().await);
    let (go, gone) = oneshot::channel::<()>();
    let mut first = Box::pin(counters.db.write(async |tx| {
        gone.await.unwrap();
        increment(tx, "hits").await
    }));
    assert!(poll_once(&mut first.as_mut()).await.is_pending());
    let mut tasks = JoinSet::new();
    for n in 0..100 {
        let counters = Arc::clone(&counters);
        tasks.spawn(async move {
            // The value that was committed when this write had its turn.
            let committed = counters.db.write(async |tx| {
                let seen = value(counters.db.reader(), "hits").await?;
                increment(tx, "hits").await?;
                Ok::<_, DatabaseError>(seen)
            });
            (n, committed.await.unwrap().unwrap())
        });
    }
    sleep(Duration::from_millis(50)).await;
    go.send(()).unwrap();
    first.await.unwrap();
    let mut seen: Vec<_> = tasks.join_all().await;
    seen.sort_unstable();
    assert!(seen.iter().all(|(n, committed)| *committed == if *n < 63 { 0 } else { 64 }), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_program_gets_the_lock_under_load() {
    let counters = Arc::new(Counters::in_sqlite().await);
    let stop = Arc::new(AtomicBool::new(false));
    let tasks = load(&counters, 16, &stop);
    let mut program = another_program(&counters).await;
    for n in 0..5 {
        let insert = format!("INSERT INTO counters VALUES ('program {n}', 1)");
        program.execute(sqlx::AssertSqlSafe(insert)).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    tasks.join_all().await;
    assert_eq!(counters.value("program 4").await, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_of_ours_gets_its_turn_soon_under_load() {
    let counters = Arc::new(Counters::in_sqlite().await);
    let stop = Arc::new(AtomicBool::new(false));
    let tasks = load(&counters, 16, &stop);
    let command = counters.home.open().await.unwrap();
    for n in 0..10 {
        let begun = Instant::now();
        command.write(async |tx| insert(tx, &format!("command {n}"), 1).await).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(1), "waited {:?}", begun.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    tasks.join_all().await;
}

#[tokio::test]
async fn a_lock_held_elsewhere_is_waited_for_but_not_for_ever() {
    let counters = Counters::in_sqlite().await;
    let mut program = another_program(&counters).await;
    program.execute("BEGIN IMMEDIATE").await.unwrap();
    let begun = Instant::now();
    assert!(matches!(counters.hit().await, Err(DatabaseError::Unavailable(_))));
    assert!(begun.elapsed() < Duration::from_secs(2), "waited {:?}", begun.elapsed());

    let (hit, committed) = tokio::join!(counters.hit(), async {
        sleep(Duration::from_millis(200)).await;
        program.execute("COMMIT").await
    });
    committed.unwrap();
    hit.unwrap();
    assert_eq!(counters.value("hits").await, Some(1));
}

/// `max_page_count` makes a disk of a few pages, with SQLite's own error for a full one.
#[tokio::test]
async fn a_full_disk_fails_the_write_and_the_next_one_works() {
    let counters = Counters::in_sqlite().await;
    let full = counters.db.write(async |tx| {
        tx.execute_unprepared("PRAGMA max_page_count = 8").await?;
        insert(tx, "small", 1).await?;
        // The error is ignored. After SQLite has rolled back by itself, no statement may run outside the
        // transaction.
        let fill = "INSERT INTO counters SELECT hex(randomblob(2000)), 1 FROM \
                    (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100) SELECT i FROM n)";
        tx.execute_unprepared(fill).await.unwrap_err();
        insert(tx, "after", 1).await.unwrap_err();
        Ok::<_, DatabaseError>(())
    });
    assert!(matches!(full.await, Err(DatabaseError::Unavailable(_))));
    assert_eq!(counters.value("small").await, None);
    assert_eq!(counters.value("after").await, None);
    counters.hit().await.unwrap();
    assert_eq!(counters.value("hits").await, Some(1));
}

#[tokio::test]
async fn a_full_disk_fails_the_group_and_the_next_one_works() {
    let counters = Counters::in_sqlite().await;
    let member = counters.add("member", 1);
    let filler = counters.db.write(async |tx| {
        tx.execute_unprepared("PRAGMA max_page_count = 8").await?;
        tx.execute_unprepared("CREATE TABLE big AS SELECT hex(randomblob(200000)) AS x").await?;
        Ok::<_, DatabaseError>(())
    });
    let behind = counters.add("behind", 1);
    let (member, filler, _behind) = tokio::join!(member, filler, behind);
    assert!(matches!(filler, Err(DatabaseError::Unavailable(_))), "{filler:?}");
    assert_eq!(
        counters.value("member").await.is_some(),
        member.is_ok(),
        "whoever was told was told the truth"
    );
    counters.hit().await.unwrap();
    counters.run("PRAGMA max_page_count = 100000").await.unwrap();
    counters.run("CREATE TABLE big AS SELECT hex(randomblob(200000)) AS x").await.unwrap();
}

/// The one way to make COMMIT itself fail at will: a foreign key that is checked only then.
#[tokio::test]
async fn a_commit_that_fails_fails_all_members_and_the_next_group_works() {
    let counters = Counters::in_sqlite().await;
    counters
        .run("CREATE TABLE marks (name TEXT REFERENCES counters (name) DEFERRABLE INITIALLY DEFERRED)")
        .await
        .unwrap();
    let member = counters.add("member", 1);
    let breaker = counters.run("INSERT INTO marks VALUES ('nobody')");
    let (member, breaker) = tokio::join!(member, breaker);
    assert!(matches!(member, Err(DatabaseError::Unavailable(_))), "{member:?}");
    assert!(matches!(breaker, Err(DatabaseError::Unavailable(_))), "{breaker:?}");
    assert_eq!(counters.value("member").await, None);
    counters.add("member", 1).await.unwrap();
}

/// In the log, a frame that contains the size of the database ends a commit (sqlite.org/fileformat2), so
/// commits can be counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_holds_fewer_commits_than_writes() {
    let counters = Arc::new(Counters::in_sqlite().await);
    let mut tasks = JoinSet::new();
    for _ in 0..200 {
        let counters = Arc::clone(&counters);
        tasks.spawn(async move { counters.hit().await.unwrap() });
    }
    tasks.join_all().await;
    let path = counters.home.url().strip_prefix("sqlite://").unwrap();
    let log = std::fs::read(PathBuf::from(format!("{path}-wal"))).unwrap();
    let page = usize::try_from(u32::from_be_bytes(log[8..12].try_into().unwrap())).unwrap();
    let commits = log[32..].chunks(24 + page).filter(|frame| frame[4..8] != [0; 4]).count();
    assert!(commits <= 40, "{commits} commits for 202 writes");
}
