//! Defines [`ComputePool`]: bounds slow computations on tokio's blocking threads.
//!
//! No more computations run at once than there are cores, and no more wait than can be served soon. A full
//! pool refuses at once, which is better than a time-out later. Password hashing has threads of its own: see
//! [`passwords::workers`](crate::passwords::workers).

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

const QUEUE_PER_CORE: usize = 64;

/// The queue of slow computations is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many slow computations wait already")]
pub struct Busy;

/// Runs slow computations off the async worker threads.
#[derive(Debug)]
pub struct ComputePool {
    cores: Semaphore,
    occupied: AtomicUsize,
    capacity: usize,
}

impl Default for ComputePool {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            cores: Semaphore::new(cores),
            occupied: AtomicUsize::new(0),
            capacity: cores * (1 + QUEUE_PER_CORE),
        }
    }
}

impl ComputePool {
    /// Runs `work` when a core is free.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let _place = self.take_slot()?;
        // The semaphore is never closed, and a task fails only when `work` panics: both count as "no
        // capacity".
        let _core = self.cores.acquire().await.map_err(|_| Busy)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| Busy)
    }

    fn take_slot(&self) -> Result<QueueSlot<'_>, Busy> {
        let place = QueueSlot(&self.occupied);
        if self.occupied.fetch_add(1, Ordering::Relaxed) < self.capacity { Ok(place) } else { Err(Busy) }
    }
}

/// A slot of the queue, which is freed on drop, also when the caller is cancelled.
struct QueueSlot<'p>(&'p AtomicUsize);

impl Drop for QueueSlot<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
