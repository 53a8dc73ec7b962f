//! Defines [`AccessToken`]: the claims of a JWT access token (RFC 9068 section 2.2).

use serde_json::{Map, Value};

use crate::claims::{ClaimError, Claims};

/// An access token that was verified. Times are whole seconds since the epoch.
///
/// The pair (`iss`, `sub`) identifies the caller, never an email or a name.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AccessToken {
    /// The issuer (RFC 9068 section 2.2).
    pub iss: String,
    /// The user, or the client itself when it acts in its own right (then `sub` equals `client_id`).
    pub sub: String,
    /// The audiences of the token: the resource servers that may accept it.
    pub aud: Vec<String>,
    /// The client that the token was issued to.
    pub client_id: String,
    /// The granted scopes; empty when the token has no `scope`.
    pub scope: Vec<String>,
    /// The unique identifier of the token.
    pub jti: String,
    /// The session of the user at the issuer; `None` for a client in its own right.
    pub sid: Option<String>,
    /// When the user last authenticated.
    pub auth_time: Option<i64>,
    /// The authentication level that was reached (OpenID Connect Core section 2).
    pub acr: Option<String>,
    /// The authentication methods that were used (RFC 8176).
    pub amr: Vec<String>,
    /// When the token expires.
    pub exp: i64,
    /// When the token was issued.
    pub iat: i64,
    /// When the token becomes valid.
    pub nbf: Option<i64>,
    /// All claims that have no field of their own.
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

    /// Reads the claims. RFC 9068 section 2.2 says which are required; each must have its type.
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
