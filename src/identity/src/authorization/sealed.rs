//! Defines the handle of a pending authorization request in a page's URL, and seals the request there.
//!
//! Anyone who opens a link makes a request, so a request alone stores nothing. The request travels in the
//! page's URL, sealed for the browser that began it: no other browser can open it, and nobody can read or
//! change it. A sealed request grants nothing: resuming it is the same as beginning the request anew. When a
//! form is posted, `pending` stores a row.

use std::{fmt, str::FromStr, time::Duration};

use postern_service::clock::Timestamp;
use uuid::Uuid;

use super::{pending::RequestNotPending, request::AuthorizationRequest};
use crate::{
    App,
    crypto::{self, CryptoError},
};

/// How long a sealed request can be resumed. A stored request has its own `expires_at`.
const SEALED_REQUEST_LIFETIME: Duration = Duration::from_mins(30);

/// In bytes: a URL of that length passes through proxies and browsers.
pub(super) const MAX_SEALED_LENGTH: usize = 4096;

/// The handle of a request in a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestHandle {
    /// The key of its row: a form was posted for the request.
    Stored(Uuid),
    /// The sealed request itself.
    Sealed(String),
}

impl RequestHandle {
    pub const fn row(&self) -> Option<Uuid> {
        match self {
            Self::Stored(id) => Some(*id),
            Self::Sealed(_) => None,
        }
    }
}

impl fmt::Display for RequestHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored(id) => id.fmt(f),
            Self::Sealed(sealed) => f.write_str(sealed),
        }
    }
}

impl FromStr for RequestHandle {
    type Err = RequestNotPending;

    fn from_str(text: &str) -> Result<Self, RequestNotPending> {
        match text.parse() {
            Ok(id) => Ok(Self::Stored(id)),
            Err(_) if text.len() <= MAX_SEALED_LENGTH => Ok(Self::Sealed(text.to_owned())),
            Err(_) => Err(RequestNotPending::Unknown),
        }
    }
}

pub(super) fn fits_in_url(request: &AuthorizationRequest) -> bool {
    serde_json::to_vec(&(request, Timestamp::MAX))
        .is_ok_and(|plain| crypto::sealed_url_length(plain.len()) <= MAX_SEALED_LENGTH)
}

/// Seals a request that was received at `at`, for one browser or, without a secret, for the GET that follows
/// a POST.
pub(super) fn seal(
    app: &App,
    request: &AuthorizationRequest,
    browser_secret: Option<&str>,
    at: Timestamp,
) -> Result<RequestHandle, CryptoError> {
    let plain = serde_json::to_vec(&(request, at)).map_err(|_| CryptoError::Library)?;
    let browser = browser_hash(browser_secret);
    Ok(RequestHandle::Sealed(app.vault.seal_in_url(&associated_data(&browser), &plain, &app.random)?))
}

/// Opens a request that was sealed for this browser or, without a secret, for the GET that follows a POST.
pub(super) fn open(
    app: &App,
    sealed: &str,
    browser_secret: Option<&str>,
) -> Result<(AuthorizationRequest, Timestamp), RequestNotPending> {
    let (request, at) = open_of_any_age(app, sealed, browser_secret)?;
    if at + SEALED_REQUEST_LIFETIME <= app.clock.now() {
        Err(RequestNotPending::Expired)
    } else {
        Ok((request, at))
    }
}

/// Opens a request that may have expired.
pub(super) fn open_of_any_age(
    app: &App,
    sealed: &str,
    browser_secret: Option<&str>,
) -> Result<(AuthorizationRequest, Timestamp), RequestNotPending> {
    let browser = browser_hash(browser_secret);
    let plain = app
        .vault
        .open_from_url(&associated_data(&browser), sealed)
        .map_err(|_| RequestNotPending::Unknown)?;
    serde_json::from_slice(&plain).map_err(|_| RequestNotPending::Unknown)
}

/// The hash of the browser's secret; empty without a secret.
fn browser_hash(browser_secret: Option<&str>) -> String {
    browser_secret.map(|secret| crypto::encode_hex(&crypto::token_hash(secret))).unwrap_or_default()
}

fn associated_data(browser: &str) -> [&str; 2] {
    ["authorization_request", browser]
}
