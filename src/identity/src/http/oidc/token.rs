//! Answers `POST /oauth2/token` (RFC 6749 section 3.2): authenticates the client and calls the use case of
//! the grant type.

use poem::Request;
use poem_openapi::{Object, OpenApi, types::Example};
use serde::Deserialize;

use super::{
    client_authentication::{AuthenticatedClient, FormCredentials, HeaderCredentials, authenticate},
    request_context,
};
use crate::{
    App,
    http::{
        no_store_json::NoStoreJson,
        oauth_error::OAuthError,
        oauth_errors::OAuthErrors,
        oauth_form::{OAuthForm, OAuthFormParameters},
        token_response::Tokens,
    },
    tokens::{
        RequestedTarget,
        authorization_code::{self, RedemptionRequest},
        client_credentials,
        refresh_token::{self, RefreshTokenRequest},
    },
};

pub const PATH: &str = "/oauth2/token";

pub struct TokenApi {
    app: App,
}

impl TokenApi {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }
}

/// A token request. Which members are needed depends on `grant_type`.
#[derive(Default, Deserialize, Object)]
#[serde(default)]
#[oai(example)]
struct TokenRequest {
    /// `authorization_code`, `refresh_token` or `client_credentials`.
    grant_type: String,
    /// For `authorization_code`: the code that came back with the browser.
    code: Option<String>,
    /// For `authorization_code`: the same as in the authorization request.
    redirect_uri: Option<String>,
    /// For `authorization_code`: the secret that the code challenge was made from (RFC 7636).
    code_verifier: Option<String>,
    /// For `refresh_token`: the refresh token. It works once; the answer has the next.
    refresh_token: Option<String>,
    /// What the access token shall allow, if less than was granted; for `client_credentials`, if not the default.
    scope: Option<String>,
    /// Which resources the access token is for, or the issuer alone; may be given several times (RFC 8707).
    #[oai(default)]
    resource: Vec<String>,
    /// The client, if the header has none.
    client_id: Option<String>,
    /// Its secret, if the header has none.
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, beside an assertion.
    client_assertion_type: Option<String>,
    /// A JWT that the client signed, instead of a secret (RFC 7523 section 2.2).
    client_assertion: Option<String>,
}

impl OAuthFormParameters for TokenRequest {
    const REPEATABLE: &'static [&'static str] = &["resource"];
}

impl Example for TokenRequest {
    fn example() -> Self {
        Self { grant_type: "client_credentials".to_owned(), ..Self::default() }
    }
}

#[OpenApi(prefix_path = "/oauth2", tag = "super::super::Tag::Protocol")]
impl TokenApi {
    /// Get tokens
    ///
    /// The token endpoint (RFC 6749 section 3.2): for a code, for a refresh token, or for the app itself. A code and a
    /// refresh token work once. If one comes again, everything that was issued for it ends; only for some seconds after its
    /// use a refresh token gets the same answer again.
    /// To refresh the tokens of an app, send `grant_type=refresh_token` with `refresh_token`, and keep the new one in its
    /// place. A client without a secret sends its `client_id` in the body.
    #[oai(path = "/token", method = "post", operation_id = "token")]
    async fn token(
        &self,
        request: &Request,
        header: HeaderCredentials,
        form: OAuthForm<TokenRequest>,
    ) -> Result<NoStoreJson<Tokens>, OAuthErrors<400, 401, 413, 415, 429, 503>> {
        let form = form.0;
        let credentials = FormCredentials {
            client_id: form.client_id.as_deref(),
            client_secret: form.client_secret.as_deref(),
            client_assertion_type: form.client_assertion_type.as_deref(),
            client_assertion: form.client_assertion.as_deref(),
        };
        let context = request_context(&self.app, request);
        let AuthenticatedClient { client, context } =
            authenticate(&self.app, &header, credentials, PATH, context).await?;
        let target = RequestedTarget { scope: form.scope.as_deref(), resources: &form.resource };
        let issued = match form.grant_type.as_str() {
            "authorization_code" => {
                let redemption = RedemptionRequest {
                    code: required(form.code.as_deref(), "code")?,
                    redirect_uri: form.redirect_uri.as_deref(),
                    code_verifier: form.code_verifier.as_deref(),
                    target,
                };
                authorization_code::redeem(&self.app, &client, redemption, &context).await
            }
            "refresh_token" => {
                let refresh_token = required(form.refresh_token.as_deref(), "refresh_token")?;
                refresh_token::rotate(
                    &self.app,
                    &client,
                    RefreshTokenRequest { refresh_token, target },
                    &context,
                )
                .await
            }
            "client_credentials" => client_credentials::issue_to(&self.app, &client, target, &context).await,
            "" => return Err(OAuthError::invalid_request("grant_type is missing").into()),
            _ => {
                return Err(
                    OAuthError::new("unsupported_grant_type", "this grant_type is not supported").into()
                );
            }
        };
        let refused = |cause| OAuthError::from_token_error(&self.app, &client, &form.grant_type, cause);
        let issued = issued.map_err(refused)?;
        Ok(NoStoreJson(issued.into()))
    }
}

fn required<'f>(value: Option<&'f str>, name: &'static str) -> Result<&'f str, OAuthError> {
    value.ok_or_else(|| OAuthError::invalid_request(format!("{name} is missing")))
}
