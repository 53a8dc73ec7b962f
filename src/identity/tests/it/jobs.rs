//! Jobs: leases, what a killed node leaves behind, several nodes, and what is removed in time.

use std::time::Duration;

use postern_entities::{attempts, audit_events, grants, jobs, rate_limits, refresh_tokens};
use postern_identity::jobs::{housekeeping, runner};
use postern_service::database::DatabaseError;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, sea_query::Expr};
use tokio_util::sync::CancellationToken;

use crate::sign_in::{ALICE, SignIn};

async fn rows(sign_in: &SignIn) -> Vec<jobs::Model> {
    jobs::Entity::find().all(sign_in.app.app.db.reader()).await.unwrap()
}

/// What a node leaves behind that was killed in the middle of a job.
async fn killed(sign_in: &SignIn) {
    let leased_until = sign_in.app.clock.now() + Duration::from_secs(90);
    let db = &sign_in.app.app.db;
    db.write(async |tx| -> Result<(), DatabaseError> {
        jobs::Entity::update_many()
            .col_expr(jobs::Column::LeasedUntil, Expr::value(leased_until))
            .exec(tx)
            .await?;
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_payload_is_sealed_while_it_waits_and_erased_when_done() {
    let sign_in = SignIn::new().await;
    sign_in.attempt("email-otp", ALICE).await;
    let waiting = rows(&sign_in).await;
    let sealed = waiting[0].payload_sealed.clone().unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains(ALICE));
    sign_in.app.run_jobs().await;
    assert!(rows(&sign_in).await[0].payload_sealed.is_none());
}

#[tokio::test]
async fn what_a_killed_node_held_is_run_once_more_and_never_a_third_time() {
    let sign_in = SignIn::new().await;
    sign_in.attempt("email-otp", ALICE).await;
    killed(&sign_in).await;
    assert_eq!(sign_in.app.run_jobs().await, 0, "leased");
    sign_in.app.clock.advance(Duration::from_secs(90));
    assert_eq!(sign_in.app.run_jobs().await, 1);
    assert_eq!(sign_in.app.inbox.newest_first().len(), 1);

    sign_in.attempt("email-otp", ALICE).await;
    for _ in 0..2 {
        killed(&sign_in).await;
        sign_in.app.clock.advance(Duration::from_secs(90));
        // The second time the run begins and is killed again.
        if rows(&sign_in).await.iter().any(|row| row.last_error.is_some()) {
            break;
        }
        interrupted(&sign_in).await;
    }
    assert_eq!(sign_in.app.run_failing_jobs().await, 0);
    assert!(rows(&sign_in).await.iter().all(|row| row.finished_at.is_some() && row.payload_sealed.is_none()));
}

/// The mark that a second run of a job carries.
async fn interrupted(sign_in: &SignIn) {
    let db = &sign_in.app.app.db;
    db.write(async |tx| -> Result<(), DatabaseError> {
        jobs::Entity::update_many()
            .col_expr(jobs::Column::LastError, Expr::value("interrupted"))
            .exec(tx)
            .await?;
        Ok(())
    })
    .await
    .unwrap();
}

/// Spoils the payloads of the jobs that wait.
async fn spoil(sign_in: &SignIn) {
    let spoilt =
        jobs::Entity::update_many().col_expr(jobs::Column::PayloadSealed, Expr::value(vec![0_u8; 40]));
    let written = sign_in.app.app.db.write(async |tx| spoilt.exec(tx).await.map_err(DatabaseError::from));
    assert_eq!(written.await.unwrap().rows_affected, 1);
}

#[tokio::test]
#[should_panic(expected = "the test left jobs that failed")]
async fn a_left_over_job_that_fails_makes_its_test_fail() {
    let sign_in = SignIn::new().await;
    sign_in.attempt("email-otp", ALICE).await;
    spoil(&sign_in).await;
}

#[tokio::test]
#[should_panic(expected = "jobs failed")]
async fn a_job_that_fails_although_nobody_asked_for_it_makes_its_test_fail() {
    let sign_in = SignIn::new().await;
    sign_in.attempt("email-otp", ALICE).await;
    spoil(&sign_in).await;
    sign_in.app.run_jobs().await;
}

#[tokio::test]
async fn a_job_that_fails_as_its_test_wants_fails_no_test() {
    let sign_in = SignIn::new().await;
    sign_in.attempt("email-otp", ALICE).await;
    spoil(&sign_in).await;
    assert_eq!(sign_in.app.run_failing_jobs().await, 1);
}

#[tokio::test]
async fn two_nodes_run_each_job_once() {
    let sign_in = SignIn::with(&[("POSTERN_LIMITS__CODES_PER_RECIPIENT", "100 per 15m per recipient")]).await;
    let other = sign_in.app.another_node().await;
    for _ in 0..20 {
        sign_in.attempt("email-otp", ALICE).await;
    }
    let (here, there) = tokio::join!(sign_in.app.run_jobs(), other.run_jobs());
    assert_eq!(here + there, 20);
    let sent = sign_in.app.inbox.newest_first().len() + other.inbox.newest_first().len();
    assert_eq!(sent, 20);
}

#[tokio::test]
async fn the_runner_looks_at_once_and_stops_when_asked() {
    let sign_in = SignIn::new().await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(runner::run(sign_in.app.app.clone(), stop.clone()));
    sign_in.attempt("email-otp", ALICE).await;
    let arrived = async {
        while sign_in.app.inbox.newest_first().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), arrived).await.unwrap();
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(10), running).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_has_expired_is_removed() {
    let sign_in = SignIn::new().await;
    sign_in.tokens().await;
    assert_eq!(housekeeping::remove_expired(&sign_in.app.app).await.unwrap(), 0);
    sign_in.app.clock.advance(Duration::from_secs(3600));
    assert!(housekeeping::remove_expired(&sign_in.app.app).await.unwrap() > 0);
    let db = sign_in.app.app.db.reader();
    assert!(attempts::Entity::find().all(db).await.unwrap().is_empty());
    sign_in.app.clock.advance(Duration::from_hours(24));
    housekeeping::remove_expired(&sign_in.app.app).await.unwrap();
    assert!(rate_limits::Entity::find().all(db).await.unwrap().is_empty());
    sign_in.app.clock.advance(Duration::from_secs(40 * 24 * 3600));
    housekeeping::remove_expired(&sign_in.app.app).await.unwrap();
    let of_users = grants::Entity::find().filter(grants::Column::UserId.is_not_null()).all(db).await.unwrap();
    let tokens = refresh_tokens::Entity::find().all(db).await.unwrap();
    assert!(of_users.is_empty() && tokens.is_empty(), "{of_users:?} {tokens:?}");
    assert!(rows(&sign_in).await.is_empty());
}

#[tokio::test]
async fn the_record_of_what_happened_is_kept_as_long_as_the_settings_say() {
    let sign_in = SignIn::with(&[("POSTERN_AUDIT__RETENTION", "90d")]).await;
    sign_in.tokens().await;
    let days = |days: u64| Duration::from_hours(24 * days);
    let kept = async || {
        housekeeping::remove_expired(&sign_in.app.app).await.unwrap();
        audit_events::Entity::find().all(sign_in.app.app.db.reader()).await.unwrap().len()
    };
    let first = kept().await;
    sign_in.app.clock.advance(days(89));
    sign_in.tokens().await;
    let both = kept().await;
    assert!(both > first, "{first} {both}");
    sign_in.app.clock.advance(days(1) + Duration::from_secs(1));
    assert_eq!(kept().await, both - first, "the older ones have gone");
    sign_in.app.clock.advance(days(91));
    assert_eq!(kept().await, 0);
}
