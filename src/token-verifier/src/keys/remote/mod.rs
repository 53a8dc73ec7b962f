//! Fetches the keys of the issuer from its JWKS URL and keeps them fresh in the background (RFC 7517 section
//! 5, RFC 9111).
//!
//! One task does all fetching. So there is never more than one fetch at a time, and verification with a known
//! key never waits. The last fetched set stays in use while the issuer cannot be reached, until
//! [`RemoteKeysSettings::max_age`]. A response that is not an acceptable key set changes nothing.
//!
//! ```text
//!   start ──► fetch ──► sleep until stale, or retry after a failure ──► fetch ...
//!               ▲                       │
//!               └── a token with an unknown kid wakes the task, if the last such fetch is long enough ago
//! ```
//!
//! A token with an unknown `kid` is refused as invalid only after a fetch that did not contain its key. While
//! the next fetch must wait, or when the fetch fails, the refusal is "keys unavailable": the key may be
//! seconds old, as after an emergency rotation.

mod http;
mod schedule;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use self::http::{FetchError, FetchedKeys, JwksEndpoint};
use self::schedule::Schedule;
use super::KeySource;
use crate::key::KeySet;

/// How keys are fetched.
#[derive(Debug, Clone)]
pub struct RemoteKeysSettings {
    /// The URL of the JWK set: `https`, or `http` on this machine.
    pub url: String,
    /// Allows `http` to another machine too. Whoever can change that traffic can then forge tokens, so use
    /// this only in a private network that is trusted like the machine itself.
    pub plain_http: bool,
    /// Certificates in PEM that are trusted beside those of the system, such as that of a private authority.
    pub trust_anchors: Vec<u8>,
    /// Time limit of one fetch. The default is 5 seconds.
    pub timeout: Duration,
    /// The shortest time between two regular fetches. Keys are fetched again when the issuer's
    /// `Cache-Control: max-age` is over, but not earlier than this. The default is 30 seconds.
    pub min_refresh: Duration,
    /// The longest time between two regular fetches, and so the longest time for which a key that the issuer
    /// withdrew may still be accepted. The default is 15 minutes.
    pub max_refresh: Duration,
    /// How long keys stay in use while the issuer cannot be reached. The default is 24 hours.
    pub max_age: Duration,
}

impl RemoteKeysSettings {
    /// The defaults for this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            plain_http: false,
            trust_anchors: Vec::new(),
            timeout: Duration::from_secs(5),
            min_refresh: Duration::from_secs(30),
            max_refresh: Duration::from_mins(15),
            max_age: Duration::from_hours(24),
        }
    }
}

/// Why fetching keys cannot start. An issuer that cannot be reached is no such reason.
#[derive(Debug, thiserror::Error)]
pub enum RemoteKeysError {
    /// Not an absolute URL.
    #[error("{0:?} is not a URL")]
    Url(String),
    /// Neither `https` nor `http` on this machine.
    #[error("{0:?} is neither https nor on this machine: whoever can change the traffic could make tokens")]
    Insecure(String),
    /// The HTTP client could not be built, for example for lack of root certificates, or because of
    /// [`RemoteKeysSettings::trust_anchors`].
    #[error("the HTTP client cannot be built")]
    Client(#[source] reqwest::Error),
    /// There is no tokio runtime to fetch in.
    #[error("keys can only be fetched inside a tokio runtime")]
    Runtime(#[source] tokio::runtime::TryCurrentError),
}

/// Counters for the caller's metrics. They only increase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Completed fetches, successful or not.
    pub fetches: u64,
    /// Fetches that a token with an unknown `kid` caused. Stays 0 in normal operation, during key rotation
    /// too.
    pub unknown_key_refetches: u64,
    /// Fetches that returned neither an acceptable key set nor "not modified".
    pub failures: u64,
}

/// Keys that are fetched from the issuer. Clones share them; fetching stops when the last clone is dropped.
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

/// State that the fetching task and the callers share.
struct Shared {
    endpoint: JwksEndpoint,
    settings: RemoteKeysSettings,
    cached: ArcSwapOption<CachedKeySet>,
    schedule: Schedule,
    fetches: AtomicU64,
    unknown_key_refetches: AtomicU64,
    failures: AtomicU64,
}

/// The last acceptable key set.
struct CachedKeySet {
    keys: Arc<KeySet>,
    body: Vec<u8>,
    etag: Option<String>,
    /// When the issuer last confirmed this key set.
    confirmed_at: Instant,
}

impl RemoteKeys {
    /// Starts to fetch from `url` with the default settings. Returns at once, whether or not the issuer can
    /// be reached.
    pub fn start(url: impl Into<String>) -> Result<Self, RemoteKeysError> {
        Self::with_settings(RemoteKeysSettings::new(url))
    }

    /// Starts to fetch. Must be called within a tokio runtime.
    pub fn with_settings(settings: RemoteKeysSettings) -> Result<Self, RemoteKeysError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(RemoteKeysError::Runtime)?;
        let shared = Arc::new(Shared {
            endpoint: JwksEndpoint::new(&settings)?,
            settings,
            cached: ArcSwapOption::empty(),
            schedule: Schedule::new(),
            fetches: AtomicU64::new(0),
            unknown_key_refetches: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        });
        let task = runtime.spawn(Arc::clone(&shared).keep_fresh()).abort_handle();
        Ok(Self(Arc::new(Handle { shared, task })))
    }

    /// The counters up to now.
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
        let before = shared.cached.load_full();
        let request = shared.schedule.request_fetch()?;
        if request.initiated && shared.current().is_some() {
            shared.unknown_key_refetches.fetch_add(1, Ordering::Relaxed);
        }
        // The fetch has its own time-out. This one applies when the runtime of the fetching task has ended.
        let _ = tokio::time::timeout(shared.settings.timeout, request.done()).await;
        // Every successful fetch stores a new value, for an unchanged key set too.
        let after = shared.cached.load_full()?;
        let confirmed = before.is_none_or(|before| !Arc::ptr_eq(&before, &after));
        confirmed.then(|| Arc::clone(&after.keys))
    }
}

impl Shared {
    fn current(&self) -> Option<Arc<KeySet>> {
        let known = self.cached.load();
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
            self.schedule.wait_until_due(pause).await;
        }
    }

    /// Fetches once and returns how long the keys are fresh.
    async fn fetch(&self) -> Result<Duration, FetchError> {
        let known = self.cached.load_full();
        let answer = self.endpoint.get(known.as_ref().and_then(|known| known.etag.as_deref())).await?;
        let confirmed_at = Instant::now();
        let (next, fresh_for) = match (answer, known.as_ref()) {
            (FetchedKeys::NotModified { fresh_for }, Some(known)) => {
                (known.confirmed(confirmed_at), fresh_for)
            }
            (FetchedKeys::NotModified { .. }, None) => return Err(FetchError::Status(304)),
            // The same bytes are the same set, so cached results of tokens stay valid.
            (FetchedKeys::Keys { body, etag, fresh_for }, Some(known)) if body == known.body => {
                (CachedKeySet { etag, ..known.confirmed(confirmed_at) }, fresh_for)
            }
            (FetchedKeys::Keys { body, etag, fresh_for }, _) => {
                let keys = Arc::new(KeySet::parse(&body)?);
                tracing::info!(url = %self.settings.url, ?keys, "the issuer's keys changed");
                (CachedKeySet { keys, body, etag, confirmed_at }, fresh_for)
            }
        };
        self.cached.store(Some(Arc::new(next)));
        Ok(fresh_for.unwrap_or(schedule::DEFAULT_FRESHNESS))
    }
}

impl CachedKeySet {
    fn confirmed(&self, confirmed_at: Instant) -> Self {
        Self { keys: Arc::clone(&self.keys), body: self.body.clone(), etag: self.etag.clone(), confirmed_at }
    }
}
