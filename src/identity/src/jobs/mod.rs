//! Defines jobs: work that is done after the response, such as mail and webhooks.
//!
//! A job is a row that is enqueued in the write that causes it, so the job exists exactly if that write was
//! committed. Its payload is sealed, and erased when the job ends. Any node can run a job ([`runner`]). This
//! module knows no kind of job: the application registers the kinds where it is composed.
//!
//! Jobs that strangers can cause in any number have low priority ([`JobPriority::Low`]): they wait for all
//! other jobs and never occupy every slot of a node. Neither do jobs that call servers of others
//! ([`JobPriority::Notice`]).
//!
//! ```text
//!   enqueued ──► leased ──► done (payload erased)
//!      ▲  ▲        │ ├────► permanently failed, or obsolete (payload erased)
//!      │  └────────┼─┘ failed: certainly not done; tried again later
//!      └───────────┘   interrupted: possibly done; tried once more and never again
//! ```

pub mod housekeeping;
mod queue;
pub mod runner;

use std::{error::Error, future::Future, pin::Pin, time::Duration};

use postern_entities::jobs;
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::EntityTrait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    core::{Core, Write},
    crypto::CryptoError,
};

/// A job before its payload is sealed.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// The name of a [`JobKind`].
    pub kind: &'static str,
    /// The input of the job, JSON.
    pub payload: Value,
    /// The job is dropped after this time.
    pub give_up_at: Timestamp,
}

/// A job with a sealed payload, ready to be enqueued.
#[derive(Clone, Debug)]
pub struct SealedJob(jobs::Model);

/// The plain text of a payload. The names of the fields are stored.
#[derive(Serialize, Deserialize)]
struct Envelope {
    give_up_at: Timestamp,
    payload: Value,
}

impl NewJob {
    /// Seals the payload under the id of the job's row. Call before the write that enqueues the job.
    pub fn seal(self, core: &Core) -> Result<SealedJob, CryptoError> {
        let now = core.clock.now();
        let id = core.random.row_id(now);
        let envelope = Envelope { give_up_at: self.give_up_at, payload: self.payload };
        let plain = serde_json::to_vec(&envelope).map_err(|_| CryptoError::Library)?;
        Ok(SealedJob(jobs::Model {
            id,
            kind: self.kind.to_owned(),
            payload_sealed: Some(core.vault.seal(&["jobs", &id.to_string()], &plain)?),
            run_at: now,
            attempts: 0,
            leased_until: None,
            finished_at: None,
            last_error: None,
            created_at: now,
        }))
    }
}

/// Jobs that one statement inserts: SQLite allows 32,766 parameters.
const BATCH_SIZE: usize = 500;

/// Enqueues jobs in the open write, [`BATCH_SIZE`] of them with one statement.
pub async fn enqueue_all(write: &Write<'_>, jobs: Vec<SealedJob>) -> Result<(), DatabaseError> {
    let mut rows = jobs.into_iter().map(|job| jobs::ActiveModel::from(job.0));
    loop {
        let batch: Vec<_> = rows.by_ref().take(BATCH_SIZE).collect();
        if batch.is_empty() {
            return Ok(());
        }
        jobs::Entity::insert_many(batch).exec_without_returning(write).await?;
        write.wake_runner();
    }
}

impl SealedJob {
    /// The job does not run before this time.
    #[must_use]
    pub fn not_before(mut self, at: Timestamp) -> Self {
        self.0.run_at = at;
        self
    }

    /// Enqueues the job in the open write, after whose commit the runner is woken.
    pub async fn enqueue(self, write: &Write<'_>) -> Result<(), DatabaseError> {
        let row: jobs::ActiveModel = self.0.into();
        jobs::Entity::insert(row).exec_without_returning(write).await?;
        write.wake_runner();
        Ok(())
    }
}

/// What a job runs on: the application, of which this module knows no more than this.
pub trait JobState: Clone + Send + Sync + 'static {
    fn core(&self) -> &Core;

    fn job_kinds(&self) -> &JobKinds<Self>;
}

/// The function of a job. Its arguments are the application and the payload, which is `null` for a recurring job.
pub type JobFunction<S> = fn(S, Value) -> Pin<Box<dyn Future<Output = Result<(), JobError>> + Send>>;

pub struct JobKind<S> {
    /// The name that is stored in the rows.
    pub name: &'static str,
    pub run: JobFunction<S>,
    /// The interval of a recurring job; none for jobs that are enqueued.
    pub every: Option<Duration>,
    pub priority: JobPriority,
}

impl<S> Copy for JobKind<S> {}

impl<S> Clone for JobKind<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> JobKind<S> {
    /// A kind of job that use cases enqueue.
    pub fn enqueued(name: &'static str, priority: JobPriority, run: JobFunction<S>) -> Self {
        Self { name, run, every: None, priority }
    }

    /// A kind of job that runs again and again, on whichever node is free.
    pub fn recurring(name: &'static str, every: Duration, run: JobFunction<S>) -> Self {
        Self { name, run, every: Some(every), priority: JobPriority::Normal }
    }
}

/// Which jobs run first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobPriority {
    /// The jobs that are due longest run first.
    Normal,
    /// Runs after all normal jobs, and few run at once, so that a flood that strangers cause delays no other
    /// job.
    Low,
    /// Calls servers of others, which may hang. Has a few slots of its own, so that it delays only its like.
    Notice,
}

impl JobPriority {
    /// The priorities that are limited, each with the jobs that run at once on one node.
    const LIMITED: [(Self, usize); 2] = [(Self::Low, 2), (Self::Notice, 4)];
}

/// All kinds of job of an application.
pub struct JobKinds<S>(Vec<JobKind<S>>);

impl<S> JobKinds<S> {
    pub fn from_kinds(kinds: Vec<JobKind<S>>) -> Self {
        Self(kinds)
    }

    fn find_kind(&self, name: &str) -> Option<&JobKind<S>> {
        self.0.iter().find(|kind| kind.name == name)
    }

    /// Names of the kinds that have this priority.
    fn with_priority(&self, priority: JobPriority) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter(move |kind| kind.priority == priority).map(|kind| kind.name)
    }

    fn recurring_kinds(&self) -> impl Iterator<Item = (&JobKind<S>, Duration)> {
        self.0.iter().filter_map(|kind| Some((kind, kind.every?)))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The job was certainly not done, so it is tried again.
    #[error("{0}")]
    Failed(String),
    /// The job may have been done: the final reply of the other side is missing.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// The job can never succeed, so it is not tried again.
    #[error("given up: {0}")]
    Permanent(String),
    /// The job is not needed any more.
    #[error("dropped: {0}")]
    Obsolete(&'static str),
}

impl JobError {
    /// The job was certainly not done. The reason is stored and logged, so it must not contain a secret.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::Failed(reason.into())
    }

    /// The job was certainly not done, because of `cause`.
    pub fn from_source(cause: &dyn Error) -> Self {
        Self::Failed(error_chain(cause))
    }

    /// The payload has not the form that this kind of job needs.
    pub fn from_payload_error(_: serde_json::Error) -> Self {
        Self::Permanent("the payload does not read".to_owned())
    }
}

impl From<DatabaseError> for JobError {
    fn from(cause: DatabaseError) -> Self {
        Self::from_source(&cause)
    }
}

/// An error and its sources in one line.
pub(crate) fn error_chain(cause: &dyn Error) -> String {
    let mut text = cause.to_string();
    let mut source = cause.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The id of the row of a recurring job. It is derived from the name, so that all nodes share one row.
fn recurring_job_id(name: &str) -> Uuid {
    let mut id = [0; 16];
    id.copy_from_slice(&crate::crypto::token_hash(name)[..16]);
    uuid::Builder::from_custom_bytes(id).into_uuid()
}
