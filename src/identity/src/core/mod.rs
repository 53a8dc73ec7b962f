//! Defines [`Core`], what every module below the use cases runs on, and [`Write`], the way to make a change that is
//! recorded or enqueues a job.
//!
//! `Core` holds settings, storage, time, randomness and the vault, and nothing that a module above it defines. So a function
//! that takes a `&Core` cannot reach a client, a template or a login method. [`App`](crate::App) adds those and
//! dereferences to `Core`.

mod context;
mod write;

use postern_service::{
    clock::Clock,
    database::{Database, DatabaseError},
    random::Random,
};
use tokio::sync::Notify;

pub use self::{
    context::{Actor, DEFAULT_LANGUAGE, OPERATOR, RequestContext, USER},
    write::Write,
};
use crate::{config::Config, crypto::Vault};

/// What everything below the use cases runs on.
pub struct Core {
    /// The settings, checked at the start.
    pub config: Config,
    /// The database: a pool of readers, and the writer.
    pub db: Database,
    /// The clock. Within a request, read [`RequestContext::now`] instead.
    pub clock: Clock,
    /// The source of random numbers.
    pub random: Random,
    /// Seals secrets under the operator's key.
    pub vault: Vault,
    /// Wakes the runner of jobs on this node. [`Core::write`] does so after a commit that enqueued a job.
    pub job_wakeup: Notify,
}

/// Parses a JSON column. A parse error means that another program wrote the column.
pub(crate) fn read_json_column<T: serde::de::DeserializeOwned>(
    column: serde_json::Value,
) -> Result<T, DatabaseError> {
    serde_json::from_value(column).map_err(|cause| sea_orm::DbErr::Type(cause.to_string()).into())
}
