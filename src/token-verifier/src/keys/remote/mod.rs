//! Keys fetched from the issuer's JWKS address, kept fresh in the background (RFC 7517 section 5, RFC 9111).
//!
//! One task does all fetching, so that callers never fetch twice at once and verification with a known key never
//! waits. What it found last stays in use while the issuer is down, until [`RemoteKeysSettings::max_age`]; an answer
//! that is no good key set changes nothing.
//!
//! ```text
//!   start ──► fetch ──► sleep until stale, or retry after a failure ──► fetch ...
//!               ▲                       │
//!               └── a token with an unknown kid wakes it, if the last such time is long enough ago
//! ```
//!
//! A token with an unknown `kid` is called bad only after a fetch that came back without its key. While the next fetch
//! is held back, or when it fails, nobody knows: the key may be seconds old, as after an emergency rotation.

mod http;
mod schedule;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use self::http::{Answer, FetchError, JwksAddress};
use self::schedule::Schedule;
use super::KeySource;
use crate::key::KeySet;

/// How keys are fetched.
#[derive(Debug, Clone)]
pub struct RemoteKeysSettings {
    /// The address of the JWK set: `https`, or `http` on this machine.
    pub url: String,
    /// Allows `http` to another machine too. Whoever can change that traffic can then make tokens, so this is for a
    /// private network that is trusted like the machine itself.
    pub plain_http: bool,
    /// The whole time for one fetch. 5 seconds unless changed.
    pub timeout: Duration,
    /// Keys are fetched again when the issuer's `Cache-Control: max-age` is over, but not sooner than this. 30 seconds
    /// unless changed.
    pub min_refresh: Duration,
    /// ... and not later than this, which is how long a key that the issuer withdrew may go on being accepted. 15
    /// minutes unless changed.
    pub max_refresh: Duration,
    /// How long keys stay in use when the issuer cannot be reached. 24 hours unless changed.
    pub max_age: Duration,
}

impl RemoteKeysSettings {
    /// The defaults for this address.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            plain_http: false,
            timeout: Duration::from_secs(5),
            min_refresh: Duration::from_secs(30),
            max_refresh: Duration::from_mins(15),
            max_age: Duration::from_hours(24),
        }
    }
}

/// Why fetching keys cannot begin. An issuer that is down is no reason.
#[derive(Debug, thiserror::Error)]
pub enum RemoteKeysError {
    /// Not an absolute URL.
    #[error("{0:?} is not a URL")]
    Url(String),
    /// Neither `https` nor `http` on this machine.
    #[error("{0:?} is neither https nor on this machine: whoever can change the traffic could make tokens")]
    Insecure(String),
    /// The HTTP client could not be built, for example for lack of root certificates.
    #[error("the HTTP client cannot be built")]
    Client(#[source] reqwest::Error),
    /// There is no tokio runtime to fetch in.
    #[error("keys can only be fetched inside a tokio runtime")]
    Runtime(#[source] tokio::runtime::TryCurrentError),
}

/// What fetching has cost so far, for the caller's metrics. All figures only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Fetches that ended, well or not.
    pub fetches: u64,
    /// Fetches begun because a token named an unknown key. In quiet operation 0, also while keys rotate.
    pub unknown_key_refetches: u64,
    /// Fetches that brought neither a good key set nor "not modified".
    pub failures: u64,
}

/// Keys fetched from the issuer. Clones share them; fetching ends when the last one is dropped.
#[derive(Clone)]
pub struct RemoteKeys(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    task: AbortHandle,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the fetching task and the callers have in common.
struct Shared {
    address: JwksAddress,
    settings: RemoteKeysSettings,
    known: ArcSwapOption<Known>,
    schedule: Schedule,
    fetches: AtomicU64,
    unknown_key_refetches: AtomicU64,
    failures: AtomicU64,
}

/// The last good key set.
struct Known {
    keys: Arc<KeySet>,
    body: Vec<u8>,
    etag: Option<String>,
    /// When the issuer last said that this is its key set.
    confirmed_at: Instant,
}

impl RemoteKeys {
    /// Begins to fetch from `url` with the default settings. Returns at once, whether or not the issuer can be reached.
    pub fn start(url: impl Into<String>) -> Result<Self, RemoteKeysError> {
        Self::with_settings(RemoteKeysSettings::new(url))
    }

    /// Begins to fetch. Must be called inside a tokio runtime.
    pub fn with_settings(settings: RemoteKeysSettings) -> Result<Self, RemoteKeysError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(RemoteKeysError::Runtime)?;
        let shared = Arc::new(Shared {
            address: JwksAddress::new(&settings)?,
            settings,
            known: ArcSwapOption::empty(),
            schedule: Schedule::new(),
            fetches: AtomicU64::new(0),
            unknown_key_refetches: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        });
        let task = runtime.spawn(Arc::clone(&shared).keep_fresh()).abort_handle();
        Ok(Self(Arc::new(Handle { shared, task })))
    }

    /// What fetching has cost so far.
    pub fn statistics(&self) -> Statistics {
        let shared = &self.0.shared;
        Statistics {
            fetches: shared.fetches.load(Ordering::Relaxed),
            unknown_key_refetches: shared.unknown_key_refetches.load(Ordering::Relaxed),
            failures: shared.failures.load(Ordering::Relaxed),
        }
    }
}

#[async_trait]
impl KeySource for RemoteKeys {
    fn current(&self) -> Option<Arc<KeySet>> {
        self.0.shared.current()
    }

    async fn refetch(&self) -> Option<Arc<KeySet>> {
        let shared = &self.0.shared;
        let before = shared.known.load_full();
        let request = shared.schedule.ask()?;
        if request.begun && shared.current().is_some() {
            shared.unknown_key_refetches.fetch_add(1, Ordering::Relaxed);
        }
        // The fetch has its own time-out; this one holds when the runtime that fetches is gone.
        let _ = tokio::time::timeout(shared.settings.timeout, request.done()).await;
        // Each fetch that succeeds stores what it found, or found again.
        let after = shared.known.load_full()?;
        let confirmed = before.is_none_or(|before| !Arc::ptr_eq(&before, &after));
        confirmed.then(|| Arc::clone(&after.keys))
    }
}

impl Shared {
    fn current(&self) -> Option<Arc<KeySet>> {
        let known = self.known.load();
        let known = known.as_ref()?;
        (known.confirmed_at.elapsed() <= self.settings.max_age).then(|| Arc::clone(&known.keys))
    }

    async fn keep_fresh(self: Arc<Self>) {
        let mut failures_in_a_row = 0;
        loop {
            let begun = self.schedule.begin();
            let pause = match self.fetch().await {
                Ok(fresh_for) => {
                    failures_in_a_row = 0;
                    self.schedule.finish(begun);
                    fresh_for.clamp(self.settings.min_refresh, self.settings.max_refresh)
                }
                Err(cause) => {
                    failures_in_a_row += 1;
                    self.failures.fetch_add(1, Ordering::Relaxed);
                    self.schedule.finish(begun);
                    let pause = schedule::retry_pause(failures_in_a_row, self.current().is_some());
                    let cause: &dyn std::error::Error = &cause;
                    tracing::warn!(url = %self.settings.url, cause, retry_in = ?pause, "cannot fetch the issuer's keys");
                    pause
                }
            };
            self.fetches.fetch_add(1, Ordering::Relaxed);
            self.schedule.rest(pause).await;
        }
    }

    /// Answers how long the keys are fresh.
    async fn fetch(&self) -> Result<Duration, FetchError> {
        let known = self.known.load_full();
        let answer = self.address.get(known.as_ref().and_then(|known| known.etag.as_deref())).await?;
        let confirmed_at = Instant::now();
        let (next, fresh_for) = match (answer, known.as_ref()) {
            (Answer::NotModified { fresh_for }, Some(known)) => (known.confirmed(confirmed_at), fresh_for),
            (Answer::NotModified { .. }, None) => return Err(FetchError::Status(304)),
            // The same bytes: the same set, so that tokens verified with it stay verified.
            (Answer::Keys { body, etag, fresh_for }, Some(known)) if body == known.body => {
                (Known { etag, ..known.confirmed(confirmed_at) }, fresh_for)
            }
            (Answer::Keys { body, etag, fresh_for }, _) => {
                let keys = Arc::new(KeySet::parse(&body)?);
                tracing::info!(url = %self.settings.url, ?keys, "the issuer's keys changed");
                (Known { keys, body, etag, confirmed_at }, fresh_for)
            }
        };
        self.known.store(Some(Arc::new(next)));
        Ok(fresh_for.unwrap_or(schedule::FRESH_FOR))
    }
}

impl Known {
    fn confirmed(&self, confirmed_at: Instant) -> Self {
        Self { keys: Arc::clone(&self.keys), body: self.body.clone(), etag: self.etag.clone(), confirmed_at }
    }
}
