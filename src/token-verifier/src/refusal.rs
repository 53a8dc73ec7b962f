//! Defines [`Refusal`], the causes for which a token is refused, one variant for each.

use crate::claims::ClaimError;
use crate::jws::{JwsError, shown};

/// Why a token is refused.
///
/// `Display` is for the log of the resource server: it contains the expected and the received value. The
/// caller gets [`description`](Self::description), which repeats nothing from the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Not a well-formed JWS, not signed with the key that it names, or signed with an unknown key.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// A claim is missing or has the wrong type.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// `alg` is not one that the policy allows (RFC 8725 section 3.1).
    #[error("the token says alg {}, which the policy does not allow", shown(Some(.0)))]
    Algorithm(String),
    /// `typ` is not `at+jwt`: an ID token, a logout token, ... (RFC 9068 section 4).
    #[error("the token has typ {}, not \"at+jwt\"", shown(.0.as_deref()))]
    Type(Option<String>),
    /// The token is from another issuer.
    #[error("the token is of the issuer {}", shown(Some(.0)))]
    Issuer(String),
    /// The token is for another audience.
    #[error("the token is for the audience {}", shown(.0.first().map(String::as_str)))]
    Audience(Vec<String>),
    /// The token has expired.
    #[error("the token expired at {exp}, it is {now}")]
    Expired {
        /// `exp` of the token.
        exp: i64,
        /// The time of the check.
        now: i64,
    },
    /// The token is not valid yet.
    #[error("the token is valid from {nbf} on, it is {now}")]
    NotYetValid {
        /// `nbf` of the token.
        nbf: i64,
        /// The time of the check.
        now: i64,
    },
    /// The token was issued in the future: one of the clocks is wrong, or the token is forged.
    #[error("the token was issued at {iat}, it is {now}")]
    IssuedInTheFuture {
        /// `iat` of the token.
        iat: i64,
        /// The time of the check.
        now: i64,
    },
    /// `cnf` binds the token to a key, and a bearer request does not prove possession of that key (RFC 9449
    /// section 7.2, RFC 8705 section 3).
    #[error("the token is bound to a key and cannot be used as a bearer token")]
    SenderConstrained,
    /// The issuer's keys were never fetched or are too old, or the token names an unknown key that could not
    /// be looked up at this moment. This says nothing about the token.
    #[error("the keys of the issuer are not available")]
    KeysUnavailable,
}

impl Refusal {
    /// The `error` code for the caller (RFC 6750 section 3.1): `invalid_token`. `None` when the token could
    /// not be verified at all, which is answered with status 503.
    pub fn error_code(&self) -> Option<&'static str> {
        (*self != Self::KeysUnavailable).then_some("invalid_token")
    }

    /// A sentence for the caller's developer, safe in a header and without anything from the token.
    pub fn description(&self) -> &'static str {
        match self {
            Self::Jws(JwsError::UnknownKey(_)) => "The access token is signed with an unknown key",
            Self::Jws(JwsError::Signature) => "The signature of the access token is wrong",
            Self::Jws(JwsError::Algorithm { .. }) | Self::Algorithm(_) => {
                "The access token is signed with a wrong algorithm"
            }
            Self::Jws(_) => "The access token is malformed",
            Self::Claim(_) => "The access token lacks a claim or has one of the wrong type",
            Self::Type(_) => "The token is not an access token",
            Self::Issuer(_) => "The access token is of another issuer",
            Self::Audience(_) => "The access token is not meant for this resource",
            Self::Expired { .. } => "The access token expired",
            Self::NotYetValid { .. } | Self::IssuedInTheFuture { .. } => "The access token is not valid yet",
            Self::SenderConstrained => "The access token is bound to a key and needs its proof",
            Self::KeysUnavailable => "The access token cannot be checked at the moment",
        }
    }
}
