//! Defines jobs: work that is done after the answer, such as mail and webhooks.
//!
//! A job is a row, enqueued in the write that makes it necessary, so that it is there exactly when that
//! write is. Its payload is sealed and erased when it is done. Any node runs it ([`runner`]); what a kind
//! of job does is listed where the application is put together.
//!
//! What strangers can cause any number of has a lane of its own ([`Lane::Back`]). It makes way for everything else and
//! never takes all places of a node.
//!
//! ```text
//!   enqueued ──► leased ──► done (payload erased)
//!      ▲  ▲        │ ├────► failed for good, or makes no sense any more (payload erased)
//!      │  └────────┼─┘ failed: it was certainly not done; tried again later
//!      └───────────┘   interrupted: it may have been done; tried once more and never again
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

/// A job in the making.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Which one: the name of a [`Kind`].
    pub kind: &'static str,
    /// Its input.
    pub payload: Value,
    /// When it has lost its sense.
    pub give_up_at: Timestamp,
}

/// A job ready to be enqueued.
#[derive(Clone, Debug)]
pub struct SealedJob(jobs::Model);

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Envelope {
    give_up_at: Timestamp,
    payload: Value,
}

impl NewJob {
    /// Seals the payload for the job's row; before the write that enqueues it.
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
    /// Enqueues it in the open write. Call [`Jobs::wake`] after the commit.
    pub async fn enqueue(self, tx: &Transaction) -> Result<(), DatabaseError> {
        let row: jobs::ActiveModel = self.0.into();
        jobs::Entity::insert(row).exec_without_returning(tx).await?;
        Ok(())
    }
}

/// What a job does. It gets its payload; `null` when it recurs.
pub type Run = fn(App, Value) -> Pin<Box<dyn Future<Output = Result<(), JobError>> + Send>>;

/// A kind of job.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its name in the rows.
    pub name: &'static str,
    /// What it does.
    pub run: Run,
    /// How often it is done by itself; none for jobs that are enqueued.
    pub every: Option<Duration>,
    /// What it makes way for.
    pub lane: Lane,
}

/// Which jobs a job waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// For those that are due longer.
    Front,
    /// For everything else, and few of it run at once: what strangers can cause any number of holds nobody up.
    Back,
}

/// The kinds of job, and the bell of the runner.
pub struct Jobs {
    kinds: Vec<Kind>,
    bell: Notify,
}

impl Jobs {
    /// The jobs of an application.
    pub fn new(kinds: Vec<Kind>) -> Self {
        Self { kinds, bell: Notify::new() }
    }

    /// Lets the runner of this node look at once.
    pub fn wake(&self) {
        self.bell.notify_one();
    }

    fn find(&self, name: &str) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.name == name)
    }

    /// Names of the kinds in the back lane.
    fn at_the_back(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.iter().filter(|kind| kind.lane == Lane::Back).map(|kind| kind.name)
    }

    fn recurring(&self) -> impl Iterator<Item = (&Kind, Duration)> {
        self.kinds.iter().filter_map(|kind| Some((kind, kind.every?)))
    }
}

/// Why a job was not done.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It was certainly not done.
    #[error("{0}")]
    Failed(String),
    /// It may have been done: the last word of the other side is missing.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// It will never be done.
    #[error("given up: {0}")]
    Hopeless(String),
    /// It makes no sense any more.
    #[error("dropped: {0}")]
    Obsolete(&'static str),
}

impl JobError {
    /// It was certainly not done, for this reason, which must not hold a secret.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::Failed(reason.into())
    }

    /// It was certainly not done, because of `cause`.
    pub fn from_source(cause: &dyn Error) -> Self {
        Self::Failed(chain(cause))
    }

    /// The payload is not this kind's.
    pub fn malformed(_: serde_json::Error) -> Self {
        Self::Hopeless("the payload does not read".to_owned())
    }
}

impl From<DatabaseError> for JobError {
    fn from(cause: DatabaseError) -> Self {
        Self::from_source(&cause)
    }
}

/// An error with its sources, in one line.
pub(crate) fn chain(cause: &dyn Error) -> String {
    let mut text = cause.to_string();
    let mut source = cause.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The row of a recurring job: one for all nodes.
fn recurring_id(name: &str) -> Uuid {
    let mut id = [0; 16];
    id.copy_from_slice(&crate::crypto::token_hash(name)[..16]);
    uuid::Builder::from_custom_bytes(id).into_uuid()
}
