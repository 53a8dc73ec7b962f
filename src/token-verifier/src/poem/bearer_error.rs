//! Defines [`BearerError`], the error responses of a protected resource (RFC 6750 section 3).

use std::sync::Arc;

use ::poem::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use ::poem::http::{HeaderValue, StatusCode};
use ::poem::{IntoResponse, Response};
use serde_json::json;

use super::Challenge;
use crate::refusal::Refusal;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BearerCause {
    /// No `Authorization` header, or another scheme.
    #[error("the request has no bearer token")]
    NoCredentials,
    /// The request is malformed (RFC 6750 section 3.1, `invalid_request`).
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The token is not acceptable.
    #[error(transparent)]
    Token(#[from] Refusal),
    /// The token is valid but does not grant this scope.
    #[error("the token does not grant the scope {0:?}")]
    InsufficientScope(String),
    /// The routes have no verifier: a defect of this service.
    #[error("the routes have no verifier")]
    NoVerifier,
}

/// A refused request. As a [`poem::Error`](::poem::Error) it carries its finished response (problem+json with
/// the right `WWW-Authenticate`), and itself as data (`error.data::<BearerError>()`) for services that write
/// their own response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct BearerError {
    realm: Arc<str>,
    cause: BearerCause,
}

impl BearerError {
    pub(super) fn new(realm: Arc<str>, cause: BearerCause) -> Self {
        Self { realm, cause }
    }

    pub(super) fn no_verifier() -> Self {
        Self::new(Arc::from(""), BearerCause::NoVerifier)
    }

    /// The cause, for the log.
    pub fn cause(&self) -> &BearerCause {
        &self.cause
    }

    /// The status (RFC 6750 section 3.1). It is 503 when the issuer's keys are not available: the token may
    /// be valid, and a client that gets 401 would discard it.
    pub fn status(&self) -> StatusCode {
        match &self.cause {
            BearerCause::InvalidRequest(_) => StatusCode::BAD_REQUEST,
            BearerCause::Token(Refusal::KeysUnavailable) => StatusCode::SERVICE_UNAVAILABLE,
            BearerCause::NoCredentials | BearerCause::Token(_) => StatusCode::UNAUTHORIZED,
            BearerCause::InsufficientScope(_) => StatusCode::FORBIDDEN,
            BearerCause::NoVerifier => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The error code of RFC 6750 section 3.1. `None` for a request without credentials, which is no error
    /// yet, and for failures of this service.
    pub fn error_code(&self) -> Option<&'static str> {
        match &self.cause {
            BearerCause::NoCredentials | BearerCause::NoVerifier => None,
            BearerCause::InvalidRequest(_) => Some("invalid_request"),
            BearerCause::Token(refusal) => refusal.error_code(),
            BearerCause::InsufficientScope(_) => Some("insufficient_scope"),
        }
    }

    /// A sentence for the caller's developer, without anything from the token.
    pub fn description(&self) -> &'static str {
        match &self.cause {
            BearerCause::NoCredentials => "This needs an access token in the Authorization header",
            BearerCause::InvalidRequest(what) => what,
            BearerCause::Token(refusal) => refusal.description(),
            BearerCause::InsufficientScope(_) => "The access token does not grant the scope that this needs",
            BearerCause::NoVerifier => "The request could not be answered",
        }
    }

    /// The value of `WWW-Authenticate` (RFC 6750 section 3). `None` for 503 and 500, where other credentials
    /// do not help.
    pub fn challenge(&self) -> Option<HeaderValue> {
        if self.status().is_server_error() {
            return None;
        }
        let mut challenge = Challenge::new(&self.realm);
        if let Some(code) = self.error_code() {
            challenge = challenge.error(code).error_description(self.description());
        }
        if let BearerCause::InsufficientScope(scope) = &self.cause {
            challenge = challenge.scope(scope);
        }
        Some(challenge.header_value())
    }

    fn log(&self) {
        match &self.cause {
            BearerCause::NoCredentials => {}
            BearerCause::NoVerifier => {
                tracing::error!(cause = %self.cause, "a protected route cannot check tokens");
            }
            BearerCause::Token(Refusal::KeysUnavailable) => {
                tracing::warn!(cause = %self.cause, "a token was not checked");
            }
            cause => tracing::info!(%cause, "a request was refused"),
        }
    }
}

impl IntoResponse for BearerError {
    fn into_response(self) -> Response {
        let status = self.status();
        let kind = match status {
            StatusCode::UNAUTHORIZED => self.error_code().unwrap_or("unauthenticated"),
            StatusCode::SERVICE_UNAVAILABLE => "unavailable",
            StatusCode::INTERNAL_SERVER_ERROR => "internal",
            _ => self.error_code().unwrap_or("forbidden"),
        };
        let problem = json!({
            "type": format!("urn:postern:problem:{kind}"),
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": self.description(),
        });
        let mut response = Response::builder()
            .status(status)
            .header(CONTENT_TYPE, "application/problem+json")
            .header(CACHE_CONTROL, "no-store")
            .body(problem.to_string());
        if let Some(challenge) = self.challenge() {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

impl From<BearerError> for ::poem::Error {
    fn from(error: BearerError) -> Self {
        error.log();
        let mut answer = Self::from_response(error.clone().into_response());
        answer.set_data(error);
        answer
    }
}
