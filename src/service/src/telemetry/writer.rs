//! Writes log lines on a thread of its own, many with one system call. So a request neither pays for the
//! system call nor waits for a slow reader of the log. When the reader is too slow, lines are dropped and
//! counted, so that memory stays bounded.

use std::{
    io::Write,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

/// How long a line waits for further lines. Warnings and errors do not wait.
const BATCH_DELAY: Duration = Duration::from_millis(100);
/// Most bytes of buffered lines.
const CAPACITY: usize = 1 << 20;

/// How long [`LogWriter::flush`] waits for a slow reader.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// The log writer. Clones share the buffer; dropping the last one writes the buffered lines.
#[derive(Clone)]
pub struct LogWriter(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    pending: Mutex<PendingLines>,
    wake: Condvar,
    written: Condvar,
}

#[derive(Default)]
struct PendingLines {
    lines: Vec<u8>,
    dropped: u64,
    /// A warning or an error is buffered, so the thread writes at once.
    urgent: bool,
    /// The thread is writing lines that it took from the buffer.
    writing: bool,
    closed: bool,
}

impl LogWriter {
    /// Starts the thread that writes to `sink`.
    pub fn start(mut sink: Box<dyn Write + Send>) -> Self {
        let shared = Arc::new(Shared::default());
        let inside = Arc::clone(&shared);
        let run = move || while inside.write_some(&mut *sink) {};
        // Without the thread the buffer fills up and lines are dropped. That is no reason not to start a
        // service.
        let thread = thread::Builder::new().name("log".to_owned()).spawn(run).ok();
        Self(Arc::new(Handle { shared, thread }))
    }

    /// Buffers one line, which includes its line end.
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

    /// Waits until all buffered lines are written, but not longer than [`FLUSH_TIMEOUT`].
    pub fn flush(&self) {
        let mut waiting = self.0.shared.lock();
        waiting.urgent = !waiting.lines.is_empty();
        self.0.shared.wake.notify_one();
        let unwritten = |waiting: &mut PendingLines| waiting.writing || !waiting.lines.is_empty();
        // A reader that never reads must not keep the process from ending.
        drop(self.0.shared.written.wait_timeout_while(waiting, FLUSH_TIMEOUT, unwritten));
    }
}

/// Writes the buffered lines when it is dropped. The subscriber cannot do this, because it is never dropped.
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
    /// Ignores poisoning: a panic while the lock is held leaves at most half a line.
    fn lock(&self) -> MutexGuard<'_, PendingLines> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines and writes them. False when no more lines can follow.
    fn write_some(&self, sink: &mut dyn Write) -> bool {
        let waiting = self.lock();
        let waiting = self
            .wake
            .wait_while(waiting, |waiting| waiting.lines.is_empty() && !waiting.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let (mut waiting, _) = self
            .wake
            .wait_timeout_while(waiting, BATCH_DELAY, |waiting| !waiting.urgent && !waiting.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let lines = std::mem::take(&mut waiting.lines);
        let dropped = std::mem::take(&mut waiting.dropped);
        waiting.urgent = false;
        waiting.writing = true;
        drop(waiting);

        // An error of the log itself cannot be reported.
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
