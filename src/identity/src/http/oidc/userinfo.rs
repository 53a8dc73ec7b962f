//! Answers `GET` and `POST /oauth2/userinfo` (OpenID Connect Core section 5.3). Leaves to `tokens` whether
//! the access token is accepted and which claims it releases.

use poem::{Request, RequestBody, http::header::CONTENT_TYPE};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions, Object, OpenApi,
    registry::{MetaRequest, Registry},
};
use serde::Deserialize;

use crate::{
    App,
    http::{
        bearer::{self, BearerHeader, OpenIdScope, RequiredScope},
        claims::Claims,
        error::OAuthError,
        no_store_json::NoStoreJson,
        oauth_form::{OAuthForm, OAuthFormParameters},
    },
    tokens::access_token,
};

pub struct UserinfoApi {
    app: App,
}

impl UserinfoApi {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }
}

/// The token, where it is not in the header (RFC 6750 section 2.2).
#[derive(Default, Deserialize, Object)]
#[serde(default)]
struct UserinfoRequest {
    /// The access token.
    access_token: Option<String>,
}

impl OAuthFormParameters for UserinfoRequest {}

/// A form that may be absent. A request without `Content-Type` counts as one without a form.
struct OptionalForm(UserinfoRequest);

impl<'a> ApiExtractor<'a> for OptionalForm {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <OAuthForm<UserinfoRequest> as ApiExtractor>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let form = <OAuthForm<UserinfoRequest> as ApiExtractor>::request_meta()?;
        Some(MetaRequest { required: false, ..form })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        if !request.headers().contains_key(CONTENT_TYPE) {
            return Ok(Self(UserinfoRequest::default()));
        }
        let form = OAuthForm::from_request(request, body, options).await?;
        Ok(Self(form.0))
    }
}

#[OpenApi(prefix_path = "/oauth2", tag = "super::super::Tag::Protocol")]
impl UserinfoApi {
    /// Claims of the user
    ///
    /// OpenID Connect Core section 5.3. Needs an access token with the scope `openid`, whomever it is for.
    #[oai(path = "/userinfo", method = "get", operation_id = "userinfo")]
    async fn get(&self, header: RequiredScope<OpenIdScope>) -> Result<NoStoreJson<Claims>, OAuthError> {
        self.claims_response(header.0, None).await
    }

    /// Claims of the user, by POST
    ///
    /// The same, with the access token in the header or in the form.
    #[oai(path = "/userinfo", method = "post", operation_id = "userinfo_post")]
    async fn post(
        &self,
        header: RequiredScope<OpenIdScope>,
        form: OptionalForm,
    ) -> Result<NoStoreJson<Claims>, OAuthError> {
        self.claims_response(header.0, form.0.access_token).await
    }
}

impl UserinfoApi {
    async fn claims_response(
        &self,
        header: BearerHeader,
        form: Option<String>,
    ) -> Result<NoStoreJson<Claims>, OAuthError> {
        let token = match (header, form) {
            // RFC 6750 section 2: "Clients MUST NOT use more than one method".
            (BearerHeader::Token(_) | BearerHeader::Malformed, Some(_)) => {
                return Err(bearer::invalid_request("more than one access token"));
            }
            (BearerHeader::Token(token), None) | (BearerHeader::Absent, Some(token)) => token,
            (BearerHeader::Malformed, None) => {
                return Err(bearer::invalid_request("the Authorization header is not one Bearer token"));
            }
            (BearerHeader::Absent, None) => return Err(bearer::missing_token()),
        };
        let token = access_token::verify_for_userinfo(&self.app, &token).await?;
        Ok(NoStoreJson(Claims(token.released_claims()?)))
    }
}
