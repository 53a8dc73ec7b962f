//! Tracks what one connection is doing, and for how long.
//!
//! ```text
//!             first byte              head complete
//!   Idle ──────────────────► Head ──────────────────► Requests (one or, with HTTP/2, many)
//!    ▲  idle_timeout: closed   │ header_timeout: closed    │
//!    └─────────────────────────┴───────────────────────────┘  last byte of the response sent
//! ```
//!
//! In every state a connection is closed when the client accepts no response data for `write_timeout`.
//!
//! A new connection counts as if its first head had begun. hyper's own time-out for heads is not used: it
//! also runs while the connection is idle, and sets a timer for each request. Here there is one timer for
//! each connection, and a request costs a few atomic writes.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// The time of the first head runs from the start of the connection, even before its first byte arrives.
const FIRST_HEAD: u64 = 0;
/// No byte of a further head has arrived.
const NOT_BEGUN: u64 = u64::MAX;
/// The client accepts response data.
const NOT_STALLED: u64 = u64::MAX;

/// How long a connection may stay in one state.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    pub(super) header: Duration,
    pub(super) idle: Duration,
    pub(super) write: Duration,
}

/// The state of one connection. Times are milliseconds since it was accepted.
pub(super) struct Activity {
    accepted: Instant,
    requests: AtomicU32,
    head_began: AtomicU64,
    answered: AtomicU64,
    stalled: AtomicU64,
    http2: AtomicBool,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            accepted: Instant::now(),
            requests: AtomicU32::new(0),
            head_began: AtomicU64::new(FIRST_HEAD),
            answered: AtomicU64::new(0),
            stalled: AtomicU64::new(NOT_STALLED),
            http2: AtomicBool::new(false),
        })
    }

    /// When the connection is to be closed. `None` while a request is being read or answered.
    pub(super) fn deadline(&self, timeouts: &Timeouts) -> Option<Instant> {
        let (since, timeout) = match self.stalled.load(Relaxed) {
            NOT_STALLED if self.requests.load(Relaxed) > 0 => return None,
            NOT_STALLED => match self.head_began.load(Relaxed) {
                NOT_BEGUN => (self.answered.load(Relaxed), timeouts.idle),
                began => (began, timeouts.header),
            },
            since => (since, timeouts.write),
        };
        Some(self.accepted + Duration::from_millis(since) + timeout)
    }

    /// Whether the client speaks HTTP/2.
    pub(super) fn http2(&self) -> bool {
        self.http2.load(Relaxed)
    }

    fn bytes_arrived(&self, bytes: &[u8]) {
        if self.requests.load(Relaxed) > 0 {
            return;
        }
        match self.head_began.load(Relaxed) {
            FIRST_HEAD => {
                // HTTP/2 begins with the connection preface (RFC 9113 section 3.4).
                self.http2.store(bytes.starts_with(b"PRI "), Relaxed);
                self.head_began.store(FIRST_HEAD + 1, Relaxed);
            }
            // HTTP/2 sends other frames between requests, so a byte does not mean that a head begins.
            NOT_BEGUN if !self.http2() => self.head_began.store(self.now().max(FIRST_HEAD + 1), Relaxed),
            _ => {}
        }
    }

    /// A client that reads a long response slowly is not idle. With HTTP/2, data may also be a ping, which
    /// proves no activity.
    fn written<T>(&self, polled: &Poll<T>) {
        if polled.is_pending() {
            // The first pending write starts the time.
            let _ = self.stalled.compare_exchange(NOT_STALLED, self.now(), Relaxed, Relaxed);
            return;
        }
        self.stalled.store(NOT_STALLED, Relaxed);
        if !self.http2() {
            self.answered.store(self.now(), Relaxed);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.accepted.elapsed().as_millis()).unwrap_or(NOT_BEGUN - 1)
    }
}

/// A request that is being answered. Dropping this value marks the end of the response.
pub(super) struct RequestInProgress(Arc<Activity>);

impl RequestInProgress {
    pub(super) fn begin(activity: &Arc<Activity>) -> Self {
        activity.requests.fetch_add(1, Relaxed);
        activity.head_began.store(NOT_BEGUN, Relaxed);
        Self(Arc::clone(activity))
    }
}

impl Drop for RequestInProgress {
    fn drop(&mut self) {
        self.0.answered.store(self.0.now(), Relaxed);
        self.0.requests.fetch_sub(1, Relaxed);
    }
}

/// A stream that reports to its [`Activity`] when bytes arrive and leave.
pub(super) struct ObservedStream<S> {
    pub(super) stream: S,
    pub(super) activity: Arc<Activity>,
}

impl<S: AsyncRead + Unpin> AsyncRead for ObservedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.bytes_arrived(&buffer.filled()[before..]);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ObservedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.activity.written(&polled);
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.activity.written(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
