//! Defines [`Pool`]: where slow computations run, never more at once than there are cores, and never more waiting than
//! can be served soon. Who finds it full is told at once, which is better than a time-out later.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

/// Waiting computations per core.
const QUEUE_PER_CORE: usize = 64;

/// Too many computations wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many slow computations wait already")]
pub struct Busy;

/// Runs slow computations off the worker threads.
#[derive(Debug)]
pub struct Pool {
    cores: Semaphore,
    inside: AtomicUsize,
    capacity: usize,
}

impl Default for Pool {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            cores: Semaphore::new(cores),
            inside: AtomicUsize::new(0),
            capacity: cores * (1 + QUEUE_PER_CORE),
        }
    }
}

impl Pool {
    /// Runs `work` when its turn comes.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let _place = self.enter()?;
        // The semaphore is never closed, and a task fails only when `work` panics: both count as "no capacity".
        let _core = self.cores.acquire().await.map_err(|_| Busy)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| Busy)
    }

    fn enter(&self) -> Result<Place<'_>, Busy> {
        let place = Place(&self.inside);
        if self.inside.fetch_add(1, Ordering::Relaxed) < self.capacity { Ok(place) } else { Err(Busy) }
    }
}

/// Gives the place back, also when the caller is dropped.
struct Place<'p>(&'p AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
