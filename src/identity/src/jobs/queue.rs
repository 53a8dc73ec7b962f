//! Answers which jobs are due, and keeps what became of them: the statements behind the runner.
//!
//! A lease is the only gate: one conditional update, which skips rows that another node is just taking
//! (PostgreSQL) or runs in the turn of the one writer (SQLite).

use std::time::Duration;

use postern_entities::jobs;
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{
        CaseStatement, Expr, ExprTrait as _, LockBehavior, LockType, OnConflict, Order, Query, SimpleExpr,
    },
};

use super::{Jobs, Lane, recurring_id};
use crate::app::App;

pub(super) type Job = jobs::Model;

/// Longer than any run may take, so that a lease which ended means a node that is gone.
pub(super) const LEASE: Duration = Duration::from_secs(90);

/// Mark of a job whose run may have done its work.
pub(super) const INTERRUPTED: &str = "interrupted";

const BACK_OFF: Duration = Duration::from_secs(5);
const LONGEST_BACK_OFF: Duration = Duration::from_mins(5);

/// What became of a run.
pub(super) enum Outcome {
    /// Done, or given up for this reason.
    Finished(Option<String>),
    /// To be run again then, with this mark.
    Again(Timestamp, Option<String>),
}

/// Leases up to `most` jobs of a lane that are due. Reads first, so that an idle node writes nothing.
pub(super) async fn lease(app: &App, lane: Lane, most: usize) -> Result<Vec<Job>, DatabaseError> {
    let now = app.clock.now();
    let waiting = jobs::Entity::find()
        .select_only()
        .column(jobs::Column::Id)
        .filter(due(now))
        .filter(in_lane(app, lane))
        .limit(1)
        .into_tuple::<uuid::Uuid>()
        .one(app.db.reader())
        .await?;
    if waiting.is_none() {
        return Ok(Vec::new());
    }
    let mut first = Query::select()
        .column(jobs::Column::Id)
        .from(jobs::Entity)
        .cond_where(due(now).add(in_lane(app, lane)))
        .order_by(jobs::Column::RunAt, Order::Asc)
        .limit(most as u64)
        .to_owned();
    if app.db.backend() == DbBackend::Postgres {
        first.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    // Whoever held an older lease is gone and may have done the work: that is marked.
    let mark = CaseStatement::new()
        .case(jobs::Column::LeasedUntil.is_null(), Expr::col(jobs::Column::LastError))
        .finally(INTERRUPTED);
    let lease = jobs::Entity::update_many()
        .col_expr(jobs::Column::LeasedUntil, Expr::value((now + LEASE).micros()))
        .col_expr(jobs::Column::Attempts, Expr::col(jobs::Column::Attempts).add(1))
        .col_expr(jobs::Column::LastError, mark.into())
        .filter(jobs::Column::Id.in_subquery(first));
    app.db
        .write(async |tx| {
            give_up_interrupted(tx, now).await?;
            Ok(lease.exec_with_returning(tx).await?)
        })
        .await
}

/// A kind that this node does not know is in the front lane.
fn in_lane(app: &App, lane: Lane) -> SimpleExpr {
    match lane {
        Lane::Front => jobs::Column::Kind.is_not_in(app.jobs.at_the_back()),
        Lane::Back => jobs::Column::Kind.is_in(app.jobs.at_the_back()),
    }
}

fn due(now: Timestamp) -> Condition {
    Condition::all()
        .add(jobs::Column::FinishedAt.is_null())
        .add(jobs::Column::RunAt.lte(now.micros()))
        .add(Condition::any().add(jobs::Column::LeasedUntil.is_null()).add(lease_ended(now)))
}

fn lease_ended(now: Timestamp) -> SimpleExpr {
    jobs::Column::LeasedUntil.lte(now.micros())
}

/// A job whose run was interrupted twice may have been done twice, and is not begun a third time.
/// Recurring jobs, which have no payload, bear repetition.
async fn give_up_interrupted(tx: &impl ConnectionTrait, now: Timestamp) -> Result<(), DatabaseError> {
    jobs::Entity::update_many()
        .col_expr(jobs::Column::FinishedAt, Expr::value(now.micros()))
        .col_expr(jobs::Column::PayloadSealed, Expr::value(None::<Vec<u8>>))
        .filter(jobs::Column::FinishedAt.is_null())
        .filter(lease_ended(now))
        .filter(jobs::Column::LastError.eq(INTERRUPTED))
        .filter(jobs::Column::PayloadSealed.is_not_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Keeps what became of a run. Nothing when the lease was lost meanwhile.
pub(super) async fn keep(app: &App, job: &Job, outcome: Outcome) -> Result<(), DatabaseError> {
    let now = app.clock.now();
    let kept = jobs::Entity::update_many()
        .filter(jobs::Column::Id.eq(job.id))
        .filter(jobs::Column::FinishedAt.is_null())
        .filter(jobs::Column::LeasedUntil.eq(job.leased_until))
        .col_expr(jobs::Column::LeasedUntil, Expr::value(None::<i64>));
    let kept = match outcome {
        Outcome::Finished(error) => kept
            .col_expr(jobs::Column::FinishedAt, Expr::value(now.micros()))
            .col_expr(jobs::Column::PayloadSealed, Expr::value(None::<Vec<u8>>))
            .col_expr(jobs::Column::LastError, Expr::value(error)),
        Outcome::Again(at, error) => kept
            .col_expr(jobs::Column::RunAt, Expr::value(at.micros()))
            .col_expr(jobs::Column::LastError, Expr::value(error)),
    };
    app.db.write(async |tx| Ok(kept.exec(tx).await.map(drop)?)).await
}

/// Waits longer after each failure.
pub(super) fn back_off(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 10) - 1).unwrap_or(0);
    (BACK_OFF * 2_u32.pow(doublings)).min(LONGEST_BACK_OFF)
}

/// Makes the rows of recurring jobs that are not there yet.
pub(super) async fn seed_recurring(app: &App, jobs: &Jobs) -> Result<(), DatabaseError> {
    let now = app.clock.now();
    let rows: Vec<_> = jobs
        .recurring()
        .map(|(kind, every)| jobs::Model {
            id: recurring_id(kind.name),
            kind: kind.name.to_owned(),
            payload_sealed: None,
            run_at: (now + every).micros(),
            attempts: 0,
            leased_until: None,
            finished_at: None,
            last_error: None,
            created_at: now.micros(),
        })
        .map(jobs::ActiveModel::from)
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    app.db
        .write(async |tx| {
            jobs::Entity::insert_many(rows)
                .on_conflict(OnConflict::column(jobs::Column::Id).do_nothing().to_owned())
                .exec_without_returning(tx)
                .await?;
            Ok(())
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::back_off;

    #[test]
    fn waits_grow_up_to_five_minutes() {
        let waits: Vec<_> = (1..=9).map(|attempts| back_off(attempts).as_secs()).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(back_off(i32::MAX).as_secs(), 300);
        assert_eq!(back_off(0).as_secs(), 5);
    }
}
