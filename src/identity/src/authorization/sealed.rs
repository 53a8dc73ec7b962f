//! Defines how the URL of a page names a request that waits for a person, and seals it there until a form is posted.
//!
//! Whoever opens a link makes a request, so a request alone stores nothing. It travels in the page's URL, sealed for the
//! browser that began it: no other browser can open it, and nobody can read or change it. It grants nothing by itself: to
//! resume it is to begin the same request anew.

use std::{fmt, str::FromStr, time::Duration};

use postern_service::clock::Timestamp;
use uuid::Uuid;

use super::{pending::Gone, request::AuthorizationRequest};
use crate::{
    App,
    crypto::{self, CryptoError},
};

/// So long a sealed request waits for a form.
const LIFETIME: Duration = Duration::from_mins(30);

/// Longest sealed request: proxies and browsers take a URL of that length.
pub(super) const LONGEST: usize = 4096;

/// How a URL names a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestHandle {
    /// By its row: a form was posted for it.
    Stored(Uuid),
    /// By itself, sealed.
    Sealed(String),
}

impl RequestHandle {
    /// Its row, if there is one.
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
    type Err = Gone;

    fn from_str(text: &str) -> Result<Self, Gone> {
        match text.parse() {
            Ok(id) => Ok(Self::Stored(id)),
            Err(_) if text.len() <= LONGEST => Ok(Self::Sealed(text.to_owned())),
            Err(_) => Err(Gone::Unknown),
        }
    }
}

/// Whether a request fits into a URL when it is sealed.
pub(super) fn fits(request: &AuthorizationRequest) -> bool {
    serde_json::to_vec(&(request, Timestamp::from_micros(i64::MAX)))
        .is_ok_and(|plain| crypto::length_in_url(plain.len()) <= LONGEST)
}

/// Seals a request that came at `at`, for one browser or, without one, for the GET that follows a POST.
pub(super) fn seal(
    app: &App,
    request: &AuthorizationRequest,
    browser_secret: Option<&str>,
    at: Timestamp,
) -> Result<RequestHandle, CryptoError> {
    let plain = serde_json::to_vec(&(request, at)).map_err(|_| CryptoError::Library)?;
    let browser = name_of(browser_secret);
    Ok(RequestHandle::Sealed(app.vault.seal_in_url(&place(&browser), &plain, &app.random)?))
}

/// Opens what was sealed for this browser, or for the GET that follows a POST.
pub(super) fn open(
    app: &App,
    sealed: &str,
    browser_secret: Option<&str>,
) -> Result<(AuthorizationRequest, Timestamp), Gone> {
    let browser = name_of(browser_secret);
    let plain = app.vault.open_from_url(&place(&browser), sealed).map_err(|_| Gone::Unknown)?;
    let (request, at): (_, Timestamp) = serde_json::from_slice(&plain).map_err(|_| Gone::Unknown)?;
    if at + LIFETIME <= app.clock.now() { Err(Gone::Expired) } else { Ok((request, at)) }
}

/// The hash of the browser's secret; empty for none.
fn name_of(browser_secret: Option<&str>) -> String {
    browser_secret.map(|secret| crypto::hex(&crypto::token_hash(secret))).unwrap_or_default()
}

fn place(browser: &str) -> [&str; 2] {
    ["authorization_request", browser]
}
