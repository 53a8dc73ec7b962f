//! Defines [`Authenticator`], by which a service judges the access tokens that its requests present, and how a
//! token is read from a request.

use std::future::Future;
use std::sync::Arc;

use ::poem::Request;
use ::poem::http::header::AUTHORIZATION;

use super::{BearerCause, BearerError};
use crate::access_token::AccessToken;
use crate::policy::Audience;
use crate::presented::{PresentedToken, TokenScheme};
use crate::verifier::Verifier;

/// Judges the access tokens of a service's requests.
///
/// [`Verifier`] is one, and enough for a resource server. A service that knows more about its tokens, such as
/// whether they were revoked, has one of its own. It decides what an accepted request brings along and how a
/// refusal is answered.
pub trait Authenticator: 'static {
    /// What the routes carry as data: `.data(state)`.
    type State: Send + Sync + 'static;
    /// The verified token, with whatever the service knows about it.
    type Accepted: AsRef<AccessToken> + Send;
    /// The error response of the service.
    type Error: Into<::poem::Error> + Send;

    /// What the document says of the security scheme.
    const SCHEME_DESCRIPTION: &'static str =
        "An access token of the issuer, in the header `Authorization: Bearer` (RFC 6750)";

    /// Scopes with their descriptions that the document lists beside those of the operations.
    fn listed_scopes() -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }

    /// Judges a token, except for its scope.
    fn authenticate(
        state: &Self::State,
        presented: &PresentedToken<'_>,
    ) -> impl Future<Output = Result<Self::Accepted, Self::Error>> + Send;

    /// Judges an accepted token that grants the required scope. A service asks here for a recent sign-in, for
    /// example (RFC 9470).
    fn require_more(
        _state: &Self::State,
        _accepted: &Self::Accepted,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        std::future::ready(Ok(()))
    }

    /// Refuses a request that presents no token, or not in the right way.
    fn refuse(state: &Self::State, cause: BearerCause) -> Self::Error;

    /// Refuses an accepted token that lacks a scope.
    fn refuse_scope(state: &Self::State, accepted: &Self::Accepted, scope: &'static str) -> Self::Error;
}

impl Authenticator for Verifier {
    type State = Self;
    type Accepted = Arc<AccessToken>;
    type Error = BearerError;

    async fn authenticate(
        verifier: &Self,
        presented: &PresentedToken<'_>,
    ) -> Result<Arc<AccessToken>, BearerError> {
        let verified = verifier.verify_presented(presented).await;
        verified.map_err(|refusal| Self::refuse(verifier, BearerCause::Token(refusal)))
    }

    fn refuse(verifier: &Self, cause: BearerCause) -> BearerError {
        BearerError::new(realm(verifier), cause)
    }

    fn refuse_scope(verifier: &Self, _: &Arc<AccessToken>, scope: &'static str) -> BearerError {
        Self::refuse(verifier, BearerCause::InsufficientScope(scope.to_owned()))
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

/// Reads the token in `Authorization: Bearer <token>` (RFC 6750 section 2.1, RFC 9110 section 11.4).
pub fn token_in_header(request: &Request) -> Result<PresentedToken<'_>, BearerCause> {
    let mut values = request.headers().get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Err(BearerCause::NoCredentials) };
    if values.next().is_some() {
        return Err(BearerCause::InvalidRequest("there is more than one Authorization header"));
    }
    let value =
        value.to_str().map_err(|_| BearerCause::InvalidRequest("the Authorization header is not ASCII"))?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    // RFC 6750 section 3.1: an unsupported scheme is no authentication information.
    if !scheme.eq_ignore_ascii_case(TokenScheme::Bearer.name()) {
        return Err(BearerCause::NoCredentials);
    }
    // Only spaces may follow the scheme. An empty or malformed rest is refused as an invalid token.
    Ok(presented_by(request, token.trim_start_matches(' ')))
}

/// A bearer token that stands elsewhere in a request, such as in a form (RFC 6750 section 2.2).
///
/// The URI is the one that the routes see: mount APIs with `nest_no_strip`, so that it is the whole one.
pub fn presented_by<'request>(request: &'request Request, token: &'request str) -> PresentedToken<'request> {
    let uri = request.uri().path_and_query().map_or("/", |uri| uri.as_str());
    PresentedToken::bearer(token, request.method().as_str(), uri)
}
