//! Defines the keys of an issuer: [`Algorithm`], and [`KeySet`], a JWK set that was validated and parsed (RFC
//! 7517, RFC 7518 section 6).
//!
//! A set that contains a private or symmetric key, or the same `kid` twice, is refused as a whole, because it
//! is compromised or ambiguous. A single key that cannot be used (for encryption, of an unknown type, too
//! weak) is left out, as RFC 7517 section 5 asks. Each key is parsed once, here, because parsing costs six
//! times as much as a verification.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use josekit::jwk::Jwk;
use josekit::jws::{ES256, EdDSA, JwsVerifier, PS256, RS256};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{rsa, strict_json};

/// Most keys of a set. An issuer has two or three, and each costs a parse.
const MAX_KEYS: usize = 64;

/// Members that only a private or symmetric key has (RFC 7518 section 6).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A signature algorithm (RFC 7518 section 3.1, RFC 8037 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3).
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PSS with SHA-256 (RFC 7518 section 3.5).
    #[serde(rename = "PS256")]
    Ps256,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 section 3.4).
    #[serde(rename = "ES256")]
    Es256,
    /// `EdDSA` with the curve Ed25519 (RFC 8037 section 3.1).
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::Rs256, Self::Ps256, Self::Es256, Self::EdDsa];

    /// The value of `alg` (RFC 7518 section 3.1).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A parsed public key with its one algorithm.
pub struct Key {
    algorithm: Algorithm,
    verifier: Box<dyn JwsVerifier>,
}

impl Key {
    /// The only algorithm this key verifies.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifier.verify(message, signature).is_ok()
    }
}

/// The public keys of an issuer, by `kid`.
pub struct KeySet {
    keys: HashMap<String, Key>,
    /// Keys without a `kid`, of a client's set only.
    unnamed: Vec<Key>,
    generation: u64,
}

/// Why a JWK set is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not a JSON object with an array `keys` of objects, or an object has a duplicate member.
    #[error("not a JWK set")]
    Malformed,
    /// More than 64 keys.
    #[error("the set has {0} keys, more than {MAX_KEYS}")]
    TooManyKeys(usize),
    /// A private or symmetric key was published.
    #[error("the set holds a private or symmetric key")]
    PrivateKey,
    /// Two keys have the same `kid`.
    #[error("two keys have the kid {0:?}")]
    DuplicateKid(String),
    /// Nothing in the set can verify a signature.
    #[error("the set holds no key that can be used")]
    NoUsableKey,
}

impl KeySet {
    /// Reads a JWK set (RFC 7517 section 5), such as an issuer's `jwks.json`.
    pub fn parse(jwks: &[u8]) -> Result<Self, KeySetError> {
        let set = Self::read(jwks)?;
        if set.keys.is_empty() {
            return Err(KeySetError::NoUsableKey);
        }
        Ok(Self { unnamed: Vec::new(), ..set })
    }

    /// Reads the JWK set of a client, whose keys may lack a `kid`: OpenID Connect Core section 10.1 demands one
    /// only where the set has several keys. See [`only_key`](Self::only_key).
    pub fn parse_of_client(jwks: &[u8]) -> Result<Self, KeySetError> {
        let set = Self::read(jwks)?;
        if set.keys.is_empty() && set.unnamed.is_empty() {
            return Err(KeySetError::NoUsableKey);
        }
        Ok(set)
    }

    fn read(jwks: &[u8]) -> Result<Self, KeySetError> {
        let mut set = strict_json::object(jwks).ok_or(KeySetError::Malformed)?;
        let Some(Value::Array(jwks)) = set.remove("keys") else { return Err(KeySetError::Malformed) };
        if jwks.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys(jwks.len()));
        }
        let (mut keys, mut unnamed) = (HashMap::new(), Vec::new());
        for jwk in jwks {
            let Value::Object(jwk) = jwk else { return Err(KeySetError::Malformed) };
            if is_private(&jwk) {
                return Err(KeySetError::PrivateKey);
            }
            let Some(kid) = jwk.get("kid").and_then(Value::as_str).map(str::to_owned) else {
                unnamed.extend(usable_key(jwk));
                continue;
            };
            let key = usable_key(jwk);
            if keys.insert(kid.clone(), key).is_some() {
                return Err(KeySetError::DuplicateKid(kid));
            }
        }
        let keys: HashMap<_, _> = keys.into_iter().filter_map(|(kid, key)| Some((kid, key?))).collect();
        Ok(Self { keys, unnamed, generation: next_generation() })
    }

    /// The key with exactly this `kid`.
    pub fn get(&self, kid: &str) -> Option<&Key> {
        self.keys.get(kid)
    }

    /// The key of a set that holds no other, for a token that names none. There is no choice then that the token
    /// could influence (RFC 8725 section 3.1).
    pub fn only_key(&self) -> Option<&Key> {
        let mut all = self.keys.values().chain(&self.unnamed);
        all.next().filter(|_| all.next().is_none())
    }

    /// A number that no other set of this process has, so that a cached result of one set is not used with
    /// another.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.keys.iter().map(|(kid, key)| (kid, key.algorithm))).finish()
    }
}

fn next_generation() -> u64 {
    static GENERATION: AtomicU64 = AtomicU64::new(0);
    GENERATION.fetch_add(1, Ordering::Relaxed)
}

fn is_private(jwk: &Map<String, Value>) -> bool {
    jwk.get("kty").is_some_and(|kty| kty == "oct")
        || PRIVATE_MEMBERS.iter().any(|name| jwk.contains_key(*name))
}

/// The parsed key; `None` when it is not for signatures or too weak.
fn usable_key(jwk: Map<String, Value>) -> Option<Key> {
    // `from_map` checks the types of the members. The verifiers of josekit check their values, `use` and
    // `key_ops`.
    let jwk = Jwk::from_map(jwk).ok()?;
    let algorithm = algorithm_of(&jwk)?;
    let verifier: Box<dyn JwsVerifier> = match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 if !rsa::is_sound(&jwk) => return None,
        Algorithm::Rs256 => Box::new(RS256.verifier_from_jwk(&jwk).ok()?),
        Algorithm::Ps256 => Box::new(PS256.verifier_from_jwk(&jwk).ok()?),
        Algorithm::Es256 => Box::new(ES256.verifier_from_jwk(&jwk).ok()?),
        // EdDSA also includes Ed448, which is not supported.
        Algorithm::EdDsa if jwk.curve() != Some("Ed25519") => return None,
        Algorithm::EdDsa => Box::new(EdDSA.verifier_from_jwk(&jwk).ok()?),
    };
    Some(Key { algorithm, verifier })
}

/// The algorithm of a key: its `alg`, or else the usual one for its type.
fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    match jwk.algorithm() {
        Some(name) => Algorithm::from_name(name),
        None => match jwk.key_type() {
            "RSA" => Some(Algorithm::Rs256),
            "EC" => Some(Algorithm::Es256),
            "OKP" => Some(Algorithm::EdDsa),
            _ => None,
        },
    }
}
