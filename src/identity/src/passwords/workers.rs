//! Defines [`Workers`]: threads of their own for slow computations.
//!
//! What waits is bounded by what can be served soon; who finds the queue full is told at once.

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

/// The nice value of the threads.
const POLITENESS: i32 = 19;

type Work<State> = Box<dyn FnOnce(&mut State) + Send>;

/// Threads that compute, each with a state of its own. They end with it.
#[derive(Debug)]
pub struct Workers<State = ()> {
    queue: SyncSender<Work<State>>,
}

impl<State: Send + 'static> Workers<State> {
    /// Starts `threads` of them, for which at most `waiting` computations wait.
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
            thread.spawn(move || serve(&works, state)).map_err(|_| Busy)?;
        }
        Ok(Self { queue })
    }

    /// Runs `work` when its turn comes.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut State) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let (answer, answered) = oneshot::channel();
        // For who has left nothing is computed.
        let work: Work<State> = Box::new(move |state| {
            if !answer.is_closed() {
                drop(answer.send(work(state)));
            }
        });
        self.queue.try_send(work).map_err(|_full| Busy)?;
        answered.await.map_err(|_| Busy)
    }
}

fn serve<State>(works: &Mutex<Receiver<Work<State>>>, mut state: State) {
    // There may be as many of these threads as cores: what takes less goes first. On Linux a nice value is the thread's
    // own (setpriority(2)); where it cannot be set, all go alike.
    let _ = rustix::process::setpriority_process(None, POLITENESS);
    loop {
        let next = works.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            // One that panics is told as busy, and does not take the thread with it.
            Ok(work) => drop(catch_unwind(AssertUnwindSafe(|| work(&mut state)))),
            // Nobody can ask any more.
            Err(_) => return,
        }
    }
}
