//! Defines the error answers of the JSON APIs: problem details (RFC 9457).
//!
//! Every problem has a stable `type`, `urn:postern:problem:<name>`, that programs decide by; `title` and `detail` are for
//! people and may change. `instance` is `urn:postern:request:<id>`, the reference under which the log knows the request.
//! No problem is cached.
//!
//! [`Problem`] is what a handler returns; [`respond`] turns every other error of the web framework into one, so that a
//! malformed body, an unknown path or a wrong method are answered in the same form. Causes stay here: the caller learns
//! the kind, the log learns the cause, once.

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

pub(crate) use self::framework::{member_in, rule_in};
pub use self::{
    document::Problems,
    framework::respond,
    kinds::{
        CONFLICT, FORBIDDEN, INTERNAL, Kind, MALFORMED, METHOD_NOT_ALLOWED, NOT_FOUND, REQUEST_TIMEOUT,
        TOO_LARGE, TOO_MANY_REQUESTS, UNAUTHENTICATED, UNAVAILABLE, UNSUPPORTED_MEDIA_TYPE,
    },
};
use crate::{
    database::DatabaseError,
    telemetry::{RequestContext, log_failure},
};

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// How long to wait for a database that does not answer.
const DATABASE_RETRY_AFTER: Duration = Duration::from_secs(2);

/// An error answer. Cheap to return: one pointer.
#[derive(Clone)]
pub struct Problem(Box<Parts>);

#[derive(Clone)]
struct Parts {
    kind: Kind,
    detail: Option<Cow<'static, str>>,
    field: Option<String>,
    members: Vec<(&'static str, Value)>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of this kind, without details.
    pub fn new(kind: Kind) -> Self {
        Self(Box::new(Parts { kind, detail: None, field: None, members: Vec::new(), headers: Vec::new() }))
    }

    /// Our own failure. The log gets `cause` with its sources; the caller learns nothing but the reference.
    pub fn internal(cause: &dyn std::error::Error) -> Self {
        log_failure(cause);
        Self::new(INTERNAL)
    }

    /// A failure that passes, such as a database that does not answer. The log gets `cause` with its sources.
    pub fn unavailable(cause: &dyn std::error::Error, retry_after: Duration) -> Self {
        log_failure(cause);
        Self::new(UNAVAILABLE).retry_after(retry_after)
    }

    /// What went wrong this time, for people. Never a secret and never the cause of an internal error.
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
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.header(RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// `WWW-Authenticate`, one challenge (RFC 9110 section 11.6.1).
    #[must_use]
    pub fn www_authenticate(self, challenge: HeaderValue) -> Self {
        self.header(WWW_AUTHENTICATE, challenge)
    }

    /// A header of the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }
}

/// A database that does not answer is a matter of time; anything else is our mistake.
impl From<DatabaseError> for Problem {
    fn from(cause: DatabaseError) -> Self {
        match cause {
            DatabaseError::Unavailable(_) => Self::unavailable(&cause, DATABASE_RETRY_AFTER),
            _ => Self::internal(&cause),
        }
    }
}

impl From<Kind> for Problem {
    fn from(kind: Kind) -> Self {
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
        if let Some(RequestContext { id }) = RequestContext::current() {
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
