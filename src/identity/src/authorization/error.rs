//! Defines the errors of the authorization endpoint: those that go to the client, and those that must not.
//!
//! Where an error may go is decided by one thing: whether client and redirect URI are proven. Until then
//! it is a page ([`Untrusted`]), afterwards an error response to the client ([`Refusal`]).

use std::borrow::Cow;

use crate::tokens::ScopeError;

/// Why nobody gets a redirect: it is not certain who asked, or where they registered to be answered
/// (RFC 6749 section 4.1.2.1, RFC 9700 section 4.11.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// `client_id` is absent or repeated.
    #[error("the request must name one client_id")]
    ClientId,
    /// No such client, or it is disabled.
    #[error("the client is unknown or disabled")]
    UnknownClient,
    /// `redirect_uri` is absent or repeated. One that is registered is never assumed.
    #[error("the request must name one redirect_uri")]
    RedirectUri,
    /// `redirect_uri` is not registered for the client.
    #[error("the redirect_uri is not registered for this client")]
    UnregisteredRedirectUri,
}

/// An error response to the client (RFC 6749 section 4.1.2.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{description}")]
pub struct Refusal {
    /// What programs decide by.
    pub error: ErrorCode,
    /// What developers read. It goes out as `error_description`: printable ASCII without `"` and `\`.
    pub description: Cow<'static, str>,
}

impl Refusal {
    /// An error with its explanation.
    pub const fn new(error: ErrorCode, description: &'static str) -> Self {
        Self { error, description: Cow::Borrowed(description) }
    }
}

/// What is wrong with the scope or the resource, by name.
impl From<ScopeError> for Refusal {
    fn from(cause: ScopeError) -> Self {
        let error = if cause.of_target() { ErrorCode::InvalidTarget } else { ErrorCode::InvalidScope };
        Self { error, description: Cow::Owned(cause.to_string()) }
    }
}

/// The `error` values that this endpoint sends.
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
    /// As in the `error` parameter.
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
