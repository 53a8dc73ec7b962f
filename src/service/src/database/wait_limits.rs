//! Limits how long a caller waits for the database, whatever the database does.
//!
//! PostgreSQL's own limit, `statement_timeout`, does not help when the server hangs or its packets are lost:
//! then only the client can end the wait. A request has one budget for all its waits ([`with_wait_budget`]),
//! so that consecutive calls do not add up; when the budget is used up, nothing is sent any more. Jobs,
//! commands and watchers run outside a request. They wait for each result as long as the server may work on
//! it, and a little longer.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::settings::DatabaseSettings;

/// The longest time that a result needs on the network after the server has ended the statement.
const TRANSMISSION_ALLOWANCE: Duration = Duration::from_secs(2);

tokio::task_local! {
    /// How long the request of this task has waited for the database so far.
    static WAITED: Cell<Duration>;
}

/// Runs `answer`, which answers one request. All its waits for the database together take at most
/// `database.request_timeout`.
pub fn with_wait_budget<F: Future>(answer: F) -> impl Future<Output = F::Output> {
    WAITED.scope(Cell::default(), answer)
}

pub(super) struct WaitTimedOut;

/// How long callers wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct WaitLimits {
    /// For a connection or for a turn to write.
    acquire: Duration,
    /// For all waits of one request together.
    request: Duration,
    /// For one result, outside a request.
    answer: Duration,
}

impl WaitLimits {
    pub(super) fn from_settings(settings: &DatabaseSettings) -> Self {
        Self {
            acquire: settings.acquire_timeout.duration(),
            request: settings.request_timeout.duration(),
            answer: settings.statement_timeout.duration() + TRANSMISSION_ALLOWANCE,
        }
    }

    /// Limits a wait for a connection or for a turn.
    pub(super) async fn limit_acquisition<T>(self, wait: impl Future<Output = T>) -> Result<T, WaitTimedOut> {
        wait_at_most(self.remaining().min(self.acquire), wait).await
    }

    /// Limits a wait for one result of the server. A caller whose wait ended without a result closes the
    /// connection, because its state is unknown.
    pub(super) async fn limit_answer<T>(
        self,
        wait: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        wait_at_most(self.remaining(), wait).await.unwrap_or_else(|WaitTimedOut| {
            let kind = io::ErrorKind::TimedOut;
            Err(sqlx::Error::Io(io::Error::new(kind, "the database did not answer in time")))
        })
    }

    fn remaining(self) -> Duration {
        // The task-local is missing outside a request.
        WAITED.try_with(|waited| self.request.saturating_sub(waited.get())).unwrap_or(self.answer)
    }
}

async fn wait_at_most<T>(limit: Duration, wait: impl Future<Output = T>) -> Result<T, WaitTimedOut> {
    if limit.is_zero() {
        return Err(WaitTimedOut);
    }
    let began = Instant::now();
    let outcome = timeout(limit, wait).await;
    let _ = WAITED.try_with(|waited| waited.set(waited.get() + began.elapsed()));
    outcome.map_err(|_elapsed| WaitTimedOut)
}
