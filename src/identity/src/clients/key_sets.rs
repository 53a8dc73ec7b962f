//! Fetches the public keys that clients publish at their `jwks_uri` (RFC 7591 section 2) and keeps them.
//!
//! A set is fetched when a request needs it: first, when it is old, or when it lacks the key that an assertion
//! names. Anyone can send assertions with made-up `kid`s, so fetches for unknown keys are spaced out, and the
//! space grows up to [`LONGEST_PAUSE`] while they find nothing. Requests for one client share a fetch. A set that
//! cannot be fetched again stays in use for [`MAX_AGE`].

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use postern_service::clock::{Clock, Timestamp};
use postern_token_verifier::{KeySet, KeySetError};
use url::Url;

use crate::{
    jobs::error_chain,
    outbound::{Outbound, OutboundError},
};

/// A set of this age is fetched again.
const FRESH_FOR: Duration = Duration::from_mins(10);
/// A set of this age is not used any more: the client may have withdrawn a key.
const MAX_AGE: Duration = Duration::from_hours(1);
/// The pause after a fetch that failed or did not bring the wanted key. It doubles with each such fetch.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Why the keys of a client are not there.
#[derive(Debug, thiserror::Error)]
pub enum KeySetFetchError {
    #[error("jwks_uri is not a URL")]
    Url(#[from] url::ParseError),
    #[error("jwks_uri cannot be fetched")]
    Outbound(#[from] OutboundError),
    #[error("jwks_uri was answered with status {0}")]
    Status(u16),
    #[error("jwks_uri holds no acceptable key set")]
    KeySet(#[from] KeySetError),
    #[error("jwks_uri was tried a moment ago, and is tried again in {0:?}")]
    TooEarly(Duration),
}

/// The key sets of all clients that have a `jwks_uri`.
#[derive(Default)]
pub struct ClientKeySets(Mutex<HashMap<String, Arc<Source>>>);

/// The key set of one client.
struct Source {
    jwks_uri: String,
    state: Mutex<State>,
    /// Held during a fetch, so that waiting requests share it. Requests that need no fetch do not wait.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    cached: Option<(Arc<KeySet>, Timestamp)>,
    /// Fetches in a row that failed or did not bring the wanted key.
    fruitless: u32,
    /// Before this time, an unknown key or a failure causes no further fetch.
    not_before: Option<Timestamp>,
}

impl ClientKeySets {
    /// The keys of a client, with that of `kid` if the client publishes it.
    pub(super) async fn find(
        &self,
        (outbound, clock): (&Outbound, &Clock),
        (client_id, jwks_uri): (&str, &str),
        kid: Option<&str>,
    ) -> Result<Arc<KeySet>, KeySetFetchError> {
        let source = self.source(client_id, jwks_uri);
        if let Some(answer) = source.without_fetch(kid, clock.now()) {
            return answer;
        }
        let _turn = source.fetching.lock().await;
        // The request that had the turn before may have fetched what this one needs.
        if let Some(answer) = source.without_fetch(kid, clock.now()) {
            return answer;
        }
        let fetched = fetch(outbound, jwks_uri).await.map(Arc::new);
        if let Err(cause) = &fetched {
            let cause = error_chain(cause);
            tracing::warn!(client_id, jwks_uri, cause, "the keys of a client cannot be fetched");
        }
        source.record(fetched, kid, clock.now())
    }

    fn source(&self, client_id: &str, jwks_uri: &str) -> Arc<Source> {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match sources.get(client_id) {
            Some(known) if known.jwks_uri == jwks_uri => Arc::clone(known),
            _ => {
                let source = Arc::new(Source {
                    jwks_uri: jwks_uri.to_owned(),
                    state: Mutex::default(),
                    fetching: tokio::sync::Mutex::default(),
                });
                sources.insert(client_id.to_owned(), Arc::clone(&source));
                source
            }
        }
    }
}

impl Source {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer, if it needs no fetch: the keys are fresh and have the wanted one, or it is too early to fetch again.
    fn without_fetch(
        &self,
        kid: Option<&str>,
        now: Timestamp,
    ) -> Option<Result<Arc<KeySet>, KeySetFetchError>> {
        let state = self.state();
        if let Some(keys) = state.keys_within(FRESH_FOR, now).filter(|keys| has_key(keys, kid)) {
            return Some(Ok(keys));
        }
        let not_before = state.not_before.filter(|not_before| now < *not_before)?;
        Some(state.keys_within(MAX_AGE, now).ok_or(KeySetFetchError::TooEarly(not_before - now)))
    }

    /// Keeps what a fetch brought. Answers with the former keys where it failed.
    fn record(
        &self,
        fetched: Result<Arc<KeySet>, KeySetFetchError>,
        kid: Option<&str>,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, KeySetFetchError> {
        let mut state = self.state();
        if fetched.as_ref().is_ok_and(|keys| has_key(keys, kid)) {
            (state.fruitless, state.not_before) = (0, None);
        } else {
            let pause = FIRST_PAUSE * 2_u32.saturating_pow(state.fruitless.min(10));
            state.fruitless += 1;
            state.not_before = Some(now + pause.min(LONGEST_PAUSE));
        }
        match fetched {
            Ok(keys) => {
                state.cached = Some((Arc::clone(&keys), now));
                Ok(keys)
            }
            Err(cause) => state.keys_within(MAX_AGE, now).ok_or(cause),
        }
    }
}

impl State {
    fn keys_within(&self, age: Duration, now: Timestamp) -> Option<Arc<KeySet>> {
        let (keys, fetched_at) = self.cached.as_ref()?;
        (now - *fetched_at < age).then(|| Arc::clone(keys))
    }
}

/// Whether the set has the key of `kid`, or without a `kid` its only key.
fn has_key(keys: &KeySet, kid: Option<&str>) -> bool {
    kid.map_or(keys.only_key(), |kid| keys.get(kid)).is_some()
}

async fn fetch(outbound: &Outbound, jwks_uri: &str) -> Result<KeySet, KeySetFetchError> {
    let response = outbound.get_json(&Url::parse(jwks_uri)?).await?;
    if response.status != http::StatusCode::OK {
        return Err(KeySetFetchError::Status(response.status.as_u16()));
    }
    Ok(KeySet::parse_of_client(&response.body)?)
}
