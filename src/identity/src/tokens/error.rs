//! Defines why a token request is refused. The log has these causes; the caller gets one of the fewer codes
//! of RFC 6749 section 5.2, chosen in `http`.

use std::time::Duration;

use postern_service::database::DatabaseError;

use super::{
    issue::IssueError,
    scope::{ScopeError, printable_excerpt},
};
use crate::{clients::Client, crypto::CryptoError};

/// Why a token request is refused.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The client may not use this grant type. `unauthorized_client`.
    #[error("the client may not use this grant type, only {allowed}")]
    GrantTypeNotAllowed {
        /// The grant types of the client.
        allowed: String,
    },
    /// Unknown, or the code of another client. `invalid_grant`, as all that follow up to the scope.
    #[error("the authorization code is unknown")]
    UnknownCode,
    /// The code was redeemed before; its grant is revoked now.
    #[error("the authorization code was used before")]
    CodeReplayed,
    /// The code was presented too late, and stays redeemed.
    #[error("the authorization code has expired")]
    CodeExpired,
    /// `redirect_uri` is missing or differs from the authorization request.
    #[error("redirect_uri is {found}, in the authorization request it was {expected}")]
    RedirectUriMismatch { found: String, expected: String },
    /// `code_verifier` is missing, malformed, without a challenge, or does not match (RFC 7636 section 4.6).
    #[error("code_verifier does not match the code_challenge: it is {found}")]
    CodeVerifier { found: &'static str },
    /// Unknown, or the refresh token of another client.
    #[error("the refresh token is unknown")]
    UnknownRefreshToken,
    /// The refresh token was idle for too long.
    #[error("the refresh token has expired")]
    RefreshTokenExpired,
    /// The refresh token was rotated before, and the grace period has passed; its grant is revoked now.
    #[error("the refresh token was used before")]
    RefreshTokenReused,
    /// The grant is revoked or expired, or its client, user or session has ended.
    #[error("what was allowed has ended")]
    GrantEnded,
    /// `invalid_scope` or `invalid_target`.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// Too many refreshes under one grant.
    #[error("too many requests under one grant")]
    TooManyRequests {
        /// Until the next request is accepted.
        retry_after: Duration,
    },
    #[error("no token could be signed")]
    Issue(#[from] IssueError),
    /// Sealing or opening the successor of a refresh token failed.
    #[error("a refresh token could not be sealed")]
    Crypto(#[from] CryptoError),
    /// A database operation failed.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

impl TokenError {
    /// Whether the presented refresh token can never work again. Only then may the caller delete its copy: a
    /// temporary error, or one that a corrected request avoids, must not sign the user out.
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
            | Self::RedirectUriMismatch { .. }
            | Self::CodeVerifier { .. }
            | Self::Scope(_)
            | Self::TooManyRequests { .. }
            | Self::Issue(_)
            | Self::Crypto(_)
            | Self::Database(_) => false,
        }
    }

    /// The error for a grant type that the client does not have.
    pub(super) fn grant_type_not_allowed(client: &Client) -> Self {
        let allowed: Vec<_> = client.row.grant_types.iter().map(|grant_type| grant_type.word()).collect();
        Self::GrantTypeNotAllowed { allowed: allowed.join(" and ") }
    }

    /// The error for a redirect URI that differs from the authorization request.
    pub(super) fn redirect_uri_mismatch(found: Option<&str>, expected: &str) -> Self {
        Self::RedirectUriMismatch {
            found: printable_excerpt([found.unwrap_or("missing")]),
            expected: expected.to_owned(),
        }
    }
}
