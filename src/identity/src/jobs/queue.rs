//! Answers which jobs are due, and stores the outcome of a run: the statements of the runner.
//!
//! A lease is the only gate, taken by one conditional update. On PostgreSQL the update skips rows that
//! another node is taking at that moment; on SQLite all writes run one after another.

use std::time::Duration;

use postern_entities::jobs;
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{
        CaseStatement, Expr, ExprTrait as _, LockBehavior, LockType, OnConflict, Order, Query, SimpleExpr,
    },
};

use super::{JobKinds, JobPriority, JobState, recurring_job_id};
use crate::core::Core;

pub(super) type Job = jobs::Model;

/// Longer than the time limit of a run, so an expired lease means that its node is gone.
pub(super) const LEASE_LIFETIME: Duration = Duration::from_secs(90);

/// Stored as the last error of a job whose interrupted run may have done the work.
pub(super) const INTERRUPTED_MARK: &str = "interrupted";

const FIRST_BACK_OFF: Duration = Duration::from_secs(5);
const MAX_BACK_OFF: Duration = Duration::from_mins(5);

/// The outcome of a run.
pub(super) enum RunOutcome {
    /// Done, or failed permanently for this reason.
    Finished(Option<String>),
    /// To be run again at this time; the text is stored as the last error.
    RunAgain(Timestamp, Option<String>),
}

/// Leases up to `max_jobs` due jobs of a priority. Reads first, so that an idle node writes nothing.
pub(super) async fn lease(
    app: &impl JobState,
    priority: JobPriority,
    max_jobs: usize,
) -> Result<Vec<Job>, DatabaseError> {
    let core = app.core();
    let now = core.clock.now();
    let any_due = jobs::Entity::find()
        .select_only()
        .column(jobs::Column::Id)
        .filter(due_condition(now))
        .filter(priority_condition(app.job_kinds(), priority))
        .limit(1)
        .into_tuple::<uuid::Uuid>()
        .one(core.db.reader())
        .await?;
    if any_due.is_none() {
        return Ok(Vec::new());
    }
    let mut due_ids = Query::select()
        .column(jobs::Column::Id)
        .from(jobs::Entity)
        .cond_where(due_condition(now).add(priority_condition(app.job_kinds(), priority)))
        .order_by(jobs::Column::RunAt, Order::Asc)
        .limit(max_jobs as u64)
        .to_owned();
    if core.db.backend() == DbBackend::Postgres {
        due_ids.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    // The node that held an expired lease is gone and may have done the work, so the job is marked as
    // interrupted.
    let mark = CaseStatement::new()
        .case(jobs::Column::LeasedUntil.is_null(), Expr::col(jobs::Column::LastError))
        .finally(INTERRUPTED_MARK);
    let lease_statement = jobs::Entity::update_many()
        .col_expr(jobs::Column::LeasedUntil, Expr::value(now + LEASE_LIFETIME))
        .col_expr(jobs::Column::Attempts, Expr::col(jobs::Column::Attempts).add(1))
        .col_expr(jobs::Column::LastError, mark.into())
        .filter(jobs::Column::Id.in_subquery(due_ids));
    core.db
        .write(async |tx| {
            give_up_interrupted(tx, now).await?;
            Ok(lease_statement.exec_with_returning(tx).await?)
        })
        .await
}

/// A kind that this node does not know has normal priority.
fn priority_condition<S>(kinds: &JobKinds<S>, priority: JobPriority) -> SimpleExpr {
    match priority {
        JobPriority::Normal => {
            let limited = JobPriority::LIMITED.into_iter();
            jobs::Column::Kind.is_not_in(limited.flat_map(|(priority, _)| kinds.with_priority(priority)))
        }
        limited => jobs::Column::Kind.is_in(kinds.with_priority(limited)),
    }
}

fn due_condition(now: Timestamp) -> Condition {
    Condition::all()
        .add(jobs::Column::FinishedAt.is_null())
        .add(jobs::Column::RunAt.lte(now))
        .add(Condition::any().add(jobs::Column::LeasedUntil.is_null()).add(lease_expired_condition(now)))
}

fn lease_expired_condition(now: Timestamp) -> SimpleExpr {
    jobs::Column::LeasedUntil.lte(now)
}

/// Ends jobs that were interrupted twice: a third run could repeat the work once more. Recurring jobs, which
/// have no payload, may be repeated.
async fn give_up_interrupted(tx: &impl ConnectionTrait, now: Timestamp) -> Result<(), DatabaseError> {
    jobs::Entity::update_many()
        .col_expr(jobs::Column::FinishedAt, Expr::value(now))
        .col_expr(jobs::Column::PayloadSealed, Expr::value(None::<Vec<u8>>))
        .filter(jobs::Column::FinishedAt.is_null())
        .filter(lease_expired_condition(now))
        .filter(jobs::Column::LastError.eq(INTERRUPTED_MARK))
        .filter(jobs::Column::PayloadSealed.is_not_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Stores the outcome of a run. Changes nothing if the lease was lost in the meantime.
pub(super) async fn record_outcome(core: &Core, job: &Job, outcome: RunOutcome) -> Result<(), DatabaseError> {
    let now = core.clock.now();
    let update = jobs::Entity::update_many()
        .filter(jobs::Column::Id.eq(job.id))
        .filter(jobs::Column::FinishedAt.is_null())
        .filter(jobs::Column::LeasedUntil.eq(job.leased_until))
        .col_expr(jobs::Column::LeasedUntil, Expr::value(None::<Timestamp>));
    let update = match outcome {
        RunOutcome::Finished(error) => update
            .col_expr(jobs::Column::FinishedAt, Expr::value(now))
            .col_expr(jobs::Column::PayloadSealed, Expr::value(None::<Vec<u8>>))
            .col_expr(jobs::Column::LastError, Expr::value(error)),
        RunOutcome::RunAgain(at, error) => update
            .col_expr(jobs::Column::RunAt, Expr::value(at))
            .col_expr(jobs::Column::LastError, Expr::value(error)),
    };
    core.db.write(async |tx| Ok(update.exec(tx).await.map(drop)?)).await
}

/// The delay before the next run: doubles with each failure, up to a maximum.
pub(super) fn back_off(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 10) - 1).unwrap_or(0);
    (FIRST_BACK_OFF * 2_u32.pow(doublings)).min(MAX_BACK_OFF)
}

/// Inserts the missing rows of recurring jobs.
pub(super) async fn insert_recurring(app: &impl JobState) -> Result<(), DatabaseError> {
    let core = app.core();
    let now = core.clock.now();
    let rows: Vec<_> = app
        .job_kinds()
        .recurring_kinds()
        .map(|(kind, every)| jobs::Model {
            id: recurring_job_id(kind.name),
            kind: kind.name.to_owned(),
            payload_sealed: None,
            run_at: now + every,
            attempts: 0,
            leased_until: None,
            finished_at: None,
            last_error: None,
            created_at: now,
        })
        .map(jobs::ActiveModel::from)
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    core.db
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
