//! Extracts and verifies bearer tokens in services built on poem (RFC 6750).
//!
//! Pass the [`Verifier`] to the routes with `.data(verifier)`. Then a plain handler takes [`Bearer`], and a
//! poem-openapi operation takes [`Authorized`], whose type names the required scope both for the check and
//! for the document. A service that asks more of a token has an [`Authenticator`] of its own, and the same
//! [`Authorized`] on top. The token is read from the `Authorization` header only, because a token in a URL ends up
//! in logs (RFC 9700 section 4.3.2).

mod authenticator;
mod authorized;
mod bearer_error;
mod challenge;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use ::poem::{FromRequest, Request, RequestBody, Result};

pub use self::authenticator::{Authenticator, presented_by, token_in_header};
pub use self::authorized::{AnyScope, Authorized, Scope, Scoped, point_to_issuer};
pub use self::bearer_error::{BearerCause, BearerError};
pub use self::challenge::Challenge;
use crate::access_token::AccessToken;
use crate::verifier::Verifier;

/// The access token of a request, for plain poem handlers.
///
/// ```
/// use poem::{Result, handler};
/// use postern_token_verifier::poem::Bearer;
///
/// #[handler]
/// async fn hello(token: Bearer) -> Result<String> {
///     token.require_scope("greetings:read")?;
///     Ok(format!("hello {}", token.sub))
/// }
/// ```
#[derive(Clone)]
pub struct Bearer {
    token: Arc<AccessToken>,
    verifier: Verifier,
}

impl Bearer {
    /// The verified token of this request, or the error response of RFC 6750 section 3.
    pub async fn of(request: &Request) -> Result<Self, BearerError> {
        let verifier = request.data::<Verifier>().ok_or_else(BearerError::no_verifier)?;
        let presented = token_in_header(request).map_err(|cause| Verifier::refuse(verifier, cause))?;
        let token = Verifier::authenticate(verifier, &presented).await?;
        Ok(Self { token, verifier: verifier.clone() })
    }

    /// Refuses with `insufficient_scope` when the token does not grant `scope`.
    pub fn require_scope(&self, scope: &str) -> Result<(), BearerError> {
        if self.has_scope(scope) {
            return Ok(());
        }
        Err(Verifier::refuse(&self.verifier, BearerCause::InsufficientScope(scope.to_owned())))
    }

    /// The verified token, for callers that keep it.
    pub fn into_token(self) -> Arc<AccessToken> {
        self.token
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Bearer").field(&self.token).finish()
    }
}

impl Deref for Bearer {
    type Target = AccessToken;

    fn deref(&self) -> &AccessToken {
        &self.token
    }
}

impl<'a> FromRequest<'a> for Bearer {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        Ok(Self::of(request).await?)
    }
}
