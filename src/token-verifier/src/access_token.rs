//! Defines [`AccessToken`]: the claims of a JWT access token (RFC 9068 section 2.2).

use serde_json::{Map, Value};

use crate::claims::{ClaimError, Claims};

/// An access token that was found acceptable. Times are whole seconds since the epoch.
///
/// Who is calling is (`iss`, `sub`), never an email address or a name.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AccessToken {
    /// The issuer.
    pub iss: String,
    /// The user, or the client itself when it acts in its own right (`sub` equals `client_id` then).
    pub sub: String,
    /// Whom the token is for.
    pub aud: Vec<String>,
    /// The client it was issued to.
    pub client_id: String,
    /// What it allows; empty when the token has no `scope`.
    pub scope: Vec<String>,
    /// Its identifier.
    pub jti: String,
    /// The session of the user at the issuer; none for a client in its own right.
    pub sid: Option<String>,
    /// When the user last proved who they are.
    pub auth_time: Option<i64>,
    /// How strongly they did (OpenID Connect Core section 2).
    pub acr: Option<String>,
    /// By which methods (RFC 8176).
    pub amr: Vec<String>,
    /// From when on it is not valid any more.
    pub exp: i64,
    /// When it was issued.
    pub iat: i64,
    /// From when on it is valid.
    pub nbf: Option<i64>,
    /// All other claims.
    pub other: Map<String, Value>,
}

impl AccessToken {
    /// Whether the token grants this one scope, compared exactly (RFC 6749 section 3.3).
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.iter().any(|granted| granted == scope)
    }

    /// Whether the token is for this audience, compared exactly (RFC 9068 section 4).
    pub fn has_audience(&self, audience: &str) -> bool {
        self.aud.iter().any(|named| named == audience)
    }

    /// Reads the claims with the types and the presence that RFC 9068 section 2.2 asks for.
    pub(crate) fn from_claims(mut claims: Claims) -> Result<Self, ClaimError> {
        Ok(Self {
            iss: claims.require_string("iss")?,
            sub: claims.require_string("sub")?,
            aud: claims.require_audience()?,
            client_id: claims.require_string("client_id")?,
            scope: claims.take_scope()?,
            jti: claims.require_string("jti")?,
            sid: claims.take_string("sid")?,
            auth_time: claims.take_seconds("auth_time")?,
            acr: claims.take_string("acr")?,
            amr: claims.take_strings("amr")?,
            exp: claims.require_seconds("exp")?,
            iat: claims.require_seconds("iat")?,
            nbf: claims.take_seconds("nbf")?,
            other: claims.into_rest(),
        })
    }
}
