//! Defines `OAuthError`: the error response of the protocol endpoints (RFC 6749 section 5.2).
//!
//! The caller learns the code, a description and a reference. The log learns the cause, once, where the cause
//! is converted to an `OAuthError`. Causes that would tell an attacker what a stolen value is share one
//! description.

use std::{borrow::Cow, error::Error as StdError, time::Duration};

use poem::{
    Endpoint, IntoResponse, Request, Response,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use postern_service::{
    body::BodyError,
    database::DatabaseError,
    problem::retry_after,
    telemetry::{CurrentRequest, log_failure},
};
use postern_token_verifier::{Refusal, poem::BearerCause};
use serde::{Serialize, ser::SerializeMap};

use super::{oidc::client_authentication::ClientAuthenticationError, presented_token::PresentedTokenError};
use crate::{
    App,
    clients::Client,
    keys::SignError,
    login::LoginError,
    tokens::{
        IssueError, TokenError, access_token::AccessTokenError, introspection::IntrospectionError,
        revocation::RevocationError,
    },
};

/// How long to wait for a database or a signature.
const RETRY_DELAY: Duration = Duration::from_secs(1);

tokio::task_local! {
    /// The provider that handles the current request. Code that makes an error has no `App`, but the error
    /// contains the URL of the issuer's page about its reference.
    static PROVIDER: App;
}

/// Lets the errors of `endpoint` contain the URL of an error page of this issuer.
pub fn with_error_pages<E: Endpoint>(app: &App, endpoint: E) -> impl Endpoint<Output = E::Output> + use<E> {
    WithErrorPages { app: app.clone(), endpoint }
}

struct WithErrorPages<E> {
    app: App,
    endpoint: E,
}

impl<E: Endpoint> Endpoint for WithErrorPages<E> {
    type Output = E::Output;

    async fn call(&self, request: Request) -> poem::Result<E::Output> {
        PROVIDER.scope(self.app.clone(), self.endpoint.call(request)).await
    }
}

/// The URL of the page about this request's reference.
fn error_uri() -> Option<String> {
    let CurrentRequest { id, .. } = CurrentRequest::current()?;
    PROVIDER.try_with(|app| app.config.error_page(id)).ok()
}

/// An error response of a protocol endpoint.
#[derive(Clone, Debug)]
pub struct OAuthError(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    status: StatusCode,
    error: &'static str,
    description: Cow<'static, str>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl OAuthError {
    /// An error with status 400. The description is for the client's developer: printable ASCII without
    /// quotes and backslashes (RFC 6749 section 5.2), and nothing secret.
    pub fn new(error: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        let description = description.into();
        let status = StatusCode::BAD_REQUEST;
        Self(Box::new(Parts { status, error, description, headers: Vec::new() }))
    }

    /// The request is malformed, or lacks a parameter.
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new("invalid_request", description)
    }

    /// Client authentication failed. Only a client that used the header gets a challenge (RFC 6749 section
    /// 5.2).
    pub fn invalid_client(by_header: bool) -> Self {
        let error =
            Self::new("invalid_client", "client authentication failed").with_status(StatusCode::UNAUTHORIZED);
        if by_header {
            return error.with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Postern\""));
        }
        error
    }

    /// A temporary failure. Logs the cause.
    pub(super) fn unavailable(cause: &dyn StdError) -> Self {
        log_failure(cause);
        Self::new("temporarily_unavailable", "try again later")
            .with_status(StatusCode::SERVICE_UNAVAILABLE)
            .with_retry_after(RETRY_DELAY)
    }

    /// An internal error. Logs the cause.
    fn internal(cause: &dyn StdError) -> Self {
        log_failure(cause);
        Self::new("server_error", "the request could not be answered")
            .with_status(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// A rate limit was reached. RFC 6749 has no code for this; the status is 429.
    pub fn too_many_requests(retry_after: Duration) -> Self {
        Self::new("temporarily_unavailable", "too many requests")
            .with_status(StatusCode::TOO_MANY_REQUESTS)
            .with_retry_after(retry_after)
    }

    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    fn with_retry_after(self, wait: Duration) -> Self {
        self.with_header(RETRY_AFTER, retry_after(wait))
    }
}

impl OAuthError {
    /// Why a client's token request gets nothing. The log learns what came and what was expected.
    pub fn from_token_error(app: &App, client: &Client, grant_type: &str, cause: TokenError) -> Self {
        use TokenError as E;
        if let Some(explanation) = cause.explanation(client, grant_type, &app.resources()) {
            app.explain(client.client_id(), explanation);
        }
        match cause {
            E::Database(cause) => return cause.into(),
            E::Issue(cause) => return cause.into(),
            E::Crypto(_) => return Self::internal(&cause),
            E::TooManyRequests { .. } => {
                tracing::info!(client_id = client.client_id(), grant_type, %cause, "token request refused");
            }
            _ => {}
        }
        match cause {
            E::GrantTypeNotAllowed { .. } => {
                Self::new("unauthorized_client", "the client may not use this grant type")
            }
            E::TooManyRequests { retry_after } => Self::too_many_requests(retry_after),
            E::Scope(cause) => {
                let error = if cause.concerns_resource() { "invalid_target" } else { "invalid_scope" };
                Self::new(error, cause.to_string())
            }
            // RFC 6749 section 5.2 has one code for all of these. Only the log says which one it was.
            _ => Self::new("invalid_grant", "the code or refresh token is not valid for this request"),
        }
    }
}

impl From<PresentedTokenError> for OAuthError {
    fn from(cause: PresentedTokenError) -> Self {
        use AccessTokenError as E;
        use PresentedTokenError as R;
        let cause = match cause {
            R::Token(E::Database(cause)) | R::Login(LoginError::Database(cause)) => return cause.into(),
            cause => cause,
        };
        let (description, status) = match &cause {
            R::Presentation(BearerCause::InvalidRequest(rule)) => (*rule, StatusCode::BAD_REQUEST),
            // Without a token the challenge names no error (RFC 6750 section 3.1).
            R::Presentation(_) => {
                return Self::new("invalid_token", "an access token is needed")
                    .with_status(StatusCode::UNAUTHORIZED)
                    .with_header(WWW_AUTHENTICATE, cause.challenge(None));
            }
            // The token may be valid. A client that is told `invalid_token` would discard it.
            R::Token(E::InvalidToken(Refusal::KeysUnavailable)) => return Self::unavailable(&cause),
            R::Token(E::InvalidToken(refusal)) => (refusal.description(), StatusCode::UNAUTHORIZED),
            R::Token(E::NotFirstParty { .. }) => {
                return Self::new("unauthorized_client", "the client may not use this API")
                    .with_status(StatusCode::FORBIDDEN);
            }
            R::Login(_) => return Self::internal(&cause),
            R::InsufficientScope { .. } => ("the access token lacks a scope", StatusCode::FORBIDDEN),
            R::InsufficientAuthentication(_) => {
                ("a newer or stronger sign-in is needed", StatusCode::UNAUTHORIZED)
            }
            R::Token(_) | R::AuthorityEnded => ("the access token has ended", StatusCode::UNAUTHORIZED),
        };
        if status != StatusCode::BAD_REQUEST {
            tracing::info!(%cause, "access token refused");
        }
        let error = cause.error_code().unwrap_or("invalid_token");
        Self::new(error, description)
            .with_status(status)
            .with_header(WWW_AUTHENTICATE, cause.challenge(Some(description)))
    }
}

impl From<ClientAuthenticationError> for OAuthError {
    fn from(cause: ClientAuthenticationError) -> Self {
        use ClientAuthenticationError as E;
        match cause {
            E::SeveralMethods | E::OtherClientId | E::MalformedAssertion(_) => {
                Self::invalid_request(cause.to_string())
            }
            E::Rejected { by_header } => Self::invalid_client(by_header),
            E::Vault(_) => Self::internal(&cause),
            E::TooManyFailures { retry_after } => Self::too_many_requests(retry_after),
            E::Database(cause) => cause.into(),
        }
    }
}

impl From<RevocationError> for OAuthError {
    fn from(cause: RevocationError) -> Self {
        match cause {
            RevocationError::OtherClient => {
                tracing::info!(%cause, "revocation refused");
                Self::new("invalid_grant", "the token was issued to another client")
            }
            RevocationError::KeysUnavailable => Self::unavailable(&cause),
            RevocationError::Database(cause) => cause.into(),
        }
    }
}

impl From<IssueError> for OAuthError {
    fn from(cause: IssueError) -> Self {
        match cause {
            IssueError::Sign(SignError::Busy(cause)) => Self::unavailable(&cause),
            IssueError::Database(cause) => cause.into(),
            cause => Self::internal(&cause),
        }
    }
}

impl From<IntrospectionError> for OAuthError {
    fn from(cause: IntrospectionError) -> Self {
        match cause {
            IntrospectionError::KeysUnavailable => Self::unavailable(&cause),
            IntrospectionError::Database(cause) => cause.into(),
        }
    }
}

impl From<DatabaseError> for OAuthError {
    fn from(cause: DatabaseError) -> Self {
        match cause {
            DatabaseError::Unavailable(_) => Self::unavailable(&cause),
            _ => Self::internal(&cause),
        }
    }
}

impl From<BodyError> for OAuthError {
    fn from(cause: BodyError) -> Self {
        let status = match cause {
            BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::TimedOut => StatusCode::REQUEST_TIMEOUT,
            BodyError::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            BodyError::Broken => StatusCode::BAD_REQUEST,
        };
        Self::invalid_request(cause.to_string()).with_status(status)
    }
}

/// The members of RFC 6749 section 5.2. `error_uri` ends in the reference by which the log identifies the
/// request.
impl Serialize for OAuthError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("error", self.0.error)?;
        map.serialize_entry("error_description", &self.0.description)?;
        if let Some(uri) = error_uri() {
            map.serialize_entry("error_uri", &uri)?;
        }
        map.end()
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let mut response = Response::builder()
            .status(self.0.status)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
            .header(PRAGMA, HeaderValue::from_static("no-cache"))
            .body(serde_json::to_vec(&self).unwrap_or_default());
        for (name, value) in self.0.headers {
            response.headers_mut().append(name, value);
        }
        response
    }
}

/// The error becomes a finished response, which the middlewares that format other errors leave unchanged.
impl From<OAuthError> for poem::Error {
    fn from(error: OAuthError) -> Self {
        Self::from_response(error.into_response())
    }
}
