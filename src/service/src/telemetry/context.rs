//! Defines the context of the request that the current task answers: its ID, and why it failed.
//!
//! The context is a task-local, so log lines, problems and refusals carry the same request ID without passing
//! it through every function. A spawned task has no context.

use std::{cell::RefCell, error::Error, fmt};

use crate::random::Random;

/// The ID of one request: 16 random letters and digits. It is always generated here and never taken from a
/// header.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// Letters and digits that are not mistaken for one another when they are read aloud (without i, l, o,
    /// u).
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

    /// A new ID of 80 random bits.
    pub fn new(random: &Random) -> Self {
        let bits = random.bytes::<16>();
        Self(bits.map(|byte| Self::ALPHABET[usize::from(byte & 31)]))
    }

    /// Parses an ID that was printed before; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 16] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(|byte| Self::ALPHABET.contains(byte)).then_some(Self(bytes))
    }

    pub fn as_str(&self) -> &str {
        // All bytes are from the alphabet, so they are UTF-8.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The context of the request that is being answered. It is also in the extensions of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentRequest {
    /// Sent as `X-Request-Id`, and part of every log line, problem and error page.
    pub id: RequestId,
}

tokio::task_local! {
    static CURRENT: CurrentRequest;
    /// Why the request of this task failed.
    static FAILURE: RefCell<Option<String>>;
}

/// Logs why something failed: in the log line of the current request, or outside a request in a line of its
/// own.
pub fn log_failure(cause: &dyn Error) {
    let cause = ErrorChain(cause).to_string();
    let kept = FAILURE.try_with(|failure| failure.replace(Some(cause.clone())));
    if kept.is_err() {
        tracing::warn!(cause, "failed");
    }
}

/// Runs `answer` and returns its output, with the failure that it logged.
pub(crate) async fn capture_failure<T>(answer: impl Future<Output = T>) -> (T, Option<String>) {
    let both = async {
        let answer = answer.await;
        (answer, FAILURE.with(RefCell::take))
    };
    FAILURE.scope(RefCell::default(), both).await
}

/// Displays an error with all its sources, in one line.
pub(crate) struct ErrorChain<'e>(pub(crate) &'e dyn Error);

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl CurrentRequest {
    /// The context of the current task.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|context| *context).ok()
    }

    /// Runs `future` in this context. A task that is spawned for the request needs it.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }
}
