//! Reads who signs out: the `Authorization` header holds an access token, or the credentials of a client that has a refresh
//! token, or nothing where that client is public.

use poem::{Request, RequestBody, Result};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, registry::Registry};
use postern_service::problem::Problem;
use postern_token_verifier::poem::BearerCause;

use super::super::{
    oidc::client_authentication::HeaderCredentials,
    presented_token::{IssuerToken, PresentedTokenError},
};
use crate::tokens::access_token::UserToken;

pub(super) enum SignOutCredentials {
    /// An access token for the issuer alone, verified.
    AccessToken(Box<UserToken>),
    /// Those of a client, not verified yet.
    Client(HeaderCredentials),
}

/// The refusal of a request with neither an access token nor a refresh token.
pub(super) fn none_presented() -> Problem {
    PresentedTokenError::from(BearerCause::NoCredentials).into()
}

impl<'a> ApiExtractor<'a> for SignOutCredentials {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        IssuerToken::register(registry);
        HeaderCredentials::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        [IssuerToken::security_schemes(), HeaderCredentials::security_schemes()].concat()
    }

    fn has_security_fallback() -> bool {
        true
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        match HeaderCredentials::from_request(request, body, options).await? {
            HeaderCredentials::Malformed => {
                let token = IssuerToken::by_header(request).await?.into_token();
                Ok(Self::AccessToken(Box::new(token)))
            }
            header => Ok(Self::Client(header)),
        }
    }
}
