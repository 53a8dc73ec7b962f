//! Extracts and verifies bearer tokens in services built on poem (RFC 6750).
//!
//! Pass the [`Verifier`] to the routes with `.data(verifier)`. Then a plain handler takes [`Bearer`], and a
//! poem-openapi operation takes [`Authorized`], whose type names the required scope both for the check and
//! for the document. The token is read from the `Authorization` header only, because a token in a URL ends up
//! in logs (RFC 9700 section 4.3.2).

mod authorized;
mod bearer_error;

use std::ops::Deref;
use std::sync::Arc;

use ::poem::http::HeaderMap;
use ::poem::http::header::AUTHORIZATION;
use ::poem::{FromRequest, Request, RequestBody, Result};

pub use self::authorized::{AnyScope, Authorized, Scope, Scoped, point_to_issuer};
pub use self::bearer_error::{BearerCause, BearerError};
use crate::access_token::AccessToken;
use crate::policy::Audience;
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
#[derive(Debug, Clone)]
pub struct Bearer {
    token: Arc<AccessToken>,
    realm: Arc<str>,
}

impl Bearer {
    /// The verified token of this request, or the error response of RFC 6750 section 3.
    pub async fn of(request: &Request) -> Result<Self, BearerError> {
        let Some(verifier) = request.data::<Verifier>() else {
            return Err(BearerError::new(Arc::from(""), BearerCause::NoVerifier));
        };
        let realm = realm(verifier);
        let refuse = |cause| BearerError::new(Arc::clone(&realm), cause);
        let token = credentials(request.headers()).map_err(refuse)?;
        match verifier.verify(token).await {
            Ok(token) => Ok(Self { token, realm }),
            Err(refusal) => Err(refuse(BearerCause::Token(refusal))),
        }
    }

    /// Refuses with `insufficient_scope` when the token does not grant `scope`.
    pub fn require_scope(&self, scope: &str) -> Result<(), BearerError> {
        if self.has_scope(scope) {
            return Ok(());
        }
        let cause = BearerCause::InsufficientScope(scope.to_owned());
        Err(BearerError::new(Arc::clone(&self.realm), cause))
    }

    /// The verified token, for callers that keep it.
    pub fn into_token(self) -> Arc<AccessToken> {
        self.token
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

/// The realm in `WWW-Authenticate`: the audience, if the policy has one, else the issuer.
fn realm(verifier: &Verifier) -> Arc<str> {
    let policy = verifier.policy();
    match &policy.audience {
        Audience::Contains(audience) => Arc::from(audience.as_str()),
        Audience::CheckedByCaller => Arc::from(policy.issuer.as_str()),
    }
}

/// The token in `Authorization: Bearer <token>` (RFC 6750 section 2.1, RFC 9110 section 11.4).
fn credentials(headers: &HeaderMap) -> Result<&str, BearerCause> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Err(BearerCause::NoCredentials) };
    if values.next().is_some() {
        return Err(BearerCause::InvalidRequest("there is more than one Authorization header"));
    }
    let value =
        value.to_str().map_err(|_| BearerCause::InvalidRequest("the Authorization header is not ASCII"))?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(BearerCause::NoCredentials);
    }
    // Only spaces may follow the scheme. An empty or malformed rest is refused as an invalid token.
    Ok(token.trim_start_matches(' '))
}
