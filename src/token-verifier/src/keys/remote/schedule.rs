//! Decides when the next fetch happens: joins callers that request one at the same time, and spaces out
//! further fetches.
//!
//! Anyone can send tokens with made-up `kid`s. However many arrive, there is one fetch at a time, and at most
//! one in [`MIN_FETCH_INTERVAL`]. No attacker can prolong that interval, so a real new key is found within
//! it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Freshness of keys whose response does not say how long it is fresh.
pub(super) const DEFAULT_FRESHNESS: Duration = Duration::from_mins(5);

/// The shortest time between two fetches for unknown keys.
const MIN_FETCH_INTERVAL: Duration = Duration::from_secs(2);

/// The pause after consecutive failures: 1, 2, 4 seconds, and so on. Without any keys every request is
/// refused, so the pauses stay shorter then.
pub(super) fn retry_pause(failures_in_a_row: u32, keys_known: bool) -> Duration {
    let longest = Duration::from_secs(if keys_known { 60 } else { 4 });
    Duration::from_secs(1 << (failures_in_a_row - 1).min(6)).min(longest)
}

pub(super) struct Schedule {
    state: Mutex<State>,
    wake: Notify,
    /// The number of fetches that have ended.
    ended: watch::Sender<u64>,
}

struct State {
    /// A fetch is running or was requested.
    underway: bool,
    /// Before this time, no caller can request a fetch.
    not_before: Instant,
}

/// A fetch that was begun and must be finished.
pub(super) struct RunningFetch(());

/// A fetch that a caller waits for.
pub(super) struct FetchRequest {
    /// Whether this caller requested the fetch, rather than joined it.
    pub(super) initiated: bool,
    ended: watch::Receiver<u64>,
}

impl FetchRequest {
    pub(super) async fn done(mut self) {
        // An error means that fetching has stopped for good.
        let _ = self.ended.changed().await;
    }
}

impl Schedule {
    pub(super) fn new() -> Self {
        // The first fetch starts with the task, so callers before that join it.
        let state = State { underway: true, not_before: Instant::now() };
        Self { state: Mutex::new(state), wake: Notify::new(), ended: watch::Sender::new(0) }
    }

    /// Joins the running fetch or requests one. `None` when it is too early for another.
    pub(super) fn request_fetch(&self) -> Option<FetchRequest> {
        let mut state = self.state();
        let begun = !state.underway;
        if begun {
            let now = Instant::now();
            if now < state.not_before {
                return None;
            }
            state.not_before = now + MIN_FETCH_INTERVAL;
            state.underway = true;
            self.wake.notify_one();
        }
        // Subscribed under the lock, so the end of this fetch cannot be missed.
        Some(FetchRequest { initiated: begun, ended: self.ended.subscribe() })
    }

    pub(super) fn begin(&self) -> RunningFetch {
        self.state().underway = true;
        RunningFetch(())
    }

    pub(super) fn finish(&self, _: RunningFetch) {
        let mut state = self.state();
        state.underway = false;
        self.ended.send_modify(|ended| *ended += 1);
    }

    /// Sleeps until the pause is over or a caller requests a fetch.
    pub(super) async fn wait_until_due(&self, pause: Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.wake.notified() => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Ignores poisoning: both fields are valid after a panic too.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
