//! Defines how bodies are read: never longer than the limit, never slower than the time-out, only in the
//! expected media type, and JSON without ambiguity.
//!
//! [`limit_body`] wraps the body of a request before any handler sees it, so the limits hold for every way of
//! reading it, the framework's own included. Readers report a limit as an `io::Error`, and
//! [`BodyError::from`] extracts it from there.

mod json;
mod limits;
mod schema;

use std::io;

use bytes::Bytes;
use poem::{
    Body,
    error::ReadBodyError,
    http::{HeaderMap, header::CONTENT_TYPE},
};

pub use self::{
    json::Json,
    limits::{UnreadBody, limit_body},
};
use crate::problem::{self, Problem};

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Longer than the limit.
    #[error("the body is too large")]
    TooLarge,
    /// Incomplete when the time-out was over.
    #[error("the body did not arrive in time")]
    TimedOut,
    /// Ended early, or wrongly framed.
    #[error("the body is incomplete")]
    Broken,
    /// `Content-Type` is missing, or names another media type or another charset than UTF-8.
    #[error("the media type is not supported")]
    MediaType,
}

impl From<&io::Error> for BodyError {
    fn from(cause: &io::Error) -> Self {
        let Some(inner) = cause.get_ref() else { return Self::Broken };
        match inner.downcast_ref::<io::Error>() {
            // Some readers wrap the error in another `io::Error`.
            Some(wrapped) => wrapped.into(),
            None => inner.downcast_ref::<Self>().copied().unwrap_or(Self::Broken),
        }
    }
}

impl From<BodyError> for Problem {
    fn from(cause: BodyError) -> Self {
        match cause {
            BodyError::TooLarge => problem::TOO_LARGE.into(),
            BodyError::TimedOut => problem::REQUEST_TIMEOUT.into(),
            BodyError::Broken => Self::new(problem::MALFORMED).detail("the body is incomplete"),
            BodyError::MediaType => problem::UNSUPPORTED_MEDIA_TYPE.into(),
        }
    }
}

/// Reads a whole body within the limits that [`limit_body`] set.
pub async fn read(body: Body) -> Result<Bytes, BodyError> {
    body.into_bytes().await.map_err(|cause| match cause {
        ReadBodyError::Io(cause) => (&cause).into(),
        ReadBodyError::PayloadTooLarge => BodyError::TooLarge,
        ReadBodyError::Utf8(_) | ReadBodyError::BodyHasBeenTaken => BodyError::Broken,
    })
}

/// Checks that a body has this media type (given in lower case, without parameters) and is in UTF-8 (RFC 9110
/// section 8.3.1).
pub fn expect_media_type(headers: &HeaderMap, media_type: &str) -> Result<(), BodyError> {
    let mut given = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return Err(BodyError::MediaType) };
    let mut parts = value.to_str().map_err(|_| BodyError::MediaType)?.split(';').map(str::trim);
    let same = parts.next().is_some_and(|given| given.eq_ignore_ascii_case(media_type));
    let utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim_end().eq_ignore_ascii_case("charset") => {
            value.trim_start().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    if same && utf8 { Ok(()) } else { Err(BodyError::MediaType) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_expected_media_type_in_utf8_passes() {
        let check = |values: &[&str]| {
            let headers: HeaderMap =
                values.iter().map(|value| (CONTENT_TYPE, value.parse().unwrap())).collect();
            expect_media_type(&headers, "application/json").is_ok()
        };
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;x=1",
        ] {
            assert!(check(&[good]), "{good}");
        }
        for bad in ["", "text/plain", "application/jsonx", "application/json; charset=utf-16", "text/json"] {
            assert!(!check(&[bad]), "{bad}");
        }
        assert!(check(&["application/json; charset=\"UTF-8\""]));
        assert!(!check(&[]));
        assert!(!check(&["application/json", "application/json"]));
    }
}
