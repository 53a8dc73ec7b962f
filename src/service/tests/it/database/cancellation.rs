//! Tests callers that are dropped, at every point where a write waits.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postern_service::database::DatabaseError;
use postern_service::random::Random;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::support::{Counters, increment, insert, poll_once};

const SOON: Duration = Duration::from_secs(10);
/// Long enough for every pending step to finish.
const A_WHILE: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_caller_dropped_in_its_closure_undoes_only_itself() {
    let counters = Arc::new(Counters::in_fresh().await);
    let (entered, inside) = oneshot::channel();
    let first = counters.add("first", 1);
    let mut stuck = Box::pin(counters.db.write(async |tx| {
        insert(tx, "stuck", 2).await?;
        entered.send(()).unwrap();
        std::future::pending::<Result<(), DatabaseError>>().await
    }));
    let behind = Arc::clone(&counters);

    let everything = async {
        first.await.unwrap();
        tokio::select! {
            _ = &mut stuck => unreachable!(),
            entered = inside => entered.unwrap(),
        }
        let last = tokio::spawn(async move { behind.add("last", 3).await });
        tokio::task::yield_now().await;
        drop(stuck);
        last.await.unwrap().unwrap();
    };
    timeout(SOON, everything).await.unwrap();
    assert_eq!(counters.value("first").await, Some(1));
    assert_eq!(counters.value("stuck").await, None);
    assert_eq!(counters.value("last").await, Some(3));
}

#[tokio::test]
async fn a_panic_in_a_closure_undoes_only_itself() {
    let counters = Arc::new(Counters::in_fresh().await);
    let theirs = Arc::clone(&counters);
    let panicked = tokio::spawn(async move {
        let work = theirs.db.write(async |tx| {
            insert(tx, "panicked", 1).await?;
            assert!(tx.is_broken(), "a mistake");
            Ok::<_, DatabaseError>(())
        });
        work.await
    });
    assert!(panicked.await.unwrap_err().is_panic());
    timeout(SOON, counters.hit()).await.unwrap().unwrap();
    assert_eq!(counters.value("panicked").await, None);
}

/// Makes the compiler believe that the assertion below may hold.
trait Broken {
    fn is_broken(&self) -> bool {
        false
    }
}

impl<T> Broken for T {}

/// The first caller has written and waits for the commit that it shares with whoever waits behind it.
#[tokio::test]
async fn a_member_is_not_stranded_by_waiters_that_are_dropped() {
    let counters = Counters::in_sqlite().await;
    let (go, gone) = oneshot::channel::<()>();
    let mut first = pin!(counters.db.write(async |tx| {
        increment(tx, "hits").await?;
        gone.await.unwrap();
        Ok::<_, DatabaseError>(())
    }));
    // `first` is within its closure, and the others are in the queue behind it.
    assert!(timeout(A_WHILE, &mut first).await.is_err());
    let mut waiting = Box::pin(counters.add("waiting", 1));
    let mut behind = Box::pin(counters.add("behind", 1));
    assert!(poll_once(&mut waiting.as_mut()).await.is_pending());
    assert!(poll_once(&mut behind.as_mut()).await.is_pending());

    drop(waiting);
    go.send(()).unwrap();
    // `first` gives the connection back, and the writer lends it to `behind`, which is never polled again.
    assert!(timeout(A_WHILE, &mut first).await.is_err(), "the group is still open");
    drop(behind);

    timeout(SOON, first).await.unwrap().unwrap();
    assert_eq!(counters.value("hits").await, Some(1));
    assert_eq!(counters.value("waiting").await, None);
    assert_eq!(counters.value("behind").await, None);
}

#[tokio::test]
async fn a_caller_dropped_while_it_waits_for_the_commit_does_not_stop_it() {
    let counters = Counters::in_sqlite().await;
    let (left, go) = oneshot::channel::<()>();
    let mut first = Box::pin(counters.hit());
    let mut second = pin!(counters.db.write(async |tx| {
        go.await.unwrap();
        increment(tx, "hits").await
    }));
    // Both are queued before the writer looks, so they are one group.
    assert!(poll_once(&mut first.as_mut()).await.is_pending());
    assert!(poll_once(&mut second).await.is_pending());
    let both = async {
        let _ = tokio::join!(&mut first, &mut second);
    };
    assert!(timeout(A_WHILE, both).await.is_err(), "first waits for the commit");
    assert_eq!(counters.value("hits").await, Some(0), "not committed yet");

    drop(first);
    left.send(()).unwrap();
    timeout(SOON, second).await.unwrap().unwrap();
    assert_eq!(counters.value("hits").await, Some(2), "it had written, so it stays");
}

/// Drops the caller one millisecond later each time: in the queue, during its turn, after it, after the
/// commit.
#[tokio::test]
async fn whenever_its_only_caller_goes_the_lock_is_free_again() {
    let counters = Counters::in_sqlite().await;
    let other = counters.home.open().await.unwrap();
    for milliseconds in 0..8 {
        let mut alone = Box::pin(counters.hit());
        if poll_once(&mut alone.as_mut()).await.is_pending() {
            let _ = timeout(Duration::from_millis(milliseconds), &mut alone).await;
        }
        drop(alone);
        let outside = other.write(async |tx| increment(tx, "hits").await);
        timeout(SOON, outside).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_write_within_a_write_fails_instead_of_waiting_for_itself() {
    let counters = Counters::in_sqlite().await;
    let nested = counters.db.write(async |tx| {
        increment(tx, "hits").await?;
        counters.hit().await
    });
    assert!(matches!(timeout(SOON, nested).await.unwrap(), Err(DatabaseError::Unavailable(_))));
    counters.hit().await.unwrap();
    assert_eq!(counters.value("hits").await, Some(1));
}

/// The result of a write as its caller knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    Kept,
    Undone,
    Nothing,
}

/// Runs hundreds of writes, of which some fail and many are dropped at a random moment. Every reported result
/// must be true, each write must be there completely or not at all, and none may wait for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_dropped_every_answer_is_true() {
    let counters = Arc::new(Counters::in_fresh().await);
    let told = Arc::new(Mutex::new(BTreeMap::new()));
    let random = Random::seeded(11);
    let mut tasks = JoinSet::new();
    for n in 0..400_i64 {
        let (counters, told) = (Arc::clone(&counters), Arc::clone(&told));
        let [drop_after, start_after, fate] = random.bytes::<3>();
        tasks.spawn(async move {
            sleep(Duration::from_millis(u64::from(start_after))).await;
            let name = format!("row {n}");
            let work = counters.db.write(async |tx| {
                insert(tx, &name, n).await?;
                increment(tx, "hits").await?;
                if fate % 5 == 0 { Err(DatabaseError::Aborted) } else { Ok(()) }
            });
            let patience =
                if fate % 2 == 0 { SOON } else { Duration::from_micros(u64::from(drop_after) * 100) };
            let outcome = match timeout(patience, work).await {
                Ok(Ok(())) => Told::Kept,
                Ok(Err(_)) => Told::Undone,
                Err(_) => Told::Nothing,
            };
            told.lock().unwrap().insert(name, outcome);
        });
    }
    timeout(3 * SOON, tasks.join_all()).await.unwrap();
    timeout(SOON, counters.hit()).await.unwrap().unwrap();

    let told = told.lock().unwrap().clone();
    let mut kept = 0;
    for (name, told) in &told {
        let there = counters.value(name).await.is_some();
        kept += i64::from(there);
        match told {
            Told::Kept => assert!(there, "{name} was kept"),
            Told::Undone => assert!(!there, "{name} was undone"),
            Told::Nothing => {}
        }
    }
    assert_eq!(counters.value("hits").await, Some(kept + 1), "rows and counter are written together");
    for outcome in [Told::Kept, Told::Undone, Told::Nothing] {
        assert!(told.values().any(|told| *told == outcome), "no write was {outcome:?}");
    }
}
