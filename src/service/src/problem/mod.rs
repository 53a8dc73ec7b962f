//! Defines the error responses of the JSON APIs: problem details (RFC 9457).
//!
//! Every problem has a stable `type`, `urn:postern:problem:<name>`, that programs decide by. `title` and
//! `detail` are for people and may change. `instance` is `urn:postern:request:<id>`, with the ID of the
//! request in the log. Problems are never cached.
//!
//! [`Problem`] is what a handler returns. [`respond`] converts every other error of the web framework into
//! one, so that a malformed body, an unknown path or a wrong method are answered in the same form. The caller
//! learns only the kind; the cause is logged, once.

mod document;
mod framework;
mod kinds;

use std::{borrow::Cow, fmt, time::Duration};

use poem::{
    Body, IntoResponse, Response,
    error::ResponseError,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

pub use self::{
    document::Problems,
    framework::respond,
    kinds::{
        CONFLICT, FORBIDDEN, INTERNAL, MALFORMED, METHOD_NOT_ALLOWED, NOT_FOUND, ProblemKind,
        REQUEST_TIMEOUT, TOO_LARGE, TOO_MANY_REQUESTS, UNAUTHENTICATED, UNAVAILABLE, UNSUPPORTED_MEDIA_TYPE,
    },
};
use crate::{
    database::DatabaseError,
    telemetry::{CurrentRequest, log_failure},
};

pub const MEDIA_TYPE: &str = "application/problem+json";

/// `Retry-After` while the database is unavailable.
const DATABASE_RETRY_AFTER: Duration = Duration::from_secs(2);

/// An error response. Boxed, so that a `Result` with it stays small.
#[derive(Clone)]
pub struct Problem(Box<Parts>);

#[derive(Clone)]
struct Parts {
    kind: ProblemKind,
    detail: Option<Cow<'static, str>>,
    field: Option<String>,
    members: Vec<(&'static str, Value)>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The value of `Retry-After` (RFC 9110 section 10.2.3): seconds, rounded up, because a client that comes a moment early is
/// refused again.
pub fn retry_after(wait: Duration) -> HeaderValue {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    HeaderValue::from(seconds.max(1))
}

impl Problem {
    pub fn new(kind: ProblemKind) -> Self {
        Self(Box::new(Parts { kind, detail: None, field: None, members: Vec::new(), headers: Vec::new() }))
    }

    /// A failure of this service. `cause` is logged with its sources; the caller gets only the ID of the
    /// request.
    pub fn internal(cause: &dyn std::error::Error) -> Self {
        log_failure(cause);
        Self::new(INTERNAL)
    }

    /// A transient failure, such as an unavailable database. `cause` is logged with its sources.
    pub fn unavailable(cause: &dyn std::error::Error, retry_after: Duration) -> Self {
        log_failure(cause);
        Self::new(UNAVAILABLE).retry_after(retry_after)
    }

    /// What went wrong this time, for people. Never contains a secret, and never the cause of an internal
    /// error.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// The member of the body or the parameter that is wrong: `title`, `address.country`.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// An extension member (RFC 9457 section 3.2), such as `methods` of `mfa_required`.
    #[must_use]
    pub fn with(mut self, member: &'static str, value: impl Into<Value>) -> Self {
        self.0.members.push((member, value.into()));
        self
    }

    /// `Retry-After` in whole seconds, at least one (RFC 9110 section 10.2.3).
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        self.header(RETRY_AFTER, retry_after(wait))
    }

    /// `WWW-Authenticate`, one challenge (RFC 9110 section 11.6.1).
    #[must_use]
    pub fn www_authenticate(self, challenge: HeaderValue) -> Self {
        self.header(WWW_AUTHENTICATE, challenge)
    }

    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    pub fn kind(&self) -> ProblemKind {
        self.0.kind
    }
}

/// An unavailable database is transient; any other database error is a defect of this program.
impl From<DatabaseError> for Problem {
    fn from(cause: DatabaseError) -> Self {
        match cause {
            DatabaseError::Unavailable(_) => Self::unavailable(&cause, DATABASE_RETRY_AFTER),
            _ => Self::internal(&cause),
        }
    }
}

impl From<ProblemKind> for Problem {
    fn from(kind: ProblemKind) -> Self {
        Self::new(kind)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.kind.name)
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { kind, detail, field, .. } = &*self.0;
        f.debug_struct("Problem")
            .field("kind", &kind.name)
            .field("detail", detail)
            .field("field", field)
            .finish()
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.0.kind.status
    }

    fn as_response(&self) -> Response {
        let mut response = Response::builder()
            .status(self.0.kind.status)
            .header(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))
            .header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
            .body(Body::from_vec(serde_json::to_vec(self).unwrap_or_default()));
        for (name, value) in &self.0.headers {
            response.headers_mut().append(name, value.clone());
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.as_response()
    }
}

/// The members of RFC 9457 section 3.1, then ours.
impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Parts { kind, detail, field, members, .. } = &*self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &kind.uri())?;
        map.serialize_entry("title", kind.title)?;
        map.serialize_entry("status", &kind.status.as_u16())?;
        if let Some(detail) = detail {
            map.serialize_entry("detail", detail)?;
        }
        if let Some(CurrentRequest { id }) = CurrentRequest::current() {
            map.serialize_entry("instance", &format_args!("urn:postern:request:{id}"))?;
        }
        if let Some(field) = field {
            map.serialize_entry("field", field)?;
        }
        for (member, value) in members {
            map.serialize_entry(member, value)?;
        }
        map.end()
    }
}
