//! Tests batches: writes of several statements that are sent together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use postern_service::database::{Database, DatabaseError, DatabaseSettings, StatementResult, Transaction};
use postern_service::random::Random;
use postern_service::settings::Lifetime;
use sea_orm::sea_query::{Expr, ExprTrait as _, InsertStatement, Query, UpdateStatement};
use sea_orm::{ConnectionTrait as _, DbBackend, Statement, StatementBuilder};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::support::{Counters, increment, insert};

const SOON: Duration = Duration::from_secs(20);

fn row(name: &str, value: i64) -> InsertStatement {
    Query::insert()
        .into_table("counters")
        .columns(["name", "value"])
        .values_panic([name.into(), value.into()])
        .to_owned()
}

/// Adds one to the rows with this value, and returns their names.
fn next(value: i64) -> UpdateStatement {
    Query::update()
        .table("counters")
        .value("value", Expr::col("value").add(1))
        .and_where(Expr::col("value").eq(value))
        .returning_col("name")
        .to_owned()
}

fn rows(results: &[StatementResult]) -> Vec<u64> {
    results.iter().map(|done| done.rows_affected).collect()
}

#[tokio::test]
async fn each_statement_says_what_it_did() {
    let counters = Counters::in_fresh().await;
    let (one, two, update) = (row("one", 7), row("two", 7), next(7));
    let statements: [&dyn StatementBuilder; 4] = [&update, &one, &two, &update];
    let done = counters.db.write_batch(&statements, |_| true).await.unwrap();
    assert_eq!(rows(&done), [0, 1, 1, 2]);
    assert!(done[..3].iter().all(|done| done.row.is_none()));
    let name: String = done[3].row.as_ref().unwrap().try_get_by_index(0).unwrap();
    assert!(["one", "two"].contains(&name.as_str()), "{name}");
    assert_eq!((counters.value("one").await, counters.value("two").await), (Some(8), Some(8)));
}

#[tokio::test]
async fn deferred_statements_run_at_the_end_in_order_and_fail_the_whole_write() {
    let counters = Counters::in_fresh().await;
    let written = counters.db.write(async |tx| {
        tx.defer(&row("one", 7));
        tx.defer(&next(7));
        insert(tx, "two", 0).await
    });
    written.await.unwrap();
    assert_eq!((counters.value("one").await, counters.value("two").await), (Some(8), Some(0)));
    let refused = counters.db.write(async |tx| {
        tx.defer(&row("three", 1));
        tx.defer(&row("one", 1));
        insert(tx, "four", 0).await
    });
    let refused: Result<(), DatabaseError> = refused.await;
    assert_eq!(refused.unwrap_err().unique_violation().as_deref(), Some("counters.name"));
    assert_eq!((counters.value("three").await, counters.value("four").await), (None, None));
}

#[tokio::test]
async fn what_is_not_to_be_kept_leaves_nothing() {
    let counters = Counters::in_fresh().await;
    let keep = |done: &[StatementResult]| done[1].rows_affected == 2;
    let done = counters.db.write_batch(&[&row("one", 1), &next(0)], keep).await.unwrap();
    assert_eq!(rows(&done), [1, 1], "what would have been done is told");
    assert_eq!((counters.value("one").await, counters.value("hits").await), (None, Some(0)));
}

#[tokio::test]
async fn a_statement_that_fails_undoes_all_of_them_and_nothing_of_others() {
    let counters = Counters::in_fresh().await;
    let (same, other, update) = (row("hits", 1), row("other", 0), next(0));
    let good: [&dyn StatementBuilder; 1] = [&other];
    let bad: [&dyn StatementBuilder; 3] = [&update, &same, &update];
    let (before, failed, after) = tokio::join!(
        counters.db.write_batch(&good, |_| true),
        counters.db.write_batch(&bad, |_| true),
        counters.hit(),
    );
    assert_eq!(rows(&before.unwrap()), [1]);
    let violated = failed.err().unwrap().unique_violation();
    assert_eq!(violated.as_deref(), Some("counters.name"));
    after.unwrap();
    assert_eq!((counters.value("other").await, counters.value("hits").await), (Some(0), Some(1)));
}

/// A statement that is given as text.
struct Raw(&'static str);

impl StatementBuilder for Raw {
    fn build(&self, backend: &DbBackend) -> Statement {
        Statement::from_string(*backend, self.0)
    }
}

/// The durability of the current commit, as the database reports it within a write.
async fn waits_for(db: &Database, relaxed: bool) -> String {
    let asked = match db.backend() {
        DbBackend::Postgres => Raw("SHOW synchronous_commit"),
        _ => Raw("SELECT CASE synchronous WHEN 2 THEN 'on' ELSE 'off' END FROM pragma_synchronous"),
    };
    let (one, keep) = (next(0), |_: &[StatementResult]| true);
    let statements: [&dyn StatementBuilder; 2] = [&one, &asked];
    let done = match relaxed {
        true => db.write_relaxed(&statements, keep).await.unwrap(),
        false => db.write_batch(&statements, keep).await.unwrap(),
    };
    done[1].row.as_ref().unwrap().try_get_by_index(0).unwrap()
}

/// The default durability: a PostgreSQL server for tests may be configured to wait for nothing.
async fn usual(db: &Database) -> String {
    if db.backend() == DbBackend::Sqlite {
        return "on".to_owned();
    }
    let asked = Statement::from_string(db.backend(), "SHOW synchronous_commit");
    db.reader().query_one_raw(asked).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn a_relaxed_write_waits_for_no_disk_and_those_after_it_do() {
    let counters = Counters::in_fresh().await;
    let usual = usual(&counters.db).await;
    for _ in 0..3 {
        assert_eq!(waits_for(&counters.db, true).await, "off");
        assert_eq!(waits_for(&counters.db, false).await, usual);
        assert_eq!(waits_for(&counters.db, false).await, usual);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_that_must_last_shares_a_relaxed_commit() {
    let counters = Counters::in_fresh().await;
    let usual = usual(&counters.db).await;
    let mut tasks = JoinSet::new();
    for number in 0..60 {
        let db = counters.db.clone();
        tasks.spawn(async move {
            let lightly = number % 3 == 0;
            (lightly, waits_for(&db, lightly).await)
        });
    }
    for (lightly, waits_for) in tasks.join_all().await {
        assert!(lightly || waits_for == usual);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acquire_timeout_limits_the_turn_and_what_has_begun_is_waited_for() {
    let counters = Counters::in_sqlite().await;
    let mut settings = DatabaseSettings::from_url(counters.home.url());
    settings.acquire_timeout = Lifetime::from_millis(20);
    let db = Database::open(&settings).await.unwrap();
    let slow = Raw(
        "INSERT INTO counters (name, value) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000000) \
         SELECT 'slow', count(*) FROM n",
    );
    let begun = Instant::now();
    let first = async { (db.write_batch(&[&slow], |_| true).await, begun.elapsed()) };
    let behind = async {
        sleep(Duration::from_millis(5)).await;
        db.write_batch(&[&row("behind", 1)], |_| true).await
    };
    let ((first, took), behind) = tokio::join!(first, behind);
    assert_eq!(rows(&first.unwrap()), [1]);
    assert!(took > Duration::from_millis(20), "the statement was not slow enough to show anything: {took:?}");
    assert!(matches!(behind, Err(DatabaseError::Unavailable(_))), "it had no turn in time");
    counters.hit().await.unwrap();
    assert_eq!((counters.value("slow").await, counters.value("behind").await), (Some(3_000_000), None));
}

/// Runs both kinds of writes in the same groups, of which some are refused, some fail and some are dropped.
/// Every reported result must be true.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn among_other_writes_every_answer_is_true() {
    let counters = Arc::new(Counters::in_fresh().await);
    let random = Random::seeded(12);
    let mut tasks = JoinSet::new();
    for n in 0..300_i64 {
        let counters = Arc::clone(&counters);
        let [start_after, fate, drop_after] = random.bytes::<3>();
        tasks.spawn(async move {
            sleep(Duration::from_millis(u64::from(start_after / 2))).await;
            let name = format!("row {n}");
            let patience =
                if fate % 4 == 0 { Duration::from_micros(u64::from(drop_after) * 50) } else { SOON };
            let work = async {
                match fate % 8 {
                    0 => {
                        let work = async |tx: &_| {
                            insert(tx, &name, 100 + n).await?;
                            increment(tx, "hits").await
                        };
                        counters.db.write(work).await.map(|()| true)
                    }
                    1 => {
                        let failing: [&dyn StatementBuilder; 2] = [&row(&name, 100 + n), &row("hits", 1)];
                        counters.db.write_batch(&failing, |_| true).await.map(|_| true)
                    }
                    2 => counters.db.write_batch(&[&row(&name, 100 + n)], |_| false).await.map(|_| false),
                    // Deferred statements: one write that is kept, and one whose deferred statement fails.
                    3 | 4 => {
                        let work = async |tx: &Transaction| {
                            increment(tx, "hits").await?;
                            tx.defer(&row(&name, 100 + n));
                            if fate % 8 == 4 {
                                tx.defer(&row("hits", 1));
                            }
                            Ok::<_, DatabaseError>(())
                        };
                        counters.db.write(work).await.map(|()| true)
                    }
                    5 => counters.db.write_relaxed(&[&row(&name, 100 + n)], |_| true).await.map(|_| true),
                    _ => counters.db.write_batch(&[&row(&name, 100 + n)], |_| true).await.map(|_| true),
                }
            };
            let told: Option<Result<bool, DatabaseError>> = timeout(patience, work).await.ok();
            let there = counters.value(&name).await.is_some();
            match told {
                Some(Ok(kept)) => assert_eq!(there, kept, "{name}"),
                Some(Err(_)) => assert!(!there && matches!(fate % 8, 1 | 4), "{name}"),
                // The caller was dropped, so the write may still be in progress.
                None => {}
            }
            usize::from(told.is_some())
        });
    }
    let told: usize = timeout(3 * SOON, tasks.join_all()).await.unwrap().into_iter().sum();
    assert!((100..300).contains(&told), "{told} were told");
    timeout(SOON, counters.hit()).await.unwrap().unwrap();
}
