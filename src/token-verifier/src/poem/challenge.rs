//! Defines [`Challenge`], the `WWW-Authenticate` header of a refusal (RFC 6750 section 3, RFC 9470 section 3).

use std::fmt::Display;
use std::fmt::Write as _;

use ::poem::http::HeaderValue;

use crate::presented::TokenScheme;

/// Says with which access token a request would be accepted.
///
/// ```
/// use postern_token_verifier::poem::Challenge;
///
/// let challenge = Challenge::new("https://api.example.com").error("insufficient_scope").scope("tasks:read");
/// assert_eq!(
///     challenge.header_value(),
///     "Bearer realm=\"https://api.example.com\", error=\"insufficient_scope\", scope=\"tasks:read\""
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge(String);

impl Challenge {
    /// A challenge without an error, for a request without credentials (RFC 6750 section 3.1).
    pub fn new(realm: &str) -> Self {
        Self(format!("{} realm=\"{}\"", TokenScheme::Bearer.name(), quotable(realm)))
    }

    /// The error code (RFC 6750 section 3.1, RFC 9470 section 3).
    #[must_use]
    pub fn error(self, code: &str) -> Self {
        self.parameter("error", code)
    }

    /// A sentence for the caller's developer.
    #[must_use]
    pub fn error_description(self, description: &str) -> Self {
        self.parameter("error_description", description)
    }

    /// The scope that is needed.
    #[must_use]
    pub fn scope(self, scope: &str) -> Self {
        self.parameter("scope", scope)
    }

    /// The authentication level that is needed (RFC 9470 section 3).
    #[must_use]
    pub fn acr_values(self, acr_values: &str) -> Self {
        self.parameter("acr_values", acr_values)
    }

    /// How many seconds ago the user may have signed in at most (RFC 9470 section 3).
    #[must_use]
    pub fn max_age(self, seconds: u64) -> Self {
        self.parameter("max_age", seconds)
    }

    fn parameter(mut self, name: &str, value: impl Display) -> Self {
        // Writing to a `String` cannot fail.
        let _ = write!(self.0, ", {name}=\"{}\"", quotable(&value.to_string()));
        self
    }

    /// The value of `WWW-Authenticate`.
    pub fn header_value(&self) -> HeaderValue {
        HeaderValue::try_from(self.0.as_str()).unwrap_or(HeaderValue::from_static(TokenScheme::Bearer.name()))
    }
}

/// RFC 6750 section 3 allows printable ASCII without `"` and `\` in the values.
fn quotable(text: &str) -> String {
    text.chars().filter(|one| matches!(one, ' '..='~') && !matches!(one, '"' | '\\')).collect()
}
