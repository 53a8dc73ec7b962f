//! Defines the kinds of problem that every service has. A service defines its own beside what raises them.

use poem::http::StatusCode;

/// A kind of problem: the last word of its `type`, its status, and its title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The name that programs decide by: `mfa_required` in `urn:postern:problem:mfa_required`. It never changes.
    pub name: &'static str,
    /// The status of the answer.
    pub status: StatusCode,
    /// The same short sentence for every problem of this kind, for people.
    pub title: &'static str,
}

impl Kind {
    /// A kind; names are unique within a service.
    pub const fn new(name: &'static str, status: StatusCode, title: &'static str) -> Self {
        Self { name, status, title }
    }

    /// The `type` of its problems (RFC 9457 section 3.1.1).
    pub fn uri(&self) -> String {
        format!("urn:postern:problem:{}", self.name)
    }

    /// The kind that says no more than the status.
    pub fn of_status(status: StatusCode) -> Self {
        let known = [
            MALFORMED,
            UNAUTHENTICATED,
            FORBIDDEN,
            NOT_FOUND,
            METHOD_NOT_ALLOWED,
            REQUEST_TIMEOUT,
            CONFLICT,
            TOO_LARGE,
            UNSUPPORTED_MEDIA_TYPE,
            TOO_MANY_REQUESTS,
            UNAVAILABLE,
        ];
        let same = known.into_iter().find(|kind| kind.status == status);
        same.unwrap_or(if status.is_client_error() { Self { status, ..MALFORMED } } else { INTERNAL })
    }
}

/// 400: the body or a parameter cannot be read, or breaks a rule; `field` names it where there is one.
pub const MALFORMED: Kind =
    Kind::new("malformed_request", StatusCode::BAD_REQUEST, "The request is malformed");
/// 401: no credentials, or none that are good.
pub const UNAUTHENTICATED: Kind =
    Kind::new("unauthenticated", StatusCode::UNAUTHORIZED, "Credentials are missing or not accepted");
/// 403: good credentials that do not allow this.
pub const FORBIDDEN: Kind = Kind::new("forbidden", StatusCode::FORBIDDEN, "This is not allowed");
/// 404: nothing here, or nothing that the caller may see.
pub const NOT_FOUND: Kind = Kind::new("not_found", StatusCode::NOT_FOUND, "There is nothing here");
/// 405, with `Allow`.
pub const METHOD_NOT_ALLOWED: Kind =
    Kind::new("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED, "The method is not allowed here");
/// 408: the body did not arrive in time.
pub const REQUEST_TIMEOUT: Kind =
    Kind::new("request_timeout", StatusCode::REQUEST_TIMEOUT, "The request took too long to arrive");
/// 409: the request contradicts what is stored.
pub const CONFLICT: Kind =
    Kind::new("conflict", StatusCode::CONFLICT, "The request conflicts with what is stored");
/// 413: the body is longer than `http.body_limit`.
pub const TOO_LARGE: Kind =
    Kind::new("body_too_large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large");
/// 415: the body is in another media type.
pub const UNSUPPORTED_MEDIA_TYPE: Kind = Kind::new(
    "unsupported_media_type",
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "The media type of the body is not supported",
);
/// 429, with `Retry-After`.
pub const TOO_MANY_REQUESTS: Kind =
    Kind::new("too_many_requests", StatusCode::TOO_MANY_REQUESTS, "Too many requests");
/// 500: our fault.
pub const INTERNAL: Kind =
    Kind::new("internal", StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on our side");
/// 503, with `Retry-After`.
pub const UNAVAILABLE: Kind =
    Kind::new("unavailable", StatusCode::SERVICE_UNAVAILABLE, "Not available just now");
