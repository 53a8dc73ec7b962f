//! Defines [`KeyRing`]: the keys as of now, parsed once and kept, and the signing itself.
//!
//! Signing is josekit's; the header of each key and token type is made once. RSA up to 2048 bits runs inline, larger
//! RSA on a bounded pool, because one signature would hold a worker for milliseconds.

use std::{collections::HashMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use josekit::{JoseError, jws::JwsSigner};
use postern_entities::signing_keys;
use postern_token_verifier::{Algorithm, KeySet, KeySetError};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    pair,
    store::{State, algorithm_of, place},
};
use crate::{
    App,
    crypto::{CryptoError, Vault},
    pool::Busy,
};

/// The keys as of now.
pub struct KeyRing {
    active: HashMap<Algorithm, Arc<SigningKey>>,
    jwks: Jwks,
}

/// The published key set (RFC 7517 section 5), ready to send.
#[derive(Clone, Debug)]
pub struct Jwks {
    /// The document.
    pub body: Bytes,
    /// Its strong entity tag, in quotes (RFC 9110 section 8.8.3).
    pub etag: String,
}

/// Why stored keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// A private key does not open.
    #[error("the signing key {kid} cannot be opened")]
    Sealed {
        /// Which.
        kid: String,
        /// Why.
        source: CryptoError,
    },
    /// A private key is not one.
    #[error("the signing key {kid} cannot be read")]
    Private {
        /// Which.
        kid: String,
        /// Why.
        source: JoseError,
    },
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// No key of this algorithm is active.
    #[error("no signing key is active for {0}")]
    NoKey(Algorithm),
    /// Too many wait for a slow signature.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The claims are not JSON.
    #[error("the claims cannot be written as JSON")]
    Claims(#[from] serde_json::Error),
    /// The library refused.
    #[error("the signature failed")]
    Library(#[from] JoseError),
}

/// What is signed: `typ` keeps kinds of JWT apart (RFC 8725 section 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// `at+jwt` (RFC 9068 section 2.1).
    AccessToken,
    /// `JWT`.
    IdToken,
}

struct SigningKey {
    signer: Box<dyn JwsSigner>,
    /// Encoded headers of an access token and of an ID token, each with the dot after it.
    headers: [String; 2],
    /// Whether one signature takes so long that it does not run on a worker thread.
    slow: bool,
}

impl KeyRing {
    /// Reads the stored keys: parses the active ones and publishes all.
    pub(super) fn from_rows(vault: &Vault, rows: &[signing_keys::Model]) -> Result<Self, KeyRingError> {
        let mut active = HashMap::new();
        for row in rows.iter().filter(|row| row.state == State::Active.name()) {
            if let Some(algorithm) = algorithm_of(row) {
                active.insert(algorithm, Arc::new(SigningKey::open(vault, row, algorithm)?));
            }
        }
        let keys: Vec<&Value> = rows.iter().map(|row| &row.public_jwk).collect();
        let body = json!({ "keys": keys }).to_string();
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(crate::crypto::token_hash(&body)));
        Ok(Self { active, jwks: Jwks { body: body.into(), etag } })
    }

    /// Whether signing may take so long that it goes to threads of its own.
    pub fn slow(&self) -> bool {
        self.active.values().any(|key| key.slow)
    }

    /// The published key set.
    pub fn jwks(&self) -> &Jwks {
        &self.jwks
    }

    /// The same keys, ready to verify.
    pub fn key_set(&self) -> Result<KeySet, KeySetError> {
        KeySet::parse(&self.jwks.body)
    }
}

impl SigningKey {
    fn open(vault: &Vault, row: &signing_keys::Model, algorithm: Algorithm) -> Result<Self, KeyRingError> {
        let kid = row.kid.clone();
        let private = vault
            .open(&place(&row.kid), &row.private_sealed)
            .map(zeroize::Zeroizing::new)
            .map_err(|source| KeyRingError::Sealed { kid: kid.clone(), source })?;
        let signer = pair::signer(algorithm, &private)
            .map_err(|source| KeyRingError::Private { kid: kid.clone(), source })?;
        let header = |typ: &str| {
            let header = json!({ "typ": typ, "alg": algorithm, "kid": kid }).to_string();
            URL_SAFE_NO_PAD.encode(header) + "."
        };
        // RFC 7518 section 6.3.1: `n` of a 2048 bit key is 256 bytes, 342 characters of base64url.
        let slow = row.public_jwk["n"].as_str().is_some_and(|n| n.len() > 342);
        Ok(Self { signer, headers: [header("at+jwt"), header("JWT")], slow })
    }

    /// RFC 7515 section 5.1: the header and the payload as they are signed.
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

/// Signs claims as a compact JWS with the active key of `algorithm`.
pub async fn sign(
    app: &App,
    algorithm: Algorithm,
    token_type: TokenType,
    claims: &impl Serialize,
) -> Result<String, SignError> {
    let key = app.keys().active.get(&algorithm).cloned().ok_or(SignError::NoKey(algorithm))?;
    let mut token = key.signing_input(token_type, claims)?;
    let signature = if key.slow {
        let input = token.clone();
        app.signatures.run(move || key.signer.sign(input.as_bytes())).await??
    } else {
        key.signer.sign(token.as_bytes())?
    };
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}
