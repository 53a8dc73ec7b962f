//! Tests `Database::write` on both databases.

use std::sync::Arc;

use async_trait::async_trait;
use postern_service::database::DatabaseError;
use sea_orm::ConnectionTrait as _;
use tokio::task::JoinSet;

use super::support::{Counters, increment, insert, poll_once, sql, value};

/// A use case behind an object-safe trait, as login methods are.
#[async_trait]
trait UseCase: Send + Sync {
    async fn run(&self, name: &str) -> Result<i64, DatabaseError>;
}

#[async_trait]
impl UseCase for Counters {
    async fn run(&self, name: &str) -> Result<i64, DatabaseError> {
        let wanted = vec![name.to_owned()];
        self.db
            .write(async |tx| {
                for name in &wanted {
                    increment(tx, name).await?;
                }
                Ok(value(tx, name).await?.unwrap_or_default())
            })
            .await
    }
}

/// A family of errors as use cases have them.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("not today")]
    Rule,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_with_borrowed_locals_runs_in_a_spawned_task_and_behind_a_trait() {
    let counters = Counters::in_fresh().await;
    let db = counters.db.clone();
    let spawned = tokio::spawn(async move {
        let name = String::from("hits");
        let borrowed = name.as_str();
        db.write(async |tx| {
            increment(tx, borrowed).await?;
            Ok::<_, DatabaseError>(value(tx, borrowed).await?)
        })
        .await
    });
    assert_eq!(spawned.await.unwrap().unwrap(), Some(1));

    let use_case: Box<dyn UseCase> = Box::new(counters);
    assert_eq!(tokio::spawn(async move { use_case.run("hits").await }).await.unwrap().unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_parallel_increments_are_all_counted() {
    let counters = Arc::new(Counters::in_fresh().await);
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let counters = Arc::clone(&counters);
        tasks.spawn(async move { counters.hit().await });
    }
    for result in tasks.join_all().await {
        result.unwrap();
    }
    assert_eq!(counters.value("hits").await, Some(50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_undoes_its_own_write_and_no_other() {
    let counters = Arc::new(Counters::in_fresh().await);
    let mut tasks = JoinSet::new();
    for n in 0..40 {
        let counters = Arc::clone(&counters);
        tasks.spawn(async move {
            let name = format!("row {n}");
            let work = counters.db.write(async |tx| {
                insert(tx, &name, n).await?;
                increment(tx, "hits").await?;
                if n % 3 == 0 { Err(Refused::Rule) } else { Ok(()) }
            });
            assert_eq!(work.await.is_err(), n % 3 == 0);
            assert_eq!(counters.value(&name).await.is_none(), n % 3 == 0, "{name}");
        });
    }
    tasks.join_all().await;
    assert_eq!(counters.value("hits").await, Some(26));
}

#[tokio::test]
async fn a_result_is_handed_out_only_when_readers_see_it() {
    let counters = Counters::in_fresh().await;
    for n in 1..=20 {
        counters.hit().await.unwrap();
        assert_eq!(counters.value("hits").await, Some(n));
    }
}

#[tokio::test]
async fn a_failed_statement_ends_the_write_even_if_its_error_is_swallowed() {
    let counters = Counters::in_fresh().await;
    let swallowed = counters.db.write(async |tx| {
        insert(tx, "before", 1).await?;
        let again = insert(tx, "before", 2).await;
        assert_eq!(again.unwrap_err().unique_violation().as_deref(), Some("counters.name"));
        insert(tx, "after", 3).await.unwrap_err();
        Ok::<_, DatabaseError>(())
    });
    assert!(matches!(swallowed.await, Err(DatabaseError::Aborted)));
    assert_eq!(counters.value("before").await, None);
    assert_eq!(counters.value("after").await, None);
    counters.hit().await.unwrap();
}

#[tokio::test]
async fn a_statement_given_up_half_way_ends_the_write() {
    let counters = Counters::in_fresh().await;
    let work = counters.db.write(async |tx| {
        increment(tx, "hits").await?;
        let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) \
                    SELECT count(*) FROM n";
        let mut statement = tx.query_one_raw(sql(tx, slow, vec![]));
        assert!(poll_once(&mut statement.as_mut()).await.is_pending(), "it is sent, not answered");
        drop(statement);
        Ok::<_, DatabaseError>(())
    });
    assert!(matches!(work.await, Err(DatabaseError::Aborted)));
    counters.hit().await.unwrap();
    assert_eq!(counters.value("hits").await, Some(1));
}

#[tokio::test]
async fn statements_that_a_closure_runs_at_once_take_turns() {
    let counters = Counters::in_fresh().await;
    let work = counters.db.write(async |tx| {
        tokio::try_join!(increment(tx, "hits"), increment(tx, "hits"), insert(tx, "other", 1))?;
        Ok::<_, DatabaseError>(())
    });
    work.await.unwrap();
    assert_eq!(counters.value("hits").await, Some(2));
}

#[tokio::test]
async fn readers_cannot_write() {
    let counters = Counters::in_fresh().await;
    let refused = counters.db.reader().execute_unprepared("DELETE FROM counters").await;
    assert!(refused.is_err());
    assert_eq!(counters.value("hits").await, Some(0));
}

#[tokio::test]
async fn a_unique_violation_is_named_alike_by_its_columns() {
    let counters = Counters::in_fresh().await;
    counters.run("CREATE TABLE consents (user_id BIGINT, \"order\" TEXT, n BIGINT NOT NULL)").await.unwrap();
    counters.run("CREATE UNIQUE INDEX one_consent ON consents (user_id, \"order\")").await.unwrap();
    counters.run("INSERT INTO consents VALUES (1, 'a', 1)").await.unwrap();

    let taken = counters.run("INSERT INTO consents VALUES (1, 'a', 2)").await.unwrap_err();
    assert_eq!(taken.unique_violation().as_deref(), Some("consents.user_id, consents.order"));
    let missing = counters.run("INSERT INTO consents VALUES (1, 'b', NULL)").await.unwrap_err();
    assert!(matches!(missing, DatabaseError::Query(_)));
    assert_eq!(missing.unique_violation(), None);
}

#[tokio::test]
async fn a_conditional_update_is_won_once() {
    let counters = Arc::new(Counters::in_fresh().await);
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let counters = Arc::clone(&counters);
        tasks.spawn(async move {
            let work = counters.db.write(async |tx| {
                let take = sql(tx, "UPDATE counters SET value = 1 WHERE name = 'hits' AND value = 0", vec![]);
                Ok::<_, Refused>(tx.execute_raw(take).await.map_err(DatabaseError::from)?.rows_affected())
            });
            work.await.unwrap()
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().sum::<u64>(), 1);
}

#[tokio::test]
async fn after_a_close_reads_and_writes_are_refused_and_what_waited_is_done() {
    let counters = Counters::in_fresh().await;
    let (hit, ()) = tokio::join!(counters.hit(), counters.db.close());
    hit.unwrap();
    assert!(matches!(counters.hit().await, Err(DatabaseError::Unavailable(_))));
    assert!(matches!(counters.db.ping().await, Err(DatabaseError::Unavailable(_))));
    counters.db.close().await;

    let again = counters.home.open().await.unwrap();
    assert_eq!(value(again.reader(), "hits").await.unwrap(), Some(1));
}
