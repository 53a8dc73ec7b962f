//! Defines what is known about the request that is being answered, wherever the code that asks is, and why it failed.
//!
//! The context travels with the task (a task-local), so that log lines, problems and refusals carry the same reference
//! without every function handing it on. A spawned task has none.

use std::{cell::RefCell, error::Error, fmt};

use crate::random::Random;

/// The reference of one request: 16 letters and digits that mean nothing, made here and never taken from a header.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// Letters and digits that are not mistaken for one another when read aloud (without i, l, o, u).
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

    /// A new one of 80 random bits.
    pub fn new(random: &Random) -> Self {
        let bits = random.bytes::<16>();
        Self(bits.map(|byte| Self::ALPHABET[usize::from(byte & 31)]))
    }

    /// One that was printed, if it is written as they are.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 16] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(|byte| Self::ALPHABET.contains(byte)).then_some(Self(bytes))
    }

    /// As it is printed.
    pub fn as_str(&self) -> &str {
        // Only bytes of the alphabet are in it.
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

/// What is known about the request that is being answered. Also in the extensions of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestContext {
    /// Its reference: in `X-Request-Id`, in every log line, in problems and error pages.
    pub id: RequestId,
}

tokio::task_local! {
    static CURRENT: RequestContext;
    /// Why the request that this task answers fails.
    static FAILURE: RefCell<Option<String>>;
}

/// Tells the log why something failed: in the line of the request that failed, or in one of its own where there is none.
pub fn log_failure(cause: &dyn Error) {
    let cause = ErrorChain(cause).to_string();
    let kept = FAILURE.try_with(|failure| failure.replace(Some(cause.clone())));
    if kept.is_err() {
        tracing::warn!(cause, "failed");
    }
}

/// Runs `answer`; answers as well why it failed, if it did.
pub(crate) async fn with_failure<T>(answer: impl Future<Output = T>) -> (T, Option<String>) {
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

impl RequestContext {
    /// The request that this task answers.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|context| *context).ok()
    }

    /// Runs `future` as a part of this request: for a task that is spawned to answer it.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }
}
