//! Answers `POST /oauth2/introspect` (RFC 7662). Leaves to `tokens::introspection` which token a caller may
//! see.

use poem::Request;
use poem_openapi::{Object, OpenApi, types::Example};
use postern_token_verifier::TokenScheme;
use serde::Deserialize;

use super::{
    client_authentication::{FormCredentials, HeaderCredentials, authenticate},
    request_context,
};
use crate::{
    App,
    http::{
        no_store_json::NoStoreJson,
        oauth_error::OAuthError,
        oauth_errors::OAuthErrors,
        oauth_form::{OAuthForm, OAuthFormParameters},
    },
    tokens::introspection::{self, ActiveToken},
};

pub const PATH: &str = "/oauth2/introspect";

pub struct IntrospectionApi {
    app: App,
}

impl IntrospectionApi {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }
}

/// Which token to look at.
#[derive(Default, Deserialize, Object)]
#[serde(default)]
#[oai(example)]
struct IntrospectionRequest {
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

impl OAuthFormParameters for IntrospectionRequest {}

impl Example for IntrospectionRequest {
    fn example() -> Self {
        Self { token: "0pYzXTUyWbtO5IPm1LNYBs9PAXeBKWHZ0hIzKAEJrJ0".to_owned(), ..Self::default() }
    }
}

/// What the caller may know of the token (RFC 7662 section 2.2): only `{"active":false}` if it has ended, is unknown, or
/// is not for the caller.
#[derive(Default, Object)]
#[oai(example, skip_serializing_if_is_none, skip_serializing_if_is_empty, read_only_all)]
struct Introspection {
    /// Whether the token is valid now.
    #[oai(skip_serializing_if_is_empty = false)]
    active: bool,
    /// The issuer of the token.
    iss: Option<String>,
    /// Whose token it is: that of a user, or of the client itself.
    sub: Option<String>,
    /// Which APIs an access token is for.
    aud: Vec<String>,
    /// The client that it was issued to.
    client_id: Option<String>,
    /// The scope values of the token, separated by spaces.
    scope: Option<String>,
    /// `Bearer`, for an access token.
    token_type: Option<&'static str>,
    /// When the token expires, in seconds since the epoch.
    exp: Option<i64>,
    /// When it was issued.
    iat: Option<i64>,
    /// Identifier of an access token.
    jti: Option<String>,
    /// The session in which the token was issued.
    sid: Option<String>,
    /// When the user signed in.
    auth_time: Option<i64>,
    /// The authentication level of the sign-in.
    acr: Option<String>,
    /// The authentication methods of the sign-in (RFC 8176).
    amr: Vec<String>,
}

impl Example for Introspection {
    fn example() -> Self {
        Self {
            active: true,
            iss: Some("https://id.example.com".to_owned()),
            sub: Some("8f14e45f-ceea-467f-a8c3-0d5a2b1f0e11".to_owned()),
            aud: vec!["https://tasks.example.com".to_owned()],
            client_id: Some("tasks-web".to_owned()),
            scope: Some("tasks:read".to_owned()),
            token_type: Some("Bearer"),
            exp: Some(1_767_226_500),
            iat: Some(1_767_225_600),
            ..Self::default()
        }
    }
}

impl Introspection {
    fn from_active_token(issuer: &str, found: ActiveToken) -> Self {
        match found {
            ActiveToken::AccessToken(token) => Self {
                active: true,
                iss: Some(token.iss.clone()),
                sub: Some(token.sub.clone()),
                aud: token.aud.clone(),
                client_id: Some(token.client_id.clone()),
                scope: Some(token.scope.join(" ")),
                token_type: Some(TokenScheme::Bearer.name()),
                exp: Some(token.exp),
                iat: Some(token.iat),
                jti: Some(token.jti.clone()),
                sid: token.sid.clone(),
                auth_time: token.auth_time,
                acr: token.acr.clone(),
                amr: token.amr.clone(),
            },
            ActiveToken::RefreshToken(token) => Self {
                active: true,
                iss: Some(issuer.to_owned()),
                sub: token.subject,
                client_id: Some(token.active_grant.grant.client_id),
                scope: Some(token.active_grant.grant.scope.to_string()),
                exp: Some(token.expires_at.seconds()),
                iat: Some(token.issued_at.seconds()),
                sid: token.active_grant.grant.sid.map(|sid| sid.to_string()),
                ..Self::default()
            },
        }
    }
}

#[OpenApi(prefix_path = "/oauth2", tag = "super::super::Tag::Protocol")]
impl IntrospectionApi {
    /// Check a token
    ///
    /// Token introspection (RFC 7662), for clients with a secret. A client sees its own tokens. An API, which is the client
    /// whose `client_id` is the identifier of the resource, also sees the access tokens that are for it.
    #[oai(path = "/introspect", method = "post", operation_id = "introspect")]
    async fn introspect(
        &self,
        request: &Request,
        header: HeaderCredentials,
        form: OAuthForm<IntrospectionRequest>,
    ) -> Result<NoStoreJson<Introspection>, OAuthErrors<400, 401, 413, 415, 429, 503>> {
        let form = form.0;
        let credentials = FormCredentials {
            client_id: form.client_id.as_deref(),
            client_secret: form.client_secret.as_deref(),
            client_assertion_type: form.client_assertion_type.as_deref(),
            client_assertion: form.client_assertion.as_deref(),
        };
        let context = request_context(&self.app, request);
        let caller = authenticate(&self.app, &header, credentials, PATH, context).await?.client;
        // RFC 7662 section 2.1: a caller without a secret could scan for valid tokens.
        if caller.public() {
            let by_header = !matches!(header, HeaderCredentials::Absent);
            return Err(OAuthError::invalid_client(by_header).into());
        }
        if form.token.is_empty() {
            return Err(OAuthError::invalid_request("token is missing").into());
        }
        let found = introspection::introspect(&self.app, &caller, &form.token).await?;
        let introspection = found
            .map(|found| Introspection::from_active_token(&self.app.config.issuer, found))
            .unwrap_or_default();
        Ok(NoStoreJson(introspection))
    }
}
