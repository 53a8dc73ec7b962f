//! Defines [`InFlightTries`]: the tries that this node is judging, so that another try waits for their
//! outcome instead of being refused.
//!
//! A try is counted before it is judged, and a right one is refunded. Without waiting, several right
//! passwords at once would use up the limit together, and the later ones would be refused for no failure. So
//! a try that finds its limit used up, while others of the same source or account are in flight, waits and
//! takes the first refund. The try is refused when no other one is in flight any more, after [`MAX_WAIT`], or
//! at once when [`MAX_WAITING`] tries wait already.
//!
//! The rule that must not be broken: waiting only delays a refusal. Nothing is judged that was not counted.
//!
//! ```text
//!   register ──► in flight ──► dropped, refunded or not
//!                  │   ▲
//!    limit used up │   │ a refund, or nothing left in flight
//!                  ▼   │
//!                 waiting ──► refused after MAX_WAIT
//! ```

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

use super::App;

/// The longest time for which a password waits for hashing and its sign-in for the write.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// Tries that may wait at once on one node.
const MAX_WAITING: usize = 64;

/// The tries in flight on this node.
#[derive(Debug, Default)]
pub(crate) struct InFlightTries {
    state: Mutex<InFlightState>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct InFlightState {
    /// Keyed by the hash of the source and by that of the account.
    tries: HashMap<Vec<u8>, TriesOfKey>,
    waiting: usize,
}

/// The tries that share one limit.
#[derive(Debug, Default)]
struct TriesOfKey {
    in_flight: usize,
    waiting: usize,
    /// Refunds that no waiting try has taken yet.
    refunds: usize,
}

impl InFlightTries {
    fn lock_state(&self) -> MutexGuard<'_, InFlightState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlightState {
    /// Moves one try from waiting to in flight, because it is about to be counted again.
    fn resume(&mut self, keys: &[Vec<u8>]) {
        self.waiting -= 1;
        for key in keys {
            if let Some(tries) = self.tries.get_mut(key) {
                tries.waiting -= 1;
                tries.in_flight += 1;
            }
        }
    }
}

/// One try among those in flight or waiting, until it is dropped.
pub(crate) struct InFlightTry {
    app: App,
    keys: Vec<Vec<u8>>,
    waiting: bool,
    refunded: bool,
}

impl InFlightTry {
    /// Registers a try that is about to be counted.
    pub(crate) fn register(app: &App, keys: Vec<Vec<u8>>) -> Self {
        let mut inside = app.in_flight_tries.lock_state();
        for key in &keys {
            inside.tries.entry(key.clone()).or_default().in_flight += 1;
        }
        drop(inside);
        Self { app: app.clone(), keys, waiting: false, refunded: false }
    }

    /// Whether a refund may still come, or has come and was not taken. Must be called after the try found its
    /// limit used up: every try that used up the limit is then in flight or has been refunded.
    pub(crate) fn refund_possible(&self) -> bool {
        let inside = self.app.in_flight_tries.lock_state();
        let others = |tries: &TriesOfKey| tries.in_flight > 1 || tries.refunds > 0;
        self.keys.iter().any(|key| inside.tries.get(key).is_some_and(others))
    }

    /// Marks the try's count as refunded: when this value is dropped, a waiting try may be counted.
    pub(crate) fn mark_refunded(&mut self) {
        self.refunded = true;
    }

    /// Waits for a refund, or until no other try is in flight. False when too many tries wait, or after
    /// [`MAX_WAIT`].
    pub(crate) async fn wait(&mut self) -> bool {
        if !self.start_waiting() {
            return false;
        }
        if timeout(MAX_WAIT, self.wait_for_turn()).await.is_ok() {
            return true;
        }
        self.stop_waiting();
        false
    }

    async fn wait_for_turn(&mut self) {
        let app = self.app.clone();
        loop {
            let changed = app.in_flight_tries.changed.notified();
            tokio::pin!(changed);
            // Enabled before the state is read, so that no notification is missed.
            changed.as_mut().enable();
            if self.take_turn() {
                return;
            }
            changed.await;
        }
    }

    /// Takes a refund, or the turn when nothing is in flight any more: then the waiting tries are counted one
    /// by one.
    fn take_turn(&mut self) -> bool {
        let mut inside = self.app.in_flight_tries.lock_state();
        let mut taken = false;
        for key in &self.keys {
            if let Some(tries) = inside.tries.get_mut(key).filter(|tries| tries.refunds > 0) {
                tries.refunds -= 1;
                taken = true;
                break;
            }
        }
        let alone =
            self.keys.iter().all(|key| inside.tries.get(key).is_none_or(|tries| tries.in_flight == 0));
        let turn = taken || alone;
        if turn {
            inside.resume(&self.keys);
            drop(inside);
            self.waiting = false;
        }
        turn
    }

    fn start_waiting(&mut self) -> bool {
        let mut inside = self.app.in_flight_tries.lock_state();
        if inside.waiting >= MAX_WAITING {
            return false;
        }
        inside.waiting += 1;
        for key in &self.keys {
            if let Some(tries) = inside.tries.get_mut(key) {
                tries.in_flight -= 1;
                tries.waiting += 1;
            }
        }
        drop(inside);
        self.waiting = true;
        self.app.in_flight_tries.changed.notify_waiters();
        true
    }

    fn stop_waiting(&mut self) {
        self.app.in_flight_tries.lock_state().resume(&self.keys);
        self.waiting = false;
    }
}

impl Drop for InFlightTry {
    fn drop(&mut self) {
        if self.waiting {
            self.stop_waiting();
        }
        let mut inside = self.app.in_flight_tries.lock_state();
        for key in &self.keys {
            let Some(tries) = inside.tries.get_mut(key) else { continue };
            tries.in_flight -= 1;
            let others = tries.in_flight + tries.waiting;
            if self.refunded {
                // A try in flight may still be refused for this count, so the refund stays available to it.
                tries.refunds = others.min(tries.refunds + 1);
            }
            if others == 0 {
                inside.tries.remove(key);
            }
        }
        drop(inside);
        self.app.in_flight_tries.changed.notify_waiters();
    }
}
