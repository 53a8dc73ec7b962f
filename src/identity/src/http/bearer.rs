//! Defines how the issuer's own APIs receive access tokens, and how they reject them (RFC 6750).
//!
//! This module parses the header only. Leaves to `tokens::access_token` whether a token is valid. An
//! operation takes [`RequiredScope`] if its OpenAPI entry names a scope. Userinfo also accepts the token in a
//! form.

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

/// Name of the security scheme in the OpenAPI document.
const SCHEME: &str = "oauth2";

/// The token in the `Authorization` header, not verified yet.
#[derive(Debug)]
pub enum BearerHeader {
    Absent,
    /// The token of the scheme `Bearer`.
    Token(String),
    /// Another scheme, or something malformed.
    Malformed,
}

impl BearerHeader {
    /// Reads the header (RFC 6750 section 2.1). The scheme's case does not matter (RFC 9110 section 11.1).
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Self::Absent };
        let token = value.to_str().ok().and_then(|value| value.split_once(' '));
        match token {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") && values.next().is_none() => {
                Self::Token(token.trim_start_matches(' ').to_owned())
            }
            _ => Self::Malformed,
        }
    }
}

impl<'a> ApiExtractor<'a> for BearerHeader {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(SCHEME, security_scheme());
    }

    /// The scheme, followed by a placeholder for no scope. `Scoped` merges the two into one requirement.
    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME, AnyScope::NAME]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        Ok(Self::from_headers(request.headers()))
    }
}

/// `openid`, of an operation.
pub enum OpenIdScope {}

impl Scope for OpenIdScope {
    const NAME: &'static str = OPENID;
    const DESCRIPTION: &'static str = "Know who signed in";
}

/// `account`, of an operation.
pub enum AccountScope {}

impl Scope for AccountScope {
    const NAME: &'static str = resources::ACCOUNT_SCOPE;
    const DESCRIPTION: &'static str = "Manage one's own account";
}

/// The token in the `Authorization` header, not verified yet, of an operation whose OpenAPI entry names the
/// scope `S`.
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
        Ok(Self(BearerHeader::from_headers(request.headers()), PhantomData))
    }
}

fn security_scheme() -> MetaSecurityScheme {
    let scope = |(name, description)| MetaOAuthScope { name, description: Some(description) };
    let scopes = [
        (OpenIdScope::NAME, OpenIdScope::DESCRIPTION),
        ("profile", "Name, picture and the like"),
        ("email", "Email address"),
        ("address", "Postal address"),
        ("phone", "Telephone number"),
        ("offline_access", "Access while the user is not there"),
        (AccountScope::NAME, AccountScope::DESCRIPTION),
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
pub fn missing_token() -> OAuthError {
    OAuthError::new("invalid_token", "an access token is needed")
        .with_status(StatusCode::UNAUTHORIZED)
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Postern\""))
}

/// For a request with a malformed token, or with two tokens.
pub fn invalid_request(description: &'static str) -> OAuthError {
    error_with_challenge("invalid_request", description, StatusCode::BAD_REQUEST, "")
}

impl From<BearerError> for OAuthError {
    fn from(cause: BearerError) -> Self {
        match cause {
            BearerError::Database(cause) => return cause.into(),
            // The token may be valid. A client that is told `invalid_token` would discard it.
            BearerError::InvalidToken(Refusal::KeysUnavailable) => return Self::unavailable(&cause),
            _ => {}
        }
        tracing::info!(%cause, "access token refused");
        let unauthorized = StatusCode::UNAUTHORIZED;
        match cause {
            BearerError::InsufficientScope { scope, .. } => error_with_challenge(
                "insufficient_scope",
                "the access token lacks a scope",
                StatusCode::FORBIDDEN,
                &format!(", scope=\"{scope}\""),
            ),
            BearerError::InvalidToken(refusal) => {
                error_with_challenge("invalid_token", refusal.description(), unauthorized, "")
            }
            _ => error_with_challenge("invalid_token", "the access token has ended", unauthorized, ""),
        }
    }
}

/// RFC 6750 section 3.
fn error_with_challenge(
    error: &'static str,
    description: &'static str,
    status: StatusCode,
    more: &str,
) -> OAuthError {
    let challenge =
        format!("Bearer realm=\"Postern\", error=\"{error}\", error_description=\"{description}\"{more}");
    let answer = OAuthError::new(error, description).with_status(status);
    match HeaderValue::try_from(challenge) {
        Ok(challenge) => answer.with_header(WWW_AUTHENTICATE, challenge),
        Err(_) => answer,
    }
}
