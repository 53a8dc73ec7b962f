//! Caches verified tokens, so that a repeated token costs a hash instead of an RSA operation.
//!
//! Owns only the result of the signature check: the times of a token are checked again at each hit, and an
//! entry is valid only with the key set that verified it. The key of an entry is the SHA-256 of the whole
//! token, so no token stays in memory and no two tokens collide. The number of entries is bounded by the
//! policy. Their age is bounded by the expiry of the token and by [`MAX_ENTRY_LIFETIME`], because the issuer
//! chooses the lifetime of a token.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use crate::access_token::AccessToken;

/// The longest time that an entry is kept, however long the token is valid.
const MAX_ENTRY_LIFETIME: Duration = Duration::from_mins(15);

/// SHA-256 of the whole token.
pub(crate) type TokenHash = [u8; 32];

pub(crate) fn hash(token: &str) -> TokenHash {
    Sha256::digest(token).into()
}

#[derive(Clone)]
struct CacheEntry {
    token: Arc<AccessToken>,
    /// The generation of the key set that verified the token.
    generation: u64,
    lifetime: Duration,
}

pub(crate) struct VerifiedTokens(Cache<TokenHash, CacheEntry>);

impl VerifiedTokens {
    /// `None` for a capacity of 0.
    pub(crate) fn new(capacity: u64) -> Option<Self> {
        (capacity > 0)
            .then(|| Self(Cache::builder().max_capacity(capacity).expire_after(EntryExpiry).build()))
    }

    /// The token, if its signature was verified with the key set of this generation.
    pub(crate) fn get(&self, hash: &TokenHash, generation: u64) -> Option<Arc<AccessToken>> {
        self.0.get(hash).filter(|verified| verified.generation == generation).map(|verified| verified.token)
    }

    /// `lifetime` is the time until the token expires.
    pub(crate) fn insert(
        &self,
        hash: TokenHash,
        token: Arc<AccessToken>,
        generation: u64,
        lifetime: Duration,
    ) {
        self.0.insert(hash, CacheEntry { token, generation, lifetime: lifetime.min(MAX_ENTRY_LIFETIME) });
    }
}

struct EntryExpiry;

impl Expiry<TokenHash, CacheEntry> for EntryExpiry {
    fn expire_after_create(&self, _: &TokenHash, verified: &CacheEntry, _: Instant) -> Option<Duration> {
        Some(verified.lifetime)
    }

    fn expire_after_update(
        &self,
        _: &TokenHash,
        verified: &CacheEntry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(verified.lifetime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Claims;

    fn token() -> Arc<AccessToken> {
        let claims = serde_json::json!({
            "iss": "i", "sub": "s", "aud": "a", "client_id": "c", "jti": "j", "exp": 2, "iat": 1,
        });
        let serde_json::Value::Object(members) = claims else { unreachable!("an object") };
        Arc::new(AccessToken::from_claims(Claims::new(members)).unwrap())
    }

    #[test]
    fn the_number_of_tokens_is_bounded() {
        let tokens = VerifiedTokens::new(100).unwrap();
        for number in 0..1000 {
            tokens.insert(hash(&number.to_string()), token(), 1, MAX_ENTRY_LIFETIME);
        }
        tokens.0.run_pending_tasks();
        assert!(tokens.0.entry_count() <= 100, "{}", tokens.0.entry_count());
    }

    #[test]
    fn no_token_is_kept_longer_than_the_longest_time() {
        let tokens = VerifiedTokens::new(100).unwrap();
        tokens.insert(hash("a"), token(), 1, Duration::MAX);
        assert_eq!(tokens.0.get(&hash("a")).unwrap().lifetime, MAX_ENTRY_LIFETIME);
        tokens.insert(hash("b"), token(), 1, Duration::ZERO);
        assert!(tokens.get(&hash("b"), 1).is_none());
    }

    #[test]
    fn a_result_counts_only_with_its_own_key_set() {
        let tokens = VerifiedTokens::new(100).unwrap();
        tokens.insert(hash("a"), token(), 1, MAX_ENTRY_LIFETIME);
        assert!(tokens.get(&hash("a"), 1).is_some());
        assert!(tokens.get(&hash("a"), 2).is_none());
    }
}
