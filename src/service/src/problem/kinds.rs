//! Defines the kinds of problem that every service has. A service defines further kinds beside the code that
//! raises them.

use poem::http::StatusCode;

/// A kind of problem: its name, its status and its title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemKind {
    /// The name that programs decide by: `mfa_required` in `urn:postern:problem:mfa_required`. A released
    /// name never changes.
    pub name: &'static str,
    pub status: StatusCode,
    /// A short sentence for people, the same for every problem of this kind.
    pub title: &'static str,
}

impl ProblemKind {
    /// Defines a kind. Names are unique within a service.
    pub const fn new(name: &'static str, status: StatusCode, title: &'static str) -> Self {
        Self { name, status, title }
    }

    /// The `type` of problems of this kind (RFC 9457 section 3.1.1).
    pub fn uri(&self) -> String {
        format!("urn:postern:problem:{}", self.name)
    }

    /// The kind that says no more than the status.
    pub fn from_status(status: StatusCode) -> Self {
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

/// 400: the body or a parameter cannot be parsed or breaks a rule. `field` names the member or parameter, if
/// there is one.
pub const MALFORMED: ProblemKind =
    ProblemKind::new("malformed_request", StatusCode::BAD_REQUEST, "The request is malformed");
/// 401: credentials are missing or not accepted.
pub const UNAUTHENTICATED: ProblemKind =
    ProblemKind::new("unauthenticated", StatusCode::UNAUTHORIZED, "Credentials are missing or not accepted");
/// 403: the credentials are accepted but do not allow the request.
pub const FORBIDDEN: ProblemKind =
    ProblemKind::new("forbidden", StatusCode::FORBIDDEN, "This is not allowed");
/// 404: there is nothing here, or nothing that the caller may see.
pub const NOT_FOUND: ProblemKind =
    ProblemKind::new("not_found", StatusCode::NOT_FOUND, "There is nothing here");
/// 405: the path has other methods, which `Allow` lists.
pub const METHOD_NOT_ALLOWED: ProblemKind =
    ProblemKind::new("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED, "The method is not allowed here");
/// 408: the body did not arrive in time.
pub const REQUEST_TIMEOUT: ProblemKind =
    ProblemKind::new("request_timeout", StatusCode::REQUEST_TIMEOUT, "The request took too long to arrive");
/// 409: the request contradicts what is stored.
pub const CONFLICT: ProblemKind =
    ProblemKind::new("conflict", StatusCode::CONFLICT, "The request conflicts with what is stored");
/// 413: the body is longer than `http.body_limit`.
pub const TOO_LARGE: ProblemKind =
    ProblemKind::new("body_too_large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large");
/// 415: the body is in another media type.
pub const UNSUPPORTED_MEDIA_TYPE: ProblemKind = ProblemKind::new(
    "unsupported_media_type",
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "The media type of the body is not supported",
);
/// 429: the caller must wait as long as `Retry-After` says.
pub const TOO_MANY_REQUESTS: ProblemKind =
    ProblemKind::new("too_many_requests", StatusCode::TOO_MANY_REQUESTS, "Too many requests");
/// 500: a defect or a permanent failure of this service.
pub const INTERNAL: ProblemKind =
    ProblemKind::new("internal", StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on our side");
/// 503: the same request may succeed after `Retry-After`.
pub const UNAVAILABLE: ProblemKind =
    ProblemKind::new("unavailable", StatusCode::SERVICE_UNAVAILABLE, "Not available just now");
