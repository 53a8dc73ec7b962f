//! Parses compact JWS strictly and verifies its signature (RFC 7515 sections 5.2 and 7.1, RFC 8725 section
//! 3).
//!
//! Owns the form of a token: three parts, canonical base64url, a header that is one JSON object, and no
//! header parameter that brings its own key or changes how the rest is read. Leaves to
//! [`Verifier`](crate::Verifier) what the claims must say. The rule that must not be broken: the key decides
//! which algorithm is used, never the token. The token's `alg` can only agree or be refused.
//!
//! For tokens that are not access tokens, such as an ID token that comes back as `id_token_hint`:
//!
//! ```
//! # use postern_token_verifier::{jws::{Compact, JwsError}, KeySet};
//! # fn example(token: &str, keys: &KeySet) -> Result<(), JwsError> {
//! let verified = Compact::parse(token)?.verify(keys)?;
//! assert_eq!(verified.header.alg, "RS256");
//! let claims = verified.claims()?; // expired or not: the caller decides
//! # Ok(())
//! # }
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jws::{HS256, JwsSigner as _};
use openssl::memcmp;
use serde_json::{Map, Value};

use crate::claims::Claims;
use crate::key::{Key, KeySet};
use crate::strict_json;

/// The longest accepted token, in bytes (RFC 8725 section 3.4 asks for limits).
pub const MAX_LENGTH: usize = 8 * 1024;

/// Header parameters that are refused. They would bring a key from the sender of the token (`jwk`, `jku`,
/// `x5u`, `x5c`: RFC 8725 section 3.10), require an extension that is not supported here (`crit`, `b64`: RFC
/// 7515 section 4.1.11, RFC 7797), or belong to encryption (`enc`, `zip`).
const REFUSED_PARAMETERS: [&str; 8] = ["crit", "b64", "jwk", "jku", "x5u", "x5c", "enc", "zip"];

/// Why a text is not an acceptable JWS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// The token is longer than [`MAX_LENGTH`].
    #[error("the token has {0} bytes, more than {MAX_LENGTH}")]
    TooLong(usize),
    /// Not exactly `header.payload.signature`. The JSON serialization and JWE are refused here too.
    #[error("the token does not have exactly three parts")]
    Parts,
    /// A part is not canonical base64url without padding (RFC 7515 section 2). Names the part.
    #[error("the {0} is not canonical base64url without padding")]
    Encoding(&'static str),
    /// Not one UTF-8 JSON object without duplicate members. Names the part.
    #[error("the {0} is not a JSON object without duplicate members")]
    Json(&'static str),
    /// `alg`, `kid` or `typ` is not a string, or `alg` is missing (RFC 7515 section 4.1).
    #[error("header parameter {0} must be a string")]
    HeaderType(&'static str),
    /// One of the header parameters that are never accepted.
    #[error("header parameter {0} is not accepted")]
    HeaderParameter(&'static str),
    /// The issuer has no key with this `kid`, or the token names none.
    #[error("no key of the issuer has the kid {}", shown(.0.as_deref()))]
    UnknownKey(Option<String>),
    /// `alg` is not the algorithm of the key that `kid` names.
    #[error("the token says alg {}, its key is for {key}", shown(Some(.token)))]
    Algorithm {
        /// `alg` of the token.
        token: String,
        /// The algorithm of the key.
        key: &'static str,
    },
    /// The signature is not the key's signature of this header and payload.
    #[error("the signature does not match")]
    Signature,
}

/// Formats a value from a token for a log: quoted, escaped and truncated, because an attacker may have chosen
/// it.
pub(crate) fn shown(value: Option<&str>) -> String {
    const LONGEST: usize = 64;
    match value {
        None => "(none)".to_owned(),
        Some(text) if text.chars().count() <= LONGEST => format!("{text:?}"),
        Some(text) => format!("{:?} (cut)", text.chars().take(LONGEST).collect::<String>()),
    }
}

/// The protected header (RFC 7515 section 4).
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The algorithm that the token claims. It decides nothing by itself.
    pub alg: String,
    /// The identifier of the key that the token claims.
    pub kid: Option<String>,
    /// The media type of the whole token (RFC 8725 section 3.11).
    pub typ: Option<String>,
    /// The other parameters, which this crate ignores.
    pub rest: Map<String, Value>,
}

impl Header {
    /// Whether `typ` is this media type (RFC 7515 section 4.1.9): compared without case, `application/` may
    /// be left out.
    pub fn is_type(&self, media_type: &str) -> bool {
        const PREFIX: &str = "application/";
        let Some(typ) = self.typ.as_deref() else { return false };
        let short = match typ.get(..PREFIX.len()) {
            Some(start) if start.eq_ignore_ascii_case(PREFIX) => &typ[PREFIX.len()..],
            _ => typ,
        };
        short.eq_ignore_ascii_case(media_type)
    }

    fn parse(text: &[u8]) -> Result<Self, JwsError> {
        let mut members = strict_json::object(text).ok_or(JwsError::Json("header"))?;
        if let Some(refused) = REFUSED_PARAMETERS.into_iter().find(|name| members.contains_key(*name)) {
            return Err(JwsError::HeaderParameter(refused));
        }
        let mut take = |name: &'static str| match members.remove(name) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value)),
            Some(_) => Err(JwsError::HeaderType(name)),
        };
        let alg = take("alg")?.ok_or(JwsError::HeaderType("alg"))?;
        let (kid, typ) = (take("kid")?, take("typ")?);
        Ok(Self { alg, kid, typ, rest: members })
    }
}

/// A well-formed compact JWS whose signature has not been checked.
///
/// It has no `Debug`: header, payload and signature together are a credential.
pub struct Compact<'token> {
    header: Header,
    payload: Vec<u8>,
    signature: Vec<u8>,
    /// The bytes `header.payload` of the token, over which the signature is computed (RFC 7515 section 5.2,
    /// step 8).
    signing_input: &'token [u8],
}

/// A JWS whose signature was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedJws {
    /// The protected header.
    pub header: Header,
    /// The payload: any bytes, as JWS allows.
    pub payload: Vec<u8>,
}

impl<'token> Compact<'token> {
    /// Parses a token. Nothing in it is trustworthy yet.
    pub fn parse(token: &'token str) -> Result<Self, JwsError> {
        if token.len() > MAX_LENGTH {
            return Err(JwsError::TooLong(token.len()));
        }
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(JwsError::Parts);
        };
        Ok(Self {
            header: Header::parse(&decode("header", header)?)?,
            payload: decode("payload", payload)?,
            signature: decode("signature", signature)?,
            signing_input: &token.as_bytes()[..header.len() + 1 + payload.len()],
        })
    }

    /// The unverified header: use it to choose a key, and for nothing else.
    pub fn unverified_header(&self) -> &Header {
        &self.header
    }

    /// The unverified claims: use them to find out whose key verifies the token, and for nothing else.
    pub fn unverified_claims(&self) -> Result<Claims, JwsError> {
        strict_json::object(&self.payload).map(Claims::new).ok_or(JwsError::Json("payload"))
    }

    /// Verifies the signature with the one key that `kid` names, by the algorithm of that key.
    ///
    /// A token without `kid` is refused: trying one key after the other would let the token choose (RFC 8725
    /// section 3.1).
    pub fn verify(self, keys: &KeySet) -> Result<VerifiedJws, JwsError> {
        let kid = self.header.kid.as_deref();
        let key =
            kid.and_then(|kid| keys.get(kid)).ok_or_else(|| JwsError::UnknownKey(kid.map(str::to_owned)))?;
        self.verify_with(key)
    }

    /// Verifies the signature with a key that the caller chose, by the algorithm of that key.
    pub fn verify_with(self, key: &Key) -> Result<VerifiedJws, JwsError> {
        if self.header.alg != key.algorithm().name() {
            return Err(JwsError::Algorithm { token: self.header.alg, key: key.algorithm().name() });
        }
        if !key.verifies(self.signing_input, &self.signature) {
            return Err(JwsError::Signature);
        }
        Ok(VerifiedJws { header: self.header, payload: self.payload })
    }

    /// Verifies an HMAC with SHA-256 (HS256, RFC 7518 section 3.2) under a secret that the caller shares with the
    /// sender. A token of any other algorithm is refused.
    pub fn verify_hs256(self, secret: &[u8]) -> Result<VerifiedJws, JwsError> {
        const HS256_NAME: &str = "HS256";
        if self.header.alg != HS256_NAME {
            return Err(JwsError::Algorithm { token: self.header.alg, key: HS256_NAME });
        }
        // A secret shorter than the hash is refused (RFC 7518 section 3.2). The verifier of josekit does not compare in
        // constant time, so the expected value is computed and compared here.
        let signer = HS256.signer_from_bytes(secret).map_err(|_| JwsError::Signature)?;
        let expected = signer.sign(self.signing_input).map_err(|_| JwsError::Signature)?;
        if expected.len() == self.signature.len() && memcmp::eq(&expected, &self.signature) {
            Ok(VerifiedJws { header: self.header, payload: self.payload })
        } else {
            Err(JwsError::Signature)
        }
    }
}

impl VerifiedJws {
    /// Parses the payload as claims: one JSON object (RFC 7519 section 7.2, step 10).
    pub fn claims(&self) -> Result<Claims, JwsError> {
        strict_json::object(&self.payload).map(Claims::new).ok_or(JwsError::Json("payload"))
    }
}

/// Base64url (RFC 7515 section 2). The engine refuses padding, other characters and non-zero bits after the
/// end.
fn decode(part: &'static str, text: &str) -> Result<Vec<u8>, JwsError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| JwsError::Encoding(part))
}
