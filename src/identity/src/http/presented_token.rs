//! Defines the access tokens that the operations of the issuer's own APIs take, and why one is refused (RFC
//! 6750, RFC 9470).
//!
//! An operation says in its type what it needs: [`UserinfoToken`], [`IssuerToken`] or [`AccountToken`], the
//! scope, and how recent the sign-in must be. poem-openapi makes the token before the operation begins and
//! before it reads the body, except for a token in the form of userinfo. Leaves to `tokens::access_token` whether a token is valid, and to
//! `http::problem` and `http::oauth_error` how a refusal is worded.

use std::marker::PhantomData;

use poem::http::HeaderValue;
use postern_service::{clock::Timestamp, problem::Problem};
use postern_token_verifier::{
    PresentedToken,
    poem::{AnyScope, Authenticator, Authorized, BearerCause, Challenge, Scope},
};

use crate::{
    App,
    acr::Acr,
    login::{LoginError, policy::AuthenticationRequirement, second_factor},
    resources::{ACCOUNT, ISSUER_SCOPES, OPENID},
    tokens::access_token::{self, AccessTokenError, UserToken},
};

/// The realm of every challenge.
const REALM: &str = "Postern";

/// `openid`, of an operation.
pub enum OpenIdScope {}

impl Scope for OpenIdScope {
    const NAME: &'static str = OPENID.name;
    const DESCRIPTION: &'static str = OPENID.description;
}

/// `account`, of an operation.
pub enum AccountScope {}

impl Scope for AccountScope {
    const NAME: &'static str = ACCOUNT.name;
    const DESCRIPTION: &'static str = ACCOUNT.description;
}

/// Why a request is refused because of its access token, or because it has none.
#[derive(Debug, thiserror::Error)]
pub enum PresentedTokenError {
    /// There is no token, or it is not presented in one right way.
    #[error(transparent)]
    Presentation(#[from] BearerCause),
    #[error(transparent)]
    Token(#[from] AccessTokenError),
    /// The token is valid but lacks a scope.
    #[error("the token has the scope {}, not {scope} (client {client_id})", .found.join(" "))]
    InsufficientScope {
        client_id: String,
        scope: &'static str,
        found: Vec<String>,
        /// How the caller can get a token with the scope.
        advice: Option<String>,
    },
    /// The user signed in too long ago or at too low a level (RFC 9470).
    #[error("the sign-in is too old or too weak")]
    InsufficientAuthentication(AuthenticationRequirement),
    /// The grant or session of the token ended while the request was being handled.
    #[error("the grant or session of the token has ended")]
    AuthorityEnded,
    /// Which sign-in is needed could not be found out.
    #[error(transparent)]
    Login(#[from] LoginError),
}

impl PresentedTokenError {
    /// The error code (RFC 6750 section 3.1, RFC 9470 section 3). None for a request without credentials,
    /// which is no error yet, and where other credentials do not help.
    pub fn error_code(&self) -> Option<&'static str> {
        match self {
            Self::Presentation(BearerCause::InvalidRequest(_)) => Some("invalid_request"),
            Self::AuthorityEnded
            | Self::Token(
                AccessTokenError::InvalidToken(_)
                | AccessTokenError::GrantEnded { .. }
                | AccessTokenError::NoUser { .. }
                | AccessTokenError::AudienceNotIssuerOnly { .. },
            ) => Some("invalid_token"),
            Self::InsufficientScope { .. } => Some("insufficient_scope"),
            Self::InsufficientAuthentication(_) => Some("insufficient_user_authentication"),
            Self::Presentation(_) | Self::Token(_) | Self::Login(_) => None,
        }
    }

    /// The challenge of the refusal: the only place that says which token would be accepted.
    pub fn challenge(&self, error_description: Option<&str>) -> HeaderValue {
        let mut challenge = Challenge::new(REALM);
        if let Some(code) = self.error_code() {
            challenge = challenge.error(code);
        }
        if let Some(description) = error_description {
            challenge = challenge.error_description(description);
        }
        match self {
            Self::InsufficientScope { scope, .. } => challenge = challenge.scope(scope),
            Self::InsufficientAuthentication(requirement) => {
                if let Some(acr) = requirement.min_acr {
                    challenge = challenge.acr_values(acr.as_str());
                }
                if let Some(age) = requirement.max_age {
                    challenge = challenge.max_age(age.as_secs());
                }
            }
            _ => {}
        }
        challenge.header_value()
    }
}

/// Which tokens of users an API accepts.
pub trait AcceptedTokens: 'static {
    fn verify(
        app: &App,
        presented: &PresentedToken<'_>,
    ) -> impl Future<Output = Result<UserToken, AccessTokenError>> + Send;

    /// How the caller can get a token with the scope that its token lacks.
    fn missing_scope_advice(_app: &App, _token: &UserToken, _scope: &str) -> Option<String> {
        None
    }
}

/// Tokens with any audience.
pub enum AnyAudience {}

impl AcceptedTokens for AnyAudience {
    async fn verify(app: &App, presented: &PresentedToken<'_>) -> Result<UserToken, AccessTokenError> {
        access_token::verify_for_userinfo(app, presented).await
    }
}

/// Tokens that are for the issuer alone.
pub enum IssuerAudience {}

impl AcceptedTokens for IssuerAudience {
    async fn verify(app: &App, presented: &PresentedToken<'_>) -> Result<UserToken, AccessTokenError> {
        access_token::verify_for_issuer_only(app, presented).await
    }
}

/// Tokens of first-party clients that are for the issuer alone.
pub enum FirstPartyClient {}

impl AcceptedTokens for FirstPartyClient {
    async fn verify(app: &App, presented: &PresentedToken<'_>) -> Result<UserToken, AccessTokenError> {
        access_token::verify_for_first_party(app, presented).await
    }

    fn missing_scope_advice(app: &App, token: &UserToken, scope: &str) -> Option<String> {
        let clients = app.clients();
        let client = clients.find(&token.grant.client_id)?;
        if client.row.scopes.iter().any(|own| own == scope) {
            return Some("ask for it in a token of its own, without scopes of a resource".to_owned());
        }
        Some(format!(
            "the operator allows it by `postern client update {} --add-scope {scope}`",
            client.client_id()
        ))
    }
}

/// How recent the sign-in of a token must be.
pub trait Freshness: 'static {
    fn check(app: &App, token: &UserToken) -> impl Future<Output = Result<(), PresentedTokenError>> + Send;
}

/// Any sign-in is recent enough.
pub enum AnyAuthentication {}

impl Freshness for AnyAuthentication {
    async fn check(_: &App, _: &UserToken) -> Result<(), PresentedTokenError> {
        Ok(())
    }
}

/// RFC 9470 section 3: what changes how one signs in needs a recent sign-in, by the second factor if there is
/// one. The token says when and how it was.
pub enum RecentAuthentication {}

impl Freshness for RecentAuthentication {
    async fn check(app: &App, token: &UserToken) -> Result<(), PresentedTokenError> {
        let second_factor = second_factor::has_second_factor(app, &token.user).await?;
        let requirement = second_factor::credential_change_requirement(second_factor);
        let acr = token.token.acr.as_deref().and_then(|word| word.parse().ok()).unwrap_or(Acr::Aal1);
        let auth_time = Timestamp::from_seconds(token.token.auth_time.unwrap_or(0));
        if requirement.met_by(acr, auth_time, app.clock.now()) {
            return Ok(());
        }
        Err(PresentedTokenError::InsufficientAuthentication(requirement))
    }
}

/// Judges the tokens that `T` accepts by the freshness `F`, and refuses the others with the error `E` of the
/// surface.
pub struct UserTokens<T, E, F = AnyAuthentication>(PhantomData<(T, E, F)>);

impl<T, E, F> Authenticator for UserTokens<T, E, F>
where
    T: AcceptedTokens,
    E: From<PresentedTokenError> + Into<poem::Error> + Send + 'static,
    F: Freshness,
{
    type State = App;
    type Accepted = UserToken;
    type Error = E;

    const SCHEME_DESCRIPTION: &'static str =
        "An access token of this provider, in the header `Authorization: Bearer` (RFC 6750)";

    fn listed_scopes() -> Vec<(&'static str, &'static str)> {
        ISSUER_SCOPES.iter().map(|scope| (scope.name, scope.description)).collect()
    }

    async fn authenticate(app: &App, presented: &PresentedToken<'_>) -> Result<UserToken, E> {
        T::verify(app, presented).await.map_err(|cause| PresentedTokenError::from(cause).into())
    }

    async fn require_more(app: &App, accepted: &UserToken) -> Result<(), E> {
        F::check(app, accepted).await.map_err(E::from)
    }

    fn refuse(_: &App, cause: BearerCause) -> E {
        PresentedTokenError::from(cause).into()
    }

    fn refuse_scope(app: &App, accepted: &UserToken, scope: &'static str) -> E {
        let (client_id, found) = (accepted.token.client_id.clone(), accepted.token.scope.clone());
        let advice = T::missing_scope_advice(app, accepted, scope);
        PresentedTokenError::InsufficientScope { client_id, scope, found, advice }.into()
    }
}

/// A token with the scope `openid`, whomever it is for.
pub type UserinfoToken<E> = Authorized<OpenIdScope, UserTokens<AnyAudience, E>>;

/// A token for the issuer alone, with any scope.
pub type IssuerToken = Authorized<AnyScope, UserTokens<IssuerAudience, Problem>>;

/// The token of an operation of `/api/account`: of a first-party client, for the issuer alone, with the scope
/// `account`. `F` says how recent the sign-in must be.
pub type AccountToken<F = AnyAuthentication> =
    Authorized<AccountScope, UserTokens<FirstPartyClient, Problem, F>>;
