//! Defines the errors of the authorization endpoint.
//!
//! An error goes back to the client only after `client_id` and `redirect_uri` are validated. Until then the
//! error is shown to the user on a page ([`UntrustedRequest`]); afterwards the client receives an error
//! response ([`AuthorizationError`], RFC 6749 section 4.1.2.1). The redirect that carries the error is built
//! in `response`.

use std::borrow::Cow;

use crate::{explanation::Explanation, tokens::ScopeError};

/// Why the browser is not redirected: the client or its redirect URI is not validated, so a redirect could
/// lead to an attacker (RFC 6749 section 4.1.2.1, RFC 9700 section 4.11.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UntrustedRequest {
    /// `client_id` is absent or repeated.
    #[error("the request must name one client_id")]
    ClientId,
    /// No such client, or it is disabled.
    #[error("the client is unknown or disabled")]
    UnknownClient,
    /// `redirect_uri` is absent or repeated. A registered URI is never assumed in its place.
    #[error("the request must name one redirect_uri")]
    RedirectUri,
    #[error("the redirect_uri is not registered for this client")]
    UnregisteredRedirectUri,
}

/// An error response to the client (RFC 6749 section 4.1.2.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{description}")]
pub struct AuthorizationError {
    pub error: ErrorCode,
    /// Sent as `error_description`: printable ASCII without `"` and `\`.
    pub description: Cow<'static, str>,
    /// For the developer of the app; it never goes to the client.
    pub explanation: Option<Box<Explanation>>,
}

impl AuthorizationError {
    pub const fn new(error: ErrorCode, description: &'static str) -> Self {
        Self { error, description: Cow::Borrowed(description), explanation: None }
    }

    /// `invalid_request` (RFC 6749 section 4.1.2.1).
    pub const fn invalid_request(description: &'static str) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    #[must_use]
    pub fn explained(self, explanation: Explanation) -> Self {
        Self { explanation: Some(Box::new(explanation)), ..self }
    }
}

/// The description names the scope or the resource at fault.
impl From<ScopeError> for AuthorizationError {
    fn from(cause: ScopeError) -> Self {
        let error =
            if cause.concerns_resource() { ErrorCode::InvalidTarget } else { ErrorCode::InvalidScope };
        Self { error, description: Cow::Owned(cause.to_string()), explanation: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// RFC 6749 section 4.1.2.1.
    InvalidRequest,
    /// RFC 6749 section 4.1.2.1.
    UnauthorizedClient,
    /// RFC 6749 section 4.1.2.1.
    AccessDenied,
    /// RFC 6749 section 4.1.2.1.
    UnsupportedResponseType,
    /// RFC 6749 section 4.1.2.1.
    InvalidScope,
    /// RFC 8707 section 2.
    InvalidTarget,
    /// OpenID Connect Core section 3.1.2.6.
    LoginRequired,
    /// OpenID Connect Core section 3.1.2.6.
    InteractionRequired,
    /// OpenID Connect Core section 3.1.2.6.
    ConsentRequired,
    /// OpenID Connect Core section 3.1.2.6.
    RequestNotSupported,
    /// OpenID Connect Core section 3.1.2.6.
    RequestUriNotSupported,
    /// OpenID Connect Core Unmet Authentication Requirements 1.0, section 2.
    UnmetAuthenticationRequirements,
}

impl ErrorCode {
    pub const fn word(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::LoginRequired => "login_required",
            Self::InteractionRequired => "interaction_required",
            Self::ConsentRequired => "consent_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
        }
    }
}
