//! Fetches the public keys that clients publish at their `jwks_uri` (RFC 7591 section 2) and keeps them.
//!
//! A set is fetched when a request needs it: first, when it is old, or when it lacks the key that an assertion
//! names. Anyone can send assertions with made-up `kid`s, so fetches for unknown keys are spaced out, and the
//! space grows up to [`LONGEST_PAUSE`] while they find nothing. Requests for one client share a fetch. A set that
//! cannot be fetched again stays in use for [`MAX_AGE`].

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use postern_service::clock::Timestamp;
use postern_token_verifier::{KeySet, KeySetError};
use url::Url;

use crate::outbound::{Outbound, OutboundError};

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
    state: tokio::sync::Mutex<State>,
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
        outbound: &Outbound,
        (client_id, jwks_uri): (&str, &str),
        kid: Option<&str>,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, KeySetFetchError> {
        let source = self.source(client_id, jwks_uri);
        // Waiting requests share the fetch of the one that holds the lock.
        let mut state = source.state.lock().await;
        let has_key = |keys: &KeySet| kid.map_or(keys.only_key(), |kid| keys.get(kid)).is_some();
        if let Some((keys, fetched_at)) = &state.cached
            && now - *fetched_at < FRESH_FOR
            && has_key(keys)
        {
            return Ok(Arc::clone(keys));
        }
        let usable = |state: &State| {
            let cached = state.cached.as_ref().filter(|(_, fetched_at)| now - *fetched_at < MAX_AGE);
            cached.map(|(keys, _)| Arc::clone(keys))
        };
        if let Some(not_before) = state.not_before.filter(|not_before| now < *not_before) {
            return usable(&state).ok_or(KeySetFetchError::TooEarly(not_before - now));
        }
        let fetched = fetch(outbound, jwks_uri).await;
        if fetched.as_ref().is_ok_and(has_key) {
            (state.fruitless, state.not_before) = (0, None);
        } else {
            let pause = FIRST_PAUSE * 2_u32.saturating_pow(state.fruitless.min(10));
            state.fruitless += 1;
            state.not_before = Some(now + pause.min(LONGEST_PAUSE));
        }
        match fetched {
            Ok(keys) => {
                let keys = Arc::new(keys);
                state.cached = Some((Arc::clone(&keys), now));
                Ok(keys)
            }
            Err(cause) => usable(&state).map_or_else(
                || Err(cause),
                |keys| {
                    tracing::warn!(client_id, jwks_uri, "the keys of a client cannot be fetched again");
                    Ok(keys)
                },
            ),
        }
    }

    fn source(&self, client_id: &str, jwks_uri: &str) -> Arc<Source> {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match sources.get(client_id) {
            Some(known) if known.jwks_uri == jwks_uri => Arc::clone(known),
            _ => {
                let source =
                    Arc::new(Source { jwks_uri: jwks_uri.to_owned(), state: tokio::sync::Mutex::default() });
                sources.insert(client_id.to_owned(), Arc::clone(&source));
                source
            }
        }
    }
}

async fn fetch(outbound: &Outbound, jwks_uri: &str) -> Result<KeySet, KeySetFetchError> {
    let response = outbound.get_json(&Url::parse(jwks_uri)?).await?;
    if response.status != http::StatusCode::OK {
        return Err(KeySetFetchError::Status(response.status.as_u16()));
    }
    Ok(KeySet::parse_of_client(&response.body)?)
}
