//! Defines why a token request gets nothing: the causes, which the log learns; the caller learns fewer.

use std::time::Duration;

use postern_service::database::DatabaseError;

use super::{
    issue::IssueError,
    scope::{ScopeError, shown},
};
use crate::{clients::Client, crypto::CryptoError};

/// Why a token request gets nothing.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The client is not registered for this grant type. `unauthorized_client`.
    #[error("the client may not use this grant type, only {allowed}")]
    GrantTypeNotAllowed {
        /// Those it may use.
        allowed: String,
    },
    /// No such code, or another client's. `invalid_grant`, as all that follow up to the scope.
    #[error("the authorization code is unknown")]
    UnknownCode,
    /// The code was redeemed before; its grant has ended now.
    #[error("the authorization code was used before")]
    CodeReplayed,
    /// The code was redeemed too late, and stays consumed.
    #[error("the authorization code has expired")]
    CodeExpired,
    /// `redirect_uri` is not the one of the authorization request, or missing.
    #[error("redirect_uri is {found}, in the authorization request it was {expected}")]
    RedirectUri {
        /// What came.
        found: String,
        /// What the code was issued for.
        expected: String,
    },
    /// `code_verifier` is missing, malformed, not asked for or does not match (RFC 7636 section 4.6).
    #[error("code_verifier does not match the code_challenge")]
    CodeVerifier,
    /// No such refresh token, or another client's.
    #[error("the refresh token is unknown")]
    UnknownRefreshToken,
    /// The refresh token was not used in time.
    #[error("the refresh token has expired")]
    RefreshTokenExpired,
    /// The refresh token was replaced longer ago than the grace; its grant has ended now.
    #[error("the refresh token was used before")]
    RefreshTokenReused,
    /// The grant was revoked or has ended, or its client, user or session has.
    #[error("what was allowed has ended")]
    GrantEnded,
    /// `invalid_scope` or `invalid_target`.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// Too often.
    #[error("too many requests under one grant")]
    TooManyRequests {
        /// When it may be tried again.
        retry_after: Duration,
    },
    /// Nothing could be signed.
    #[error("no token could be signed")]
    Issue(#[from] IssueError),
    /// A successor could not be sealed.
    #[error("a refresh token could not be sealed")]
    Crypto(#[from] CryptoError),
    /// The database did not answer.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

impl TokenError {
    /// Whether the refresh token that was presented can never work again. Whoever keeps it may forget it then, and only
    /// then: what passes, or what another request can mend, must not sign anybody out.
    pub fn ends_refresh_token(&self) -> bool {
        match self {
            Self::UnknownRefreshToken
            | Self::RefreshTokenExpired
            | Self::RefreshTokenReused
            | Self::GrantEnded => true,
            Self::GrantTypeNotAllowed { .. }
            | Self::UnknownCode
            | Self::CodeReplayed
            | Self::CodeExpired
            | Self::RedirectUri { .. }
            | Self::CodeVerifier
            | Self::Scope(_)
            | Self::TooManyRequests { .. }
            | Self::Issue(_)
            | Self::Crypto(_)
            | Self::Database(_) => false,
        }
    }

    /// A client asked by a grant type that is not among its own.
    pub(super) fn grant_type_not_allowed(client: &Client) -> Self {
        let allowed: Vec<_> = client.grant_types.iter().map(|grant_type| grant_type.word()).collect();
        Self::GrantTypeNotAllowed { allowed: allowed.join(" and ") }
    }

    /// A code came with another redirect URI than it was issued for.
    pub(super) fn redirect_uri(found: Option<&str>, expected: &str) -> Self {
        Self::RedirectUri { found: shown([found.unwrap_or("missing")]), expected: expected.to_owned() }
    }
}
