//! Defines [`PresentedToken`], an access token together with the request that presents it.

use std::fmt;

/// The HTTP authentication scheme by which a request presents an access token. Its name is also the
/// `token_type` of such a token (RFC 6749 section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenScheme {
    /// Whoever has the token may use it (RFC 6750).
    Bearer,
}

impl TokenScheme {
    /// The value of `token_type`, and the name of the scheme of `Authorization` and `WWW-Authenticate`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
        }
    }
}

/// An access token as a request presents it, not verified yet.
///
/// A bearer token is judged without its request. The proof of a token that is bound to a key covers the
/// method and the URI as well (RFC 9449 section 4.2).
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PresentedToken<'request> {
    /// The scheme of the `Authorization` header.
    pub scheme: TokenScheme,
    /// The token, without the scheme.
    pub token: &'request str,
    /// The method of the request, such as `GET`.
    pub method: &'request str,
    /// Path and query of the request. The origin is the service's own: a header may claim any other.
    pub uri: &'request str,
}

impl<'request> PresentedToken<'request> {
    /// A bearer token of the request `method uri`, from whatever place of it.
    pub const fn bearer(token: &'request str, method: &'request str, uri: &'request str) -> Self {
        Self { scheme: TokenScheme::Bearer, token, method, uri }
    }
}

/// Without the token, which is a credential, and without the query, which may hold another one.
impl fmt::Debug for PresentedToken<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.uri.split('?').next().unwrap_or_default();
        formatter
            .debug_struct("PresentedToken")
            .field("scheme", &self.scheme)
            .field("method", &self.method)
            .field("path", &path)
            .finish_non_exhaustive()
    }
}
