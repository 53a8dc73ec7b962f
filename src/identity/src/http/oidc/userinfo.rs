//! Answers `GET` and `POST /oauth2/userinfo` (OpenID Connect Core section 5.3). Leaves to `tokens` whether
//! the access token is accepted and which claims it releases.

use poem::{
    Request, RequestBody,
    http::header::{AUTHORIZATION, CONTENT_TYPE},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions, Object, OpenApi,
    registry::{MetaRequest, Registry},
};
use postern_token_verifier::poem::{BearerCause, presented_by, token_in_header};
use serde::Deserialize;

use super::userinfo_response::UserinfoResponse;
use crate::{
    App,
    http::{
        oauth_error::OAuthError,
        oauth_errors::OAuthErrors,
        oauth_form::{OAuthForm, OAuthFormParameters},
        presented_token::UserinfoToken,
    },
    tokens::userinfo,
};

pub struct UserinfoApi {
    app: App,
}

impl UserinfoApi {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }
}

/// The access token, if the header has none (RFC 6750 section 2.2).
#[derive(Default, Deserialize, Object)]
#[serde(default)]
struct UserinfoRequest {
    /// The access token, instead of the header.
    access_token: Option<String>,
}

impl OAuthFormParameters for UserinfoRequest {}

/// The token in the header or in the form. A request without `Content-Type` counts as one without a form.
struct PostedToken(UserinfoToken<OAuthError>);

impl<'a> ApiExtractor<'a> for PostedToken {
    const TYPES: &'static [ApiExtractorType] =
        &[ApiExtractorType::SecurityScheme, ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        UserinfoToken::<OAuthError>::register(registry);
        OAuthForm::<UserinfoRequest>::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        UserinfoToken::<OAuthError>::security_schemes()
    }

    fn request_meta() -> Option<MetaRequest> {
        let form = OAuthForm::<UserinfoRequest>::request_meta()?;
        Some(MetaRequest { required: false, ..form })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let in_form = if request.headers().contains_key(CONTENT_TYPE) {
            OAuthForm::<UserinfoRequest>::from_request(request, body, options).await?.0.access_token
        } else {
            None
        };
        let presented = match &in_form {
            None => token_in_header(request),
            // RFC 6750 section 2: "Clients MUST NOT use more than one method".
            Some(_) if request.headers().contains_key(AUTHORIZATION) => {
                Err(BearerCause::InvalidRequest("more than one access token"))
            }
            Some(token) => Ok(presented_by(request, token)),
        };
        Ok(Self(UserinfoToken::by_presented(request, presented).await?))
    }
}

#[OpenApi(prefix_path = "/oauth2", tag = "super::super::Tag::Protocol")]
impl UserinfoApi {
    /// Get the claims of the user
    ///
    /// OpenID Connect Core section 5.3. Any access token with the scope `openid` will do, also one for another API. A
    /// client that is registered for signed answers gets a JWT with `iss` and `aud` (section 5.3.2).
    #[oai(path = "/userinfo", method = "get", operation_id = "userinfo")]
    async fn get(
        &self,
        token: UserinfoToken<OAuthError>,
    ) -> Result<UserinfoResponse, OAuthErrors<400, 401, 403, 503>> {
        Ok(UserinfoResponse(userinfo(&self.app, &token).await?))
    }

    /// Get the claims of the user, by POST
    ///
    /// The userinfo endpoint with the access token in the header or in the form.
    #[oai(path = "/userinfo", method = "post", operation_id = "userinfo_post")]
    async fn post(
        &self,
        token: PostedToken,
    ) -> Result<UserinfoResponse, OAuthErrors<400, 401, 403, 413, 415, 503>> {
        Ok(UserinfoResponse(userinfo(&self.app, &token.0).await?))
    }
}
