//! Answers: when is the next fetch? Joins callers that ask at the same time and spaces out those that follow.
//!
//! Anyone can send tokens with made-up `kid`s. However many come, there is one fetch at a time, and one in [`SPACING`].
//! Nobody can make that wait longer: a real new key is found within it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// When the issuer does not say how long its keys are fresh.
pub(super) const FRESH_FOR: Duration = Duration::from_mins(5);

/// Between two fetches for an unknown key.
const SPACING: Duration = Duration::from_secs(2);

/// After failures in a row: 1, 2, 4 seconds, and so on. As long as there are no keys at all every request is refused,
/// so tries go on more often then.
pub(super) fn retry_pause(failures_in_a_row: u32, keys_known: bool) -> Duration {
    let longest = Duration::from_secs(if keys_known { 60 } else { 4 });
    Duration::from_secs(1 << (failures_in_a_row - 1).min(6)).min(longest)
}

pub(super) struct Schedule {
    state: Mutex<State>,
    wake: Notify,
    /// How many fetches have ended.
    ended: watch::Sender<u64>,
}

struct State {
    /// A fetch is running or has been asked for.
    underway: bool,
    /// Before that, no caller can ask for a fetch.
    not_before: Instant,
}

/// Proof that a fetch was begun.
pub(super) struct Begun(());

/// A fetch that a caller may wait for.
pub(super) struct Request {
    /// Whether this caller is the one that asked for it.
    pub(super) begun: bool,
    ended: watch::Receiver<u64>,
}

impl Request {
    pub(super) async fn done(mut self) {
        // An error means that fetching has stopped for good: nothing to wait for.
        let _ = self.ended.changed().await;
    }
}

impl Schedule {
    pub(super) fn new() -> Self {
        // The first fetch begins with the task, so who asks before that waits for it.
        let state = State { underway: true, not_before: Instant::now() };
        Self { state: Mutex::new(state), wake: Notify::new(), ended: watch::Sender::new(0) }
    }

    /// Joins the fetch underway or asks for one; nothing when it is too soon for another.
    pub(super) fn ask(&self) -> Option<Request> {
        let mut state = self.state();
        let begun = !state.underway;
        if begun {
            let now = Instant::now();
            if now < state.not_before {
                return None;
            }
            state.not_before = now + SPACING;
            state.underway = true;
            self.wake.notify_one();
        }
        // Subscribed under the lock, so the end of this very fetch cannot be missed.
        Some(Request { begun, ended: self.ended.subscribe() })
    }

    pub(super) fn begin(&self) -> Begun {
        self.state().underway = true;
        Begun(())
    }

    pub(super) fn finish(&self, _: Begun) {
        let mut state = self.state();
        state.underway = false;
        self.ended.send_modify(|ended| *ended += 1);
    }

    /// Sleeps until the pause is over or a caller asks.
    pub(super) async fn rest(&self, pause: Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.wake.notified() => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while holding it; if something did, both fields are still good.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
