//! Defines the provider metadata (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2), built once at
//! the start.
//!
//! The metadata list exactly what works. Whoever adds an endpoint or a capability adds its member here.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use poem::http::HeaderMap;
use poem_openapi::{Object, OpenApi, types::ToJSON};
use postern_service::conditional::EntityTag;
use postern_token_verifier::Algorithm;

use super::{
    authorize,
    cached_document::{CachedDocument, DocumentResponse, public_cache_control},
    end_session, introspection, revocation, token,
};
use crate::{
    App,
    acr::Acr,
    claims::CLAIMS,
    clients::{SubjectType, policy::ResponseMode},
    crypto, login,
    resources::ISSUER_SCOPES,
    tokens::ID_TOKEN_CLAIMS,
};

/// How long the documents may be cached.
const MAX_AGE: Duration = Duration::from_mins(5);

/// How a confidential client authenticates.
const AUTH_METHODS: [&str; 4] =
    ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"];

pub struct DiscoveryApi(CachedDocument);

impl DiscoveryApi {
    pub fn new(app: &App) -> Self {
        let body = Metadata::from_app(app).to_json_string();
        let etag = EntityTag::strong(&URL_SAFE_NO_PAD.encode(crypto::token_hash(&body)));
        Self(CachedDocument::new(body.into(), etag, public_cache_control(MAX_AGE)))
    }
}

/// What this provider is and can do.
#[expect(clippy::struct_excessive_bools, reason = "the members are those of the specifications")]
#[derive(Object)]
#[oai(rename = "ProviderMetadata", skip_serializing_if_is_none, read_only_all)]
struct Metadata {
    /// The issuer, as in every token.
    issuer: String,
    /// Where a person signs in and allows.
    authorization_endpoint: String,
    /// Where a person signs out (OpenID Connect RP-Initiated Logout 1.0).
    end_session_endpoint: String,
    /// Clients are told by a logout token that a session ended (OpenID Connect Back-Channel Logout 1.0).
    backchannel_logout_supported: bool,
    /// Every logout token has `sid`.
    backchannel_logout_session_supported: bool,
    /// The page after a sign-out loads pages of clients (OpenID Connect Front-Channel Logout 1.0).
    frontchannel_logout_supported: bool,
    /// These pages get `iss` and `sid`.
    frontchannel_logout_session_supported: bool,
    /// Where apps get tokens.
    token_endpoint: String,
    /// Where the claims of a user come from.
    userinfo_endpoint: String,
    /// The URL of the public keys (JWKS).
    jwks_uri: String,
    /// Whether a token is active (RFC 7662).
    introspection_endpoint: String,
    /// Where tokens are ended (RFC 7009).
    revocation_endpoint: String,
    /// Scopes of the issuer itself; those of resources are theirs to tell.
    scopes_supported: Vec<&'static str>,
    /// What the authorization endpoint answers with.
    response_types_supported: Vec<&'static str>,
    /// How the authorization endpoint returns its response.
    response_modes_supported: Vec<&'static str>,
    /// Grant types that the token endpoint accepts.
    grant_types_supported: Vec<&'static str>,
    /// `sub` is the same for every client.
    subject_types_supported: Vec<&'static str>,
    /// How ID tokens are signed.
    id_token_signing_alg_values_supported: Vec<&'static str>,
    /// How userinfo is signed for a client that is registered for it.
    userinfo_signing_alg_values_supported: Vec<&'static str>,
    /// How clients authenticate at the token endpoint.
    token_endpoint_auth_methods_supported: Vec<&'static str>,
    /// How assertions of clients are signed there: by a key, or by the secret (HS256).
    token_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    /// How they authenticate to introspect.
    introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    /// How assertions of clients are signed there.
    introspection_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    /// How they authenticate to revoke.
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    /// How assertions of clients are signed there.
    revocation_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    /// How PKCE challenges are made (RFC 7636).
    code_challenge_methods_supported: Vec<&'static str>,
    /// Every authorization response names the issuer (RFC 9207).
    authorization_response_iss_parameter_supported: bool,
    /// What `prompt` may ask for.
    prompt_values_supported: Vec<&'static str>,
    /// Levels of sign-in that can be reached here.
    acr_values_supported: Vec<&'static str>,
    /// Languages of the pages and mails (BCP 47).
    ui_locales_supported: Vec<String>,
    /// What ID tokens and userinfo may say.
    claims_supported: Vec<&'static str>,
    /// All claims come from the issuer itself.
    claim_types_supported: Vec<&'static str>,
    /// Clients can request single claims (OpenID Connect Core section 5.5).
    claims_parameter_supported: bool,
    /// False: the parameter is not supported.
    request_parameter_supported: bool,
    /// False: the parameter is not supported.
    request_uri_parameter_supported: bool,
}

impl Metadata {
    fn from_app(app: &App) -> Self {
        let assertion_algorithms = vec!["RS256", "PS256", "ES256", "EdDSA", "HS256"];
        let signing_algorithms = Algorithm::ALL.map(Algorithm::name).to_vec();
        let with_none = [&AUTH_METHODS[..], &["none"]].concat();
        let at = |path: &str| format!("{}{path}", app.config.issuer);
        Self {
            issuer: app.config.issuer.clone(),
            authorization_endpoint: at(authorize::PATH),
            end_session_endpoint: at(end_session::PATH),
            backchannel_logout_supported: true,
            backchannel_logout_session_supported: true,
            frontchannel_logout_supported: true,
            frontchannel_logout_session_supported: true,
            token_endpoint: at(token::PATH),
            userinfo_endpoint: at("/oauth2/userinfo"),
            jwks_uri: at("/.well-known/jwks.json"),
            introspection_endpoint: at(introspection::PATH),
            revocation_endpoint: at(revocation::PATH),
            scopes_supported: ISSUER_SCOPES.iter().map(|scope| scope.name).collect(),
            response_types_supported: vec!["code"],
            response_modes_supported: ResponseMode::ALL.map(ResponseMode::as_str).to_vec(),
            grant_types_supported: vec!["authorization_code", "refresh_token", "client_credentials"],
            subject_types_supported: SubjectType::ALL.map(SubjectType::as_str).to_vec(),
            id_token_signing_alg_values_supported: signing_algorithms.clone(),
            userinfo_signing_alg_values_supported: signing_algorithms,
            token_endpoint_auth_methods_supported: with_none.clone(),
            token_endpoint_auth_signing_alg_values_supported: assertion_algorithms.clone(),
            introspection_endpoint_auth_methods_supported: AUTH_METHODS.to_vec(),
            introspection_endpoint_auth_signing_alg_values_supported: assertion_algorithms.clone(),
            revocation_endpoint_auth_methods_supported: with_none,
            revocation_endpoint_auth_signing_alg_values_supported: assertion_algorithms,
            code_challenge_methods_supported: vec!["S256"],
            authorization_response_iss_parameter_supported: true,
            prompt_values_supported: prompt_values(app),
            acr_values_supported: login::supported_acrs(app).into_iter().map(Acr::as_str).collect(),
            ui_locales_supported: app.templates.languages(),
            claims_supported: ID_TOKEN_CLAIMS
                .into_iter()
                .chain(CLAIMS.iter().map(|claim| claim.name))
                .collect(),
            claim_types_supported: vec!["normal"],
            claims_parameter_supported: true,
            request_parameter_supported: false,
            request_uri_parameter_supported: false,
        }
    }
}

fn prompt_values(app: &App) -> Vec<&'static str> {
    let create = login::self_registration_allowed(app).then_some("create");
    ["none", "login", "consent", "select_account"].into_iter().chain(create).collect()
}

#[expect(clippy::unused_async, reason = "poem-openapi wants every operation to be async")]
#[OpenApi(prefix_path = "/.well-known", tag = "super::super::Tag::Metadata")]
impl DiscoveryApi {
    /// Get the metadata for OpenID Connect
    ///
    /// Everything that a client needs to know of this provider (OpenID Connect Discovery 1.0 section 4).
    #[oai(path = "/openid-configuration", method = "get", operation_id = "openid_configuration")]
    async fn openid_configuration(&self, headers: &HeaderMap) -> DocumentResponse<Metadata> {
        self.0.respond(headers).into()
    }

    /// Get the metadata for OAuth 2.0
    ///
    /// The same document at the path of RFC 8414 section 3.
    #[oai(path = "/oauth-authorization-server", method = "get", operation_id = "oauth_authorization_server")]
    async fn oauth_authorization_server(&self, headers: &HeaderMap) -> DocumentResponse<Metadata> {
        self.0.respond(headers).into()
    }
}
