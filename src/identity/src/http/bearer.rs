//! Defines how our own APIs take access tokens, and how they refuse them (RFC 6750).
//!
//! The header is read here and nothing is believed; `tokens::access_token` judges. An operation takes [`RequiredScope`]
//! where its document names a scope. Userinfo also takes the token from a form.

use std::marker::PhantomData;

use poem::{
    Request, RequestBody, Result,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{AUTHORIZATION, WWW_AUTHENTICATE},
    },
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaOAuthFlow, MetaOAuthFlows, MetaOAuthScope, MetaSecurityScheme, Registry},
};
use postern_token_verifier::{
    Refusal,
    poem::{AnyScope, Scope},
};

use super::error::OAuthError;
use crate::{resources, scope::OPENID, tokens::access_token::BearerError};

/// The name of the scheme in the document.
const SCHEME: &str = "oauth2";

/// The token in the `Authorization` header, not judged yet.
#[derive(Debug)]
pub enum BearerHeader {
    /// There is no such header.
    Absent,
    /// `Bearer` and a token.
    Token(String),
    /// Another scheme, or something malformed.
    Unusable,
}

impl BearerHeader {
    /// Reads the header (RFC 6750 section 2.1). The scheme's case does not matter (RFC 9110 section 11.1).
    pub fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Self::Absent };
        let token = value.to_str().ok().and_then(|value| value.split_once(' '));
        match token {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") && values.next().is_none() => {
                Self::Token(token.trim_start_matches(' ').to_owned())
            }
            _ => Self::Unusable,
        }
    }
}

impl<'a> ApiExtractor<'a> for BearerHeader {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(SCHEME, scheme());
    }

    /// The scheme and then, as if it were a second one, no scope: `Scoped` puts them together.
    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME, AnyScope::NAME]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        Ok(Self::of(request.headers()))
    }
}

/// `openid`, of an operation.
pub enum OpenId {}

impl Scope for OpenId {
    const NAME: &'static str = OPENID;
    const DESCRIPTION: &'static str = "Know who signed in";
}

/// `account`, of an operation.
pub enum Account {}

impl Scope for Account {
    const NAME: &'static str = resources::ACCOUNT_SCOPE;
    const DESCRIPTION: &'static str = "Manage one's own account";
}

/// The token in the `Authorization` header, not judged yet, of an operation whose document names the scope `S`.
pub struct RequiredScope<S>(pub BearerHeader, PhantomData<S>);

impl<'a, S: Scope> ApiExtractor<'a> for RequiredScope<S> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        BearerHeader::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME, S::NAME]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        Ok(Self(BearerHeader::of(request.headers()), PhantomData))
    }
}

fn scheme() -> MetaSecurityScheme {
    let scope = |(name, description)| MetaOAuthScope { name, description: Some(description) };
    let scopes = [
        (OpenId::NAME, OpenId::DESCRIPTION),
        ("profile", "Name, picture and the like"),
        ("email", "Email address"),
        ("address", "Postal address"),
        ("phone", "Telephone number"),
        ("offline_access", "Access while the user is not there"),
        (Account::NAME, Account::DESCRIPTION),
    ];
    let flow = MetaOAuthFlow {
        authorization_url: Some("/oauth2/authorize"),
        token_url: Some("/oauth2/token"),
        refresh_url: None,
        scopes: scopes.map(scope).into(),
    };
    MetaSecurityScheme {
        ty: "oauth2",
        description: Some(
            "An access token of this provider, in the header `Authorization: Bearer` (RFC 6750)",
        ),
        name: None,
        key_in: None,
        scheme: None,
        bearer_format: None,
        flows: Some(MetaOAuthFlows {
            implicit: None,
            password: None,
            client_credentials: None,
            authorization_code: Some(flow),
        }),
        openid_connect_url: None,
    }
}

/// No token at all: the challenge names no error (RFC 6750 section 3.1).
pub fn no_token() -> OAuthError {
    OAuthError::new("invalid_token", "an access token is needed")
        .status(StatusCode::UNAUTHORIZED)
        .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Postern\""))
}

/// The request brings its token in a wrong way, or in two.
pub fn invalid_request(description: &'static str) -> OAuthError {
    challenged("invalid_request", description, StatusCode::BAD_REQUEST, "")
}

impl From<BearerError> for OAuthError {
    fn from(cause: BearerError) -> Self {
        match cause {
            BearerError::Database(cause) => return cause.into(),
            // The token may be good, and a client that is told otherwise would throw it away.
            BearerError::InvalidToken(Refusal::KeysUnavailable) => return Self::unavailable(&cause),
            _ => {}
        }
        tracing::info!(%cause, "access token refused");
        let unauthorized = StatusCode::UNAUTHORIZED;
        match cause {
            BearerError::InsufficientScope { scope, .. } => challenged(
                "insufficient_scope",
                "the access token lacks a scope",
                StatusCode::FORBIDDEN,
                &format!(", scope=\"{scope}\""),
            ),
            BearerError::InvalidToken(refusal) => {
                challenged("invalid_token", refusal.description(), unauthorized, "")
            }
            _ => challenged("invalid_token", "the access token has ended", unauthorized, ""),
        }
    }
}

/// RFC 6750 section 3.
fn challenged(error: &'static str, description: &'static str, status: StatusCode, more: &str) -> OAuthError {
    let challenge =
        format!("Bearer realm=\"Postern\", error=\"{error}\", error_description=\"{description}\"{more}");
    let answer = OAuthError::new(error, description).status(status);
    match HeaderValue::try_from(challenge) {
        Ok(challenge) => answer.header(WWW_AUTHENTICATE, challenge),
        Err(_) => answer,
    }
}
