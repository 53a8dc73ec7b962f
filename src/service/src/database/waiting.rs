//! Bounds how long a caller waits for the database, whatever the database does.
//!
//! PostgreSQL's own limit, `statement_timeout`, does not help when the server hangs or its packets are lost: then only the
//! client can end the wait. A request has one allowance for all its waits together ([`in_request`]), so that calls one
//! after the other do not add up; once it is used up, nothing is sent any more. Jobs, commands and watchers, which run
//! outside of a request, wait for each answer as long as the server may work on it, and a little longer.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::settings::DatabaseSettings;

/// An answer on its way needs so long at most, after the server ended the statement.
const TRANSMISSION: Duration = Duration::from_secs(2);

tokio::task_local! {
    /// How long the request that runs in this task has waited for the database.
    static WAITED: Cell<Duration>;
}

/// Runs `answer`, which answers one request: all its waits for the database together are as long as
/// `database.request_timeout` at most.
pub fn in_request<F: Future>(answer: F) -> impl Future<Output = F::Output> {
    WAITED.scope(Cell::default(), answer)
}

/// The wait was too long.
pub(super) struct TimedOut;

/// How long callers wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct WaitLimits {
    /// For a connection, or for a turn to write.
    acquire: Duration,
    /// For everything, within one request.
    request: Duration,
    /// For one answer, outside of a request.
    answer: Duration,
}

impl WaitLimits {
    pub(super) fn from_settings(settings: &DatabaseSettings) -> Self {
        Self {
            acquire: settings.acquire_timeout.duration(),
            request: settings.request_timeout.duration(),
            answer: settings.statement_timeout.duration() + TRANSMISSION,
        }
    }

    /// Waits for a connection or a turn.
    pub(super) async fn acquire<T>(self, wait: impl Future<Output = T>) -> Result<T, TimedOut> {
        wait_at_most(self.left().min(self.acquire), wait).await
    }

    /// Waits for one answer of the server. Whoever waited in vain closes the connection: what is on its way is unknown.
    pub(super) async fn answer<T>(
        self,
        wait: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        wait_at_most(self.left(), wait).await.unwrap_or_else(|TimedOut| {
            let kind = io::ErrorKind::TimedOut;
            Err(sqlx::Error::Io(io::Error::new(kind, "the database did not answer in time")))
        })
    }

    fn left(self) -> Duration {
        // An error says that this is no request.
        WAITED.try_with(|waited| self.request.saturating_sub(waited.get())).unwrap_or(self.answer)
    }
}

async fn wait_at_most<T>(limit: Duration, wait: impl Future<Output = T>) -> Result<T, TimedOut> {
    if limit.is_zero() {
        return Err(TimedOut);
    }
    let began = Instant::now();
    let outcome = timeout(limit, wait).await;
    let _ = WAITED.try_with(|waited| waited.set(waited.get() + began.elapsed()));
    outcome.map_err(|_elapsed| TimedOut)
}
