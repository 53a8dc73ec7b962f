//! Runs jobs: one task a node, several jobs at once, until the node stops.
//!
//! A node that is killed leaves its leases behind; when they end, another run begins, marked as one
//! that may be the second. So a mail is sent once, or at most twice.

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
    Envelope, JobError, Kind, Lane,
    queue::{self, INTERRUPTED, Job, Outcome},
};
use crate::app::App;

/// Jobs at a time on one node.
const AT_ONCE: usize = 8;
/// How many of these may be of the back lane.
const OF_THE_BACK_AT_ONCE: usize = 2;
/// How often a node looks for jobs of other nodes and for those whose time has come.
const POLL: Duration = Duration::from_secs(1);
/// A run takes no longer; a lease does.
const LONGEST_RUN: Duration = Duration::from_mins(1);

/// Runs jobs until `stop`, then lets those under way finish.
pub async fn run(app: App, stop: CancellationToken) {
    if let Err(cause) = queue::seed_recurring(&app, &app.jobs).await {
        tracing::error!(cause = %super::chain(&cause), "recurring jobs could not be written");
    }
    let mut running = JoinSet::new();
    let back_lane = Arc::new(Semaphore::new(OF_THE_BACK_AT_ONCE));
    while !stop.is_cancelled() {
        while running.try_join_next().is_some() {}
        let free = AT_ONCE - running.len();
        let front = lease_or_log(&app, Lane::Front, free).await;
        let of_the_back = back_lane.available_permits().min(free - front.len());
        let back = lease_or_log(&app, Lane::Back, of_the_back).await;
        let more = free > 0 && front.len() == free;
        for job in front {
            running.spawn(run_one(app.clone(), job));
        }
        for job in back {
            let place = Arc::clone(&back_lane).try_acquire_owned();
            running.spawn(hold(place, run_one(app.clone(), job)));
        }
        if more {
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = app.jobs.bell.notified() => {}
            () = sleep(POLL) => {}
            Some(_) = running.join_next() => {}
        }
    }
    while running.join_next().await.is_some() {}
}

/// Keeps a place until the work is done.
async fn hold<P>(place: P, work: impl Future<Output = ()>) {
    work.await;
    drop(place);
}

async fn lease_or_log(app: &App, lane: Lane, most: usize) -> Vec<Job> {
    if most == 0 {
        return Vec::new();
    }
    queue::lease(app, lane, most).await.unwrap_or_else(|cause| {
        tracing::warn!(cause = %super::chain(&cause), "jobs could not be leased");
        Vec::new()
    })
}

/// Runs what is due now, one after the other, and what that enqueues. How many runs there were.
pub async fn run_due(app: &App) -> Result<usize, DatabaseError> {
    let mut runs = 0;
    loop {
        let mut leased = queue::lease(app, Lane::Front, AT_ONCE).await?;
        if leased.is_empty() {
            leased = queue::lease(app, Lane::Back, AT_ONCE).await?;
        }
        if leased.is_empty() {
            return Ok(runs);
        }
        for job in leased {
            runs += 1;
            run_one(app.clone(), job).await;
        }
    }
}

async fn run_one(app: App, job: Job) {
    let Some(kind) = app.jobs.find(&job.kind).copied() else {
        // A newer node enqueued it and will run it.
        let again = app.clock.now() + queue::back_off(job.attempts);
        return keep(&app, &job, Outcome::Again(again, Some("this node does not know the job".to_owned())))
            .await;
    };
    let outcome = match kind.every {
        Some(every) => recur(&app, &kind, every).await,
        None => once(&app, &kind, &job).await,
    };
    keep(&app, &job, outcome).await;
}

async fn recur(app: &App, kind: &Kind, every: Duration) -> Outcome {
    let result = guarded(app, kind, Value::Null).await;
    let error = result.err().map(|cause| logged(kind, &cause));
    Outcome::Again(app.clock.now() + every, error)
}

async fn once(app: &App, kind: &Kind, job: &Job) -> Outcome {
    let envelope = match open(app, job) {
        Ok(envelope) => envelope,
        Err(cause) => return Outcome::Finished(Some(logged(kind, &cause))),
    };
    if app.clock.now() >= envelope.give_up_at {
        return dropped(kind, JobError::Obsolete("its time is over").to_string());
    }
    let Err(cause) = guarded(app, kind, envelope.payload).await else {
        metrics::counter!("postern_jobs_total", "kind" => kind.name, "outcome" => "done").increment(1);
        return Outcome::Finished(None);
    };
    if let JobError::Obsolete(_) = cause {
        return dropped(kind, cause.to_string());
    }
    let reason = logged(kind, &cause);
    let second = job.last_error.as_deref() == Some(INTERRUPTED);
    let mark = match cause {
        JobError::Hopeless(_) | JobError::Obsolete(_) => return Outcome::Finished(Some(reason)),
        JobError::Interrupted(_) if second => return Outcome::Finished(Some(reason)),
        JobError::Interrupted(_) => INTERRUPTED.to_owned(),
        // The mark stays: an earlier run may still have done the work.
        JobError::Failed(_) if second => INTERRUPTED.to_owned(),
        JobError::Failed(_) => reason,
    };
    let again_at = app.clock.now() + queue::back_off(job.attempts);
    if again_at < envelope.give_up_at { Outcome::Again(again_at, Some(mark)) } else { dropped(kind, mark) }
}

/// A run that hangs is cut off, and a run that panics takes nobody with it.
async fn guarded(app: &App, kind: &Kind, payload: Value) -> Result<(), JobError> {
    let run = tokio::spawn((kind.run)(app.clone(), payload));
    let abort = run.abort_handle();
    match timeout(LONGEST_RUN, run).await {
        Ok(Ok(result)) => result,
        Ok(Err(cause)) => Err(JobError::Interrupted(cause.to_string())),
        Err(_elapsed) => {
            abort.abort();
            Err(JobError::Interrupted("it took too long".to_owned()))
        }
    }
}

fn open(app: &App, job: &Job) -> Result<Envelope, JobError> {
    let sealed = job.payload_sealed.as_deref().unwrap_or_default();
    let plain = app
        .vault
        .open(&["jobs", &job.id.to_string()], sealed)
        .map_err(|cause| JobError::Hopeless(super::chain(&cause)))?;
    serde_json::from_slice(&plain).map_err(JobError::malformed)
}

fn logged(kind: &Kind, cause: &JobError) -> String {
    tracing::warn!(job = kind.name, %cause, "a job was not done");
    metrics::counter!("postern_jobs_total", "kind" => kind.name, "outcome" => "failed").increment(1);
    cause.to_string()
}

/// Counts a job that makes no sense any more, such as the mail with a code that is over.
fn dropped(kind: &Kind, cause: String) -> Outcome {
    tracing::info!(job = kind.name, cause, "a job makes no sense any more and was dropped");
    metrics::counter!("postern_jobs_total", "kind" => kind.name, "outcome" => "dropped").increment(1);
    Outcome::Finished(Some(cause))
}

async fn keep(app: &App, job: &Job, outcome: Outcome) {
    if let Err(cause) = queue::keep(app, job, outcome).await {
        // The lease ends by itself; the next run is marked as one that may be the second.
        tracing::error!(job = job.kind, cause = %super::chain(&cause), "the end of a job could not be written");
    }
}
