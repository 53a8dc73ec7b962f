//! Runs jobs: one runner on each node, several jobs at once, until the node stops.
//!
//! Owns the limits of concurrency and of run time, and decides from the error whether a job is run again.
//! Leaves leases and stored outcomes to `queue`. A node that is killed leaves its leases behind; when they
//! expire, the jobs run again, marked as interrupted. So a mail is normally sent once, and at most twice.

use std::{sync::Arc, time::Duration};

use postern_service::database::DatabaseError;
use serde_json::Value;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Envelope, JobError, JobKind, JobPriority, JobState,
    queue::{self, INTERRUPTED_MARK, Job, RunOutcome},
};
use crate::core::Core;

/// Jobs that run at once on one node.
const MAX_RUNNING: usize = 12;
/// How often a node looks for jobs that other nodes enqueued, and for jobs whose time has come.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Shorter than a lease, so that no run outlives its lease.
const RUN_TIMEOUT: Duration = Duration::from_mins(1);

/// Runs jobs until `stop` is cancelled, then waits for the running jobs.
pub async fn run(app: impl JobState, stop: CancellationToken) {
    if let Err(cause) = queue::insert_recurring(&app).await {
        tracing::error!(cause = %super::error_chain(&cause), "recurring jobs could not be written");
    }
    let mut running = JoinSet::new();
    let limited = JobPriority::LIMITED.map(|(priority, most)| (priority, Arc::new(Semaphore::new(most))));
    while !stop.is_cancelled() {
        while running.try_join_next().is_some() {}
        let free_slots = MAX_RUNNING - running.len();
        let normal = lease_or_log(&app, JobPriority::Normal, free_slots).await;
        let all_slots_filled = free_slots > 0 && normal.len() == free_slots;
        for job in normal {
            running.spawn(run_job(app.clone(), job));
        }
        for (priority, permits) in &limited {
            let free_slots = permits.available_permits().min(MAX_RUNNING - running.len());
            for job in lease_or_log(&app, *priority, free_slots).await {
                let permit = Arc::clone(permits).try_acquire_owned();
                running.spawn(run_holding(permit, run_job(app.clone(), job)));
            }
        }
        if all_slots_filled {
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = app.core().job_wakeup.notified() => {}
            () = sleep(POLL_INTERVAL) => {}
            Some(_) = running.join_next() => {}
        }
    }
    while running.join_next().await.is_some() {}
}

/// Holds a permit until the work is done.
async fn run_holding<P>(permit: P, work: impl Future<Output = ()>) {
    work.await;
    drop(permit);
}

async fn lease_or_log(app: &impl JobState, priority: JobPriority, max_jobs: usize) -> Vec<Job> {
    if max_jobs == 0 {
        return Vec::new();
    }
    queue::lease(app, priority, max_jobs).await.unwrap_or_else(|cause| {
        tracing::warn!(cause = %super::error_chain(&cause), "jobs could not be leased");
        Vec::new()
    })
}

/// Runs the due jobs one after another, including the jobs that they enqueue. Returns the number of runs. For
/// tests.
pub async fn run_due(app: &impl JobState) -> Result<usize, DatabaseError> {
    let mut runs = 0;
    loop {
        let mut leased = queue::lease(app, JobPriority::Normal, MAX_RUNNING).await?;
        for (priority, _) in JobPriority::LIMITED {
            if leased.is_empty() {
                leased = queue::lease(app, priority, MAX_RUNNING).await?;
            }
        }
        if leased.is_empty() {
            return Ok(runs);
        }
        for job in leased {
            runs += 1;
            run_job(app.clone(), job).await;
        }
    }
}

async fn run_job<S: JobState>(app: S, job: Job) {
    let core = app.core();
    let Some(kind) = app.job_kinds().find_kind(&job.kind).copied() else {
        // A newer version of the server enqueued this job, and its nodes will run it.
        let again = core.clock.now() + queue::back_off(job.attempts);
        return record_outcome(
            core,
            &job,
            RunOutcome::RunAgain(again, Some("this node does not know the job".to_owned())),
        )
        .await;
    };
    let outcome = match kind.every {
        Some(every) => run_recurring(&app, &kind, every).await,
        None => run_enqueued(&app, &kind, &job).await,
    };
    record_outcome(core, &job, outcome).await;
}

async fn run_recurring<S: JobState>(app: &S, kind: &JobKind<S>, every: Duration) -> RunOutcome {
    let result = run_with_timeout(app, kind, Value::Null).await;
    let error = result.err().map(|cause| log_failure(kind, &cause));
    RunOutcome::RunAgain(app.core().clock.now() + every, error)
}

async fn run_enqueued<S: JobState>(app: &S, kind: &JobKind<S>, job: &Job) -> RunOutcome {
    let core = app.core();
    let envelope = match open_envelope(core, job) {
        Ok(envelope) => envelope,
        Err(cause) => return RunOutcome::Finished(Some(log_failure(kind, &cause))),
    };
    if core.clock.now() >= envelope.give_up_at {
        return drop_obsolete(kind, JobError::Obsolete("its time is over").to_string());
    }
    let Err(cause) = run_with_timeout(app, kind, envelope.payload).await else {
        metrics::counter!("postern_jobs_total", "kind" => kind.name, "outcome" => "done").increment(1);
        return RunOutcome::Finished(None);
    };
    if let JobError::Obsolete(_) = cause {
        return drop_obsolete(kind, cause.to_string());
    }
    let reason = log_failure(kind, &cause);
    let interrupted_before = job.last_error.as_deref() == Some(INTERRUPTED_MARK);
    let mark = match cause {
        JobError::Permanent(_) | JobError::Obsolete(_) => return RunOutcome::Finished(Some(reason)),
        JobError::Interrupted(_) if interrupted_before => return RunOutcome::Finished(Some(reason)),
        JobError::Interrupted(_) => INTERRUPTED_MARK.to_owned(),
        // The mark stays, because an earlier run may have done the work.
        JobError::Failed(_) if interrupted_before => INTERRUPTED_MARK.to_owned(),
        JobError::Failed(_) => reason,
    };
    let again_at = core.clock.now() + queue::back_off(job.attempts);
    if again_at < envelope.give_up_at {
        RunOutcome::RunAgain(again_at, Some(mark))
    } else {
        drop_obsolete(kind, mark)
    }
}

/// Aborts a run that exceeds the time limit, and isolates a run that panics.
async fn run_with_timeout<S: JobState>(app: &S, kind: &JobKind<S>, payload: Value) -> Result<(), JobError> {
    let run = tokio::spawn((kind.run)(app.clone(), payload));
    let abort = run.abort_handle();
    match timeout(RUN_TIMEOUT, run).await {
        Ok(Ok(result)) => result,
        Ok(Err(cause)) => Err(JobError::Interrupted(cause.to_string())),
        Err(_elapsed) => {
            abort.abort();
            Err(JobError::Interrupted("it took too long".to_owned()))
        }
    }
}

fn open_envelope(core: &Core, job: &Job) -> Result<Envelope, JobError> {
    let sealed = job.payload_sealed.as_deref().unwrap_or_default();
    let plain = core
        .vault
        .open(&["jobs", &job.id.to_string()], sealed)
        .map_err(|cause| JobError::Permanent(super::error_chain(&cause)))?;
    serde_json::from_slice(&plain).map_err(JobError::from_payload_error)
}

fn log_failure<S>(kind: &JobKind<S>, cause: &JobError) -> String {
    tracing::warn!(job = kind.name, %cause, "a job was not done");
    metrics::counter!("postern_jobs_total", "kind" => kind.name, "outcome" => "failed").increment(1);
    cause.to_string()
}

/// Counts a job that is not needed any more, such as the mail of an expired code.
fn drop_obsolete<S>(kind: &JobKind<S>, cause: String) -> RunOutcome {
    tracing::info!(job = kind.name, cause, "a job makes no sense any more and was dropped");
    metrics::counter!("postern_jobs_total", "kind" => kind.name, "outcome" => "dropped").increment(1);
    RunOutcome::Finished(Some(cause))
}

async fn record_outcome(core: &Core, job: &Job, outcome: RunOutcome) {
    if let Err(cause) = queue::record_outcome(core, job, outcome).await {
        // The lease expires on its own; the next run is marked as interrupted.
        tracing::error!(job = job.kind, cause = %super::error_chain(&cause), "the end of a job could not be written");
    }
}
