//! Writes log lines from a thread of its own, many with one system call, so that a request neither pays for the call nor
//! waits for a slow reader. When the reader does not keep up, lines are dropped and counted rather than kept without bound.

use std::{
    io::Write,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

/// How long a line may wait for others; warnings and errors do not wait.
const PATIENCE: Duration = Duration::from_millis(100);
/// How much may wait to be written.
const CAPACITY: usize = 1 << 20;

/// How long a stop waits for a slow reader of the last lines.
const FAREWELL: Duration = Duration::from_secs(2);

/// Takes lines and writes them. Clones share the buffer; the last one writes what is left.
#[derive(Clone)]
pub struct LogWriter(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    written: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    dropped: u64,
    /// Something is to be written now.
    urgent: bool,
    /// Lines were taken and are being written.
    writing: bool,
    closed: bool,
}

impl LogWriter {
    /// Writes to `sink` from now on.
    pub fn start(mut sink: Box<dyn Write + Send>) -> Self {
        let shared = Arc::new(Shared::default());
        let inside = Arc::clone(&shared);
        let run = move || while inside.write_some(&mut *sink) {};
        // Without a thread, lines are dropped when the buffer is full: no reason not to start a service.
        let thread = thread::Builder::new().name("log".to_owned()).spawn(run).ok();
        Self(Arc::new(Handle { shared, thread }))
    }

    /// Takes one line with its end.
    pub fn write(&self, line: &[u8], urgent: bool) {
        let mut waiting = self.0.shared.lock();
        if waiting.lines.len() + line.len() > CAPACITY {
            waiting.dropped += 1;
            return;
        }
        let wake = waiting.lines.is_empty() || (urgent && !waiting.urgent);
        waiting.lines.extend_from_slice(line);
        waiting.urgent |= urgent;
        drop(waiting);
        if wake {
            self.0.shared.wake.notify_one();
        }
    }

    /// Waits until all lines are written.
    pub fn flush(&self) {
        let mut waiting = self.0.shared.lock();
        waiting.urgent = !waiting.lines.is_empty();
        self.0.shared.wake.notify_one();
        let unwritten = |waiting: &mut Waiting| waiting.writing || !waiting.lines.is_empty();
        // A reader that does not read must not keep the process from ending.
        drop(self.0.shared.written.wait_timeout_while(waiting, FAREWELL, unwritten));
    }
}

/// Writes the last lines when it is dropped: the subscriber itself lives as long as the process.
#[must_use = "the last lines are lost without it"]
pub struct LogGuard(pub(super) LogWriter);

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.0.flush();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// A panic while the lock is held leaves at worst half a line.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines and writes them; false when no more will come.
    fn write_some(&self, sink: &mut dyn Write) -> bool {
        let waiting = self.lock();
        let waiting = self
            .wake
            .wait_while(waiting, |waiting| waiting.lines.is_empty() && !waiting.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let (mut waiting, _) = self
            .wake
            .wait_timeout_while(waiting, PATIENCE, |waiting| !waiting.urgent && !waiting.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let lines = std::mem::take(&mut waiting.lines);
        let dropped = std::mem::take(&mut waiting.dropped);
        waiting.urgent = false;
        waiting.writing = true;
        drop(waiting);

        // There is nowhere to report that the log cannot be written.
        let _ = sink.write_all(&lines);
        if dropped > 0 {
            let _ = writeln!(
                sink,
                "{{\"level\":\"WARN\",\"message\":\"log lines were dropped\",\"lines\":{dropped}}}"
            );
        }
        let _ = sink.flush();

        let mut waiting = self.lock();
        waiting.writing = false;
        self.written.notify_all();
        !waiting.closed || !waiting.lines.is_empty()
    }
}
