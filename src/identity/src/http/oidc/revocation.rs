//! Answers `POST /oauth2/revoke` (RFC 7009). Leaves to `tokens::revocation` which grants end.

use poem::Request;
use poem_openapi::{ApiResponse, Object, OpenApi, types::Example};
use serde::Deserialize;

use super::{
    client_authentication::{AuthenticatedClient, FormCredentials, HeaderCredentials, authenticate},
    request_context,
};
use crate::{
    App,
    http::{
        oauth_error::OAuthError,
        oauth_errors::OAuthErrors,
        oauth_form::{OAuthForm, OAuthFormParameters},
    },
    tokens::revocation,
};

pub const PATH: &str = "/oauth2/revoke";

pub struct RevocationApi {
    app: App,
}

impl RevocationApi {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }
}

/// Which token to end.
#[derive(Default, Deserialize, Object)]
#[serde(default)]
#[oai(example)]
struct RevocationRequest {
    /// An access token or a refresh token.
    token: String,
    /// Not needed, and ignored.
    token_type_hint: Option<String>,
    /// The client, if the header has none.
    client_id: Option<String>,
    /// Its secret, if the header has none.
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, beside an assertion.
    client_assertion_type: Option<String>,
    /// A JWT that the client signed, instead of a secret (RFC 7523 section 2.2).
    client_assertion: Option<String>,
}

impl OAuthFormParameters for RevocationRequest {}

impl Example for RevocationRequest {
    fn example() -> Self {
        Self { token: "0pYzXTUyWbtO5IPm1LNYBs9PAXeBKWHZ0hIzKAEJrJ0".to_owned(), ..Self::default() }
    }
}

#[derive(ApiResponse)]
enum RevocationResponse {
    /// The token has ended, or it was never valid, or it may not end its grant.
    #[oai(status = 200)]
    Revoked,
}

#[OpenApi(prefix_path = "/oauth2", tag = "super::super::Tag::Protocol")]
impl RevocationApi {
    /// Revoke a token
    ///
    /// Token revocation (RFC 7009). Ends the grant that the token belongs to, with all its access and refresh tokens. An API
    /// that verifies access tokens by itself accepts one until it expires. A public client sends its refresh token: its
    /// access token for an API ends nothing, because that API has the token too.
    #[oai(path = "/revoke", method = "post", operation_id = "revoke")]
    async fn revoke(
        &self,
        request: &Request,
        header: HeaderCredentials,
        form: OAuthForm<RevocationRequest>,
    ) -> Result<RevocationResponse, OAuthErrors<400, 401, 413, 415, 429, 503>> {
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
        if form.token.is_empty() {
            return Err(OAuthError::invalid_request("token is missing").into());
        }
        revocation::revoke(&self.app, &client, &form.token, &context).await?;
        Ok(RevocationResponse::Revoked)
    }
}
