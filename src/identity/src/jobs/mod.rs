//! Defines jobs: work that is done after the response, such as mail and webhooks.
//!
//! A job is a row that is enqueued in the write that causes it, so the job exists exactly if that write was
//! committed. Its payload is sealed, and erased when the job ends. Any node can run a job ([`runner`]). This
//! module knows no kind of job: the application registers the kinds where it is composed.
//!
//! Jobs that strangers can cause in any number have low priority ([`JobPriority::Low`]): they wait for all
//! other jobs and never occupy every slot of a node.
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
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::EntityTrait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{app::App, crypto::CryptoError};

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
    pub fn seal(self, app: &App) -> Result<SealedJob, CryptoError> {
        let now = app.clock.now();
        let id = app.random.row_id(now);
        let envelope = Envelope { give_up_at: self.give_up_at, payload: self.payload };
        let plain = serde_json::to_vec(&envelope).map_err(|_| CryptoError::Library)?;
        Ok(SealedJob(jobs::Model {
            id,
            kind: self.kind.to_owned(),
            payload_sealed: Some(app.vault.seal(&["jobs", &id.to_string()], &plain)?),
            run_at: now.micros(),
            attempts: 0,
            leased_until: None,
            finished_at: None,
            last_error: None,
            created_at: now.micros(),
        }))
    }
}

impl SealedJob {
    /// Enqueues the job in the open write. Call [`Jobs::wake`] after the commit.
    pub async fn enqueue(self, tx: &Transaction) -> Result<(), DatabaseError> {
        let row: jobs::ActiveModel = self.0.into();
        jobs::Entity::insert(row).exec_without_returning(tx).await?;
        Ok(())
    }
}

/// The function of a job. Its argument is the payload; `null` for a recurring job.
pub type JobFunction = fn(App, Value) -> Pin<Box<dyn Future<Output = Result<(), JobError>> + Send>>;

#[derive(Clone, Copy)]
pub struct JobKind {
    /// The name that is stored in the rows.
    pub name: &'static str,
    pub run: JobFunction,
    /// The interval of a recurring job; none for jobs that are enqueued.
    pub every: Option<Duration>,
    pub priority: JobPriority,
}

/// Which jobs run first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobPriority {
    /// The jobs that are due longest run first.
    Normal,
    /// Runs after all normal jobs, and few run at once, so that a flood that strangers cause delays no other
    /// job.
    Low,
}

/// The kinds of job, and the wake-up signal of the runner.
pub struct Jobs {
    kinds: Vec<JobKind>,
    wakeup: Notify,
}

impl Jobs {
    pub fn from_kinds(kinds: Vec<JobKind>) -> Self {
        Self { kinds, wakeup: Notify::new() }
    }

    /// Wakes the runner of this node. Runners of other nodes find the job when they poll.
    pub fn wake(&self) {
        self.wakeup.notify_one();
    }

    fn find_kind(&self, name: &str) -> Option<&JobKind> {
        self.kinds.iter().find(|kind| kind.name == name)
    }

    /// Names of the kinds that have low priority.
    fn low_priority_kinds(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.iter().filter(|kind| kind.priority == JobPriority::Low).map(|kind| kind.name)
    }

    fn recurring_kinds(&self) -> impl Iterator<Item = (&JobKind, Duration)> {
        self.kinds.iter().filter_map(|kind| Some((kind, kind.every?)))
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
