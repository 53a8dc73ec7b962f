//! Defines [`Workers`]: dedicated threads for slow computations.
//!
//! The queue is bounded by what can be served soon; a full queue refuses at once.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use tokio::sync::oneshot;

use crate::pool::Busy;

/// The nice value of the threads (setpriority(2)): the lowest priority.
const NICE_VALUE: i32 = 19;

type Work<State> = Box<dyn FnOnce(&mut State) + Send>;

/// Threads that compute, each with its own state. The threads end when this value is dropped.
#[derive(Debug)]
pub struct Workers<State = ()> {
    queue: SyncSender<Work<State>>,
}

impl<State: Send + 'static> Workers<State> {
    /// Starts `threads` threads with a queue of at most `waiting` computations.
    pub(super) fn start(
        name: &str,
        threads: usize,
        waiting: usize,
        state: impl Fn() -> State,
    ) -> Result<Self, Busy> {
        let (queue, works) = sync_channel(waiting);
        let works = Arc::new(Mutex::new(works));
        for _ in 0..threads {
            let (works, state) = (Arc::clone(&works), state());
            let thread = thread::Builder::new().name(name.to_owned());
            thread.spawn(move || run_worker(&works, state)).map_err(|_| Busy)?;
        }
        Ok(Self { queue })
    }

    /// Runs `work` when a thread is free.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut State) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let (answer, answered) = oneshot::channel();
        // A computation whose caller was cancelled is skipped.
        let work: Work<State> = Box::new(move |state| {
            if !answer.is_closed() {
                drop(answer.send(work(state)));
            }
        });
        self.queue.try_send(work).map_err(|_full| Busy)?;
        answered.await.map_err(|_| Busy)
    }
}

fn run_worker<State>(works: &Mutex<Receiver<Work<State>>>, mut state: State) {
    // There may be as many of these threads as cores, so the short work of other threads gets priority. On
    // Linux the nice value is per thread (setpriority(2)); where it cannot be set, all threads are equal.
    let _ = rustix::process::setpriority_process(None, NICE_VALUE);
    loop {
        let next = works.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            // A computation that panics is reported as busy, and does not end the thread.
            Ok(work) => drop(catch_unwind(AssertUnwindSafe(|| work(&mut state)))),
            // The queue was dropped, so no computation can come.
            Err(_) => return,
        }
    }
}
