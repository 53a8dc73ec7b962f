//! Knows which tries this node is judging, so that others wait for their outcome instead of being refused.
//!
//! A try counts before it is judged, and one that turns out right gives its count back. Of many right passwords at once the
//! later ones would be refused for nothing. So a try that finds its limit used up while others of the same source or
//! account are being judged waits, and takes the place of the first of them that gives its count back. It is refused when
//! none of them is left, after [`LONGEST_WAIT`], or at once when [`MOST_WAITING`] wait already. This only puts off a
//! refusal: nothing is judged that was not counted.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

use crate::app::App;

/// As long as passwords wait to be hashed, and their sign-ins to be written.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Tries of one node that wait at once.
const MOST_WAITING: usize = 64;

/// The tries that a node is judging.
#[derive(Debug, Default)]
pub struct Judging {
    inside: Mutex<Inside>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inside {
    /// By source and by account.
    tries: HashMap<Vec<u8>, Tries>,
    waiting: usize,
}

/// Tries that share a limit.
#[derive(Debug, Default)]
struct Tries {
    judged: usize,
    waiting: usize,
    /// Counts that were given back and that nobody took who waits.
    given_back: usize,
}

impl Judging {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// Somebody who waits is about to be counted again.
    fn resume(&mut self, keys: &[Vec<u8>]) {
        self.waiting -= 1;
        for key in keys {
            if let Some(tries) = self.tries.get_mut(key) {
                tries.waiting -= 1;
                tries.judged += 1;
            }
        }
    }
}

/// The place of one try among them, until it is dropped.
pub(super) struct Place {
    app: App,
    keys: Vec<Vec<u8>>,
    waits: bool,
    gives_back: bool,
}

impl Place {
    /// One that is about to be counted.
    pub(super) fn take(app: &App, keys: Vec<Vec<u8>>) -> Self {
        let mut inside = app.judging.inside();
        for key in &keys {
            inside.tries.entry(key.clone()).or_default().judged += 1;
        }
        drop(inside);
        Self { app: app.clone(), keys, waits: false, gives_back: false }
    }

    /// Whether a count may yet be given back, or was and nobody has taken it. Asked after the try found its limit used up:
    /// whoever used it up is among these, or has given it back meanwhile.
    pub(super) fn may_come_free(&self) -> bool {
        let inside = self.app.judging.inside();
        let others = |tries: &Tries| tries.judged > 1 || tries.given_back > 0;
        self.keys.iter().any(|key| inside.tries.get(key).is_some_and(others))
    }

    /// Its count is given back: when it is dropped, somebody who waits may try.
    pub(super) fn gives_back(&mut self) {
        self.gives_back = true;
    }

    /// Waits until another one gives its count back or none is left that could. False when too many wait, or for too long.
    pub(super) async fn wait(&mut self) -> bool {
        if !self.begin_to_wait() {
            return false;
        }
        if timeout(LONGEST_WAIT, self.turn()).await.is_ok() {
            return true;
        }
        self.end_to_wait();
        false
    }

    async fn turn(&mut self) {
        let app = self.app.clone();
        loop {
            let changed = app.judging.changed.notified();
            tokio::pin!(changed);
            // Before it looks, so that no change is missed.
            changed.as_mut().enable();
            if self.look() {
                return;
            }
            changed.await;
        }
    }

    /// Takes what was given back, or its turn when nobody is left to give anything back: then one try after the other.
    fn look(&mut self) -> bool {
        let mut inside = self.app.judging.inside();
        let mut taken = false;
        for key in &self.keys {
            if let Some(tries) = inside.tries.get_mut(key).filter(|tries| tries.given_back > 0) {
                tries.given_back -= 1;
                taken = true;
                break;
            }
        }
        let alone = self.keys.iter().all(|key| inside.tries.get(key).is_none_or(|tries| tries.judged == 0));
        let turn = taken || alone;
        if turn {
            inside.resume(&self.keys);
            drop(inside);
            self.waits = false;
        }
        turn
    }

    fn begin_to_wait(&mut self) -> bool {
        let mut inside = self.app.judging.inside();
        if inside.waiting >= MOST_WAITING {
            return false;
        }
        inside.waiting += 1;
        for key in &self.keys {
            if let Some(tries) = inside.tries.get_mut(key) {
                tries.judged -= 1;
                tries.waiting += 1;
            }
        }
        drop(inside);
        self.waits = true;
        self.app.judging.changed.notify_waiters();
        true
    }

    fn end_to_wait(&mut self) {
        self.app.judging.inside().resume(&self.keys);
        self.waits = false;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.waits {
            self.end_to_wait();
        }
        let mut inside = self.app.judging.inside();
        for key in &self.keys {
            let Some(tries) = inside.tries.get_mut(key) else { continue };
            tries.judged -= 1;
            let others = tries.judged + tries.waiting;
            if self.gives_back {
                // Who is about to be counted may still be refused for this one.
                tries.given_back = others.min(tries.given_back + 1);
            }
            if others == 0 {
                inside.tries.remove(key);
            }
        }
        drop(inside);
        self.app.judging.changed.notify_waiters();
    }
}
