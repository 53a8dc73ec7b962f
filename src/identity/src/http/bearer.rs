//! Defines how our own APIs take access tokens, and how they refuse them (RFC 6750).
//!
//! The header is read here and nothing is believed; `tokens::access_token` judges. Userinfo also takes the token from a
//! form.

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

use super::error::OAuthError;
use crate::tokens::access_token::BearerError;

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

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        Ok(Self::of(request.headers()))
    }
}

fn scheme() -> MetaSecurityScheme {
    let scope = |(name, description)| MetaOAuthScope { name, description: Some(description) };
    let scopes = [
        ("openid", "Know who signed in"),
        ("profile", "Name, picture and the like"),
        ("email", "Email address"),
        ("address", "Postal address"),
        ("phone", "Telephone number"),
        ("offline_access", "Access while the user is not there"),
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
        if let BearerError::Database(cause) = cause {
            return cause.into();
        }
        tracing::info!(%cause, "access token refused");
        let unauthorized = StatusCode::UNAUTHORIZED;
        match cause {
            BearerError::Scope(scope) => challenged(
                "insufficient_scope",
                "the access token lacks a scope",
                StatusCode::FORBIDDEN,
                &format!(", scope=\"{scope}\""),
            ),
            BearerError::Refused(refusal) => {
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
