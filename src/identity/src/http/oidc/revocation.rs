//! Answers `POST /oauth2/revoke` (RFC 7009). Leaves to `tokens::revocation` which grants end.

use poem::Request;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Deserialize;

use super::{
    client_authentication::{AuthenticatedClient, FormCredentials, HeaderCredentials, authenticate},
    request_context,
};
use crate::{
    App,
    http::{
        oauth_error::OAuthError,
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
struct RevocationRequest {
    /// An access token or a refresh token.
    token: String,
    /// Not needed, and not looked at.
    token_type_hint: Option<String>,
    /// The client, unless it is in the header.
    client_id: Option<String>,
    /// Its secret, if the header has none.
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, beside an assertion.
    client_assertion_type: Option<String>,
    /// A JWT that the client signed, instead of a secret (RFC 7523 section 2.2).
    client_assertion: Option<String>,
}

impl OAuthFormParameters for RevocationRequest {}

#[derive(ApiResponse)]
enum RevocationResponse {
    /// The token is dead or was never alive, or it may not end its grant.
    #[oai(status = 200)]
    Revoked,
}

#[OpenApi(prefix_path = "/oauth2", tag = "super::super::Tag::Protocol")]
impl RevocationApi {
    /// End a token
    ///
    /// RFC 7009. Ends the grant that the token hangs off, with all its access and refresh tokens. Resource servers that
    /// verify access tokens by themselves accept one until it expires. An access token of a public client that a resource
    /// server has too is answered with 200 and ends nothing: the refresh token ends the grant.
    #[oai(path = "/revoke", method = "post", operation_id = "revoke")]
    async fn revoke(
        &self,
        request: &Request,
        header: HeaderCredentials,
        form: OAuthForm<RevocationRequest>,
    ) -> Result<RevocationResponse, OAuthError> {
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
            return Err(OAuthError::invalid_request("token is missing"));
        }
        revocation::revoke(&self.app, &client, &form.token, &context).await?;
        Ok(RevocationResponse::Revoked)
    }
}
