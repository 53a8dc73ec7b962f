//! Defines [`KeyRing`], the parsed keys in memory, and signs with them.
//!
//! Signatures are josekit's. The JWS header of each key and token type is encoded once. RSA up to 2048 bits
//! signs inline. Larger RSA keys sign on a bounded pool, because one signature would block a worker thread
//! for milliseconds.

use std::{collections::HashMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use josekit::{JoseError, jws::JwsSigner};
use postern_entities::signing_keys;
use postern_service::conditional::EntityTag;
use postern_token_verifier::{Algorithm, KeySet, KeySetError};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    pair,
    store::{KeyState, algorithm_of, associated_data},
};
use crate::{
    crypto::{CryptoError, Vault},
    pool::{Busy, ComputePool},
};

/// The active keys and the published set.
pub struct KeyRing {
    active: HashMap<Algorithm, Arc<SigningKey>>,
    jwks: Jwks,
}

#[derive(Clone, Debug)]
pub struct Jwks {
    pub body: Bytes,
    pub etag: EntityTag,
}

/// Why the stored keys cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// A sealed private key cannot be opened: it was sealed with another encryption key, or altered.
    #[error("the signing key {kid} cannot be opened")]
    Sealed { kid: String, source: CryptoError },
    /// The opened private key cannot be parsed.
    #[error("the signing key {kid} cannot be read")]
    Private { kid: String, source: JoseError },
}

#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error("no signing key is active for {0}")]
    NoKey(Algorithm),
    /// The queue for slow signatures is full.
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error("the claims cannot be written as JSON")]
    Claims(#[from] serde_json::Error),
    #[error("the signature failed")]
    Library(#[from] JoseError),
}

/// The JWS header `typ`, which distinguishes kinds of JWT (RFC 8725 section 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// `at+jwt` (RFC 9068 section 2.1).
    AccessToken,
    IdToken,
    /// `logout+jwt` (OpenID Connect Back-Channel Logout 1.0 section 2.4).
    LogoutToken,
    /// No `typ`: a signed userinfo response has no registered one, and must not pass for an ID token.
    Userinfo,
}

struct SigningKey {
    signer: Box<dyn JwsSigner>,
    /// Encoded headers of each [`TokenType`], by which they are indexed, each with the dot that follows.
    headers: [String; 4],
    /// Whether a signature takes so long that it must not run on a worker thread.
    slow: bool,
}

impl KeyRing {
    /// Opens and parses the active keys. All keys are published.
    pub(super) fn from_rows(vault: &Vault, rows: &[signing_keys::Model]) -> Result<Self, KeyRingError> {
        let mut active = HashMap::new();
        for row in rows.iter().filter(|row| row.state == KeyState::Active.name()) {
            if let Some(algorithm) = algorithm_of(row) {
                active.insert(algorithm, Arc::new(SigningKey::open(vault, row, algorithm)?));
            }
        }
        let keys: Vec<&Value> = rows.iter().map(|row| &row.public_jwk).collect();
        let body = json!({ "keys": keys }).to_string();
        let etag = EntityTag::strong(&URL_SAFE_NO_PAD.encode(crate::crypto::token_hash(&body)));
        Ok(Self { active, jwks: Jwks { body: body.into(), etag } })
    }

    /// Whether a signature with any active key must run on the signing pool.
    pub fn signs_slowly(&self) -> bool {
        self.active.values().any(|key| key.slow)
    }

    /// Whether a key of the algorithm is active.
    pub fn can_sign(&self, algorithm: Algorithm) -> bool {
        self.active.contains_key(&algorithm)
    }

    pub fn jwks(&self) -> &Jwks {
        &self.jwks
    }

    pub fn key_set(&self) -> Result<KeySet, KeySetError> {
        KeySet::parse(&self.jwks.body)
    }

    /// See [`SigningKeys::sign`](super::SigningKeys::sign).
    pub(super) async fn sign(
        &self,
        pool: &ComputePool,
        algorithm: Algorithm,
        token_type: TokenType,
        claims: &impl Serialize,
    ) -> Result<String, SignError> {
        let key = self.active.get(&algorithm).cloned().ok_or(SignError::NoKey(algorithm))?;
        let mut token = key.signing_input(token_type, claims)?;
        let signature = if key.slow {
            let input = token.clone();
            pool.run(move || key.signer.sign(input.as_bytes())).await??
        } else {
            key.signer.sign(token.as_bytes())?
        };
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

impl SigningKey {
    fn open(vault: &Vault, row: &signing_keys::Model, algorithm: Algorithm) -> Result<Self, KeyRingError> {
        let kid = row.kid.clone();
        let private = vault
            .open(&associated_data(&row.kid), &row.private_sealed)
            .map(zeroize::Zeroizing::new)
            .map_err(|source| KeyRingError::Sealed { kid: kid.clone(), source })?;
        let signer = pair::signer(algorithm, &private)
            .map_err(|source| KeyRingError::Private { kid: kid.clone(), source })?;
        let encode = |header: Value| URL_SAFE_NO_PAD.encode(header.to_string()) + ".";
        let header = |typ: &str| encode(json!({ "typ": typ, "alg": algorithm, "kid": kid }));
        let untyped = encode(json!({ "alg": algorithm, "kid": kid }));
        // RFC 7518 section 6.3.1: `n` of a 2048 bit key is 256 bytes, 342 characters of base64url.
        let slow = row.public_jwk["n"].as_str().is_some_and(|n| n.len() > 342);
        let headers = [header("at+jwt"), header("JWT"), header("logout+jwt"), untyped];
        Ok(Self { signer, headers, slow })
    }

    /// The JWS Signing Input (RFC 7515 section 5.1).
    fn signing_input(
        &self,
        token_type: TokenType,
        claims: &impl Serialize,
    ) -> Result<String, serde_json::Error> {
        let mut input = self.headers[token_type as usize].clone();
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims)?, &mut input);
        Ok(input)
    }
}
