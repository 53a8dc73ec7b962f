//! Answers which client is calling (RFC 6749 section 2.3).
//!
//! By the one method that the client is registered for, and no other: the header (`client_secret_basic`), the form
//! (`client_secret_post`), or, for a public client, its name alone (`none`). Two methods in one request are
//! `invalid_request`; whatever else is wrong is `invalid_client`, without saying what. Failures are counted per source.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use poem::{
    Request, RequestBody, Result,
    http::{HeaderMap, header::AUTHORIZATION},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};

use super::super::{error::OAuthError, oauth_form::form_decode};
use crate::{
    App,
    audit::Origin,
    clients::{Client, ClientAuthMethod},
    rate_limit::{self, Limit, Taken},
};

/// The name of the scheme in the document.
const SCHEME: &str = "client_secret_basic";

/// What the `Authorization` header says, not judged yet.
#[derive(Debug)]
pub enum HeaderCredentials {
    /// There is none.
    Absent,
    /// Name and secret.
    Basic(Credentials),
    /// Something else, or something malformed.
    Unusable,
}

/// A client's name and secret.
pub struct Credentials {
    client_id: String,
    client_secret: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl HeaderCredentials {
    fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Self::Absent };
        if values.next().is_some() {
            return Self::Unusable;
        }
        value.to_str().ok().and_then(basic).map_or(Self::Unusable, Self::Basic)
    }
}

/// RFC 7617 section 2; RFC 6749 section 2.3.1 has both parts encoded as in a form before.
fn basic(value: &str) -> Option<Credentials> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim_start_matches(' ')).ok()?;
    let at = decoded.iter().position(|byte| *byte == b':')?;
    Some(Credentials {
        client_id: form_decode(&decoded[..at])?,
        client_secret: form_decode(&decoded[at + 1..])?,
    })
}

impl<'a> ApiExtractor<'a> for HeaderCredentials {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = MetaSecurityScheme {
            ty: "http",
            description: Some(
                "`client_id` and `client_secret`, each encoded as in a form (RFC 6749 section 2.3.1). A client that is \
                 registered for `client_secret_post` sends both in the form instead, a public one its `client_id` alone.",
            ),
            name: None,
            key_in: None,
            scheme: Some("basic"),
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(SCHEME, scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    /// The form may hold the credentials instead.
    fn has_security_fallback() -> bool {
        true
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        Ok(Self::of(request.headers()))
    }
}

/// The client that a request is from.
pub async fn authenticate(
    app: &App,
    header: &HeaderCredentials,
    form_client_id: Option<&str>,
    form_client_secret: Option<&str>,
    origin: &Origin,
) -> Result<Arc<Client>, OAuthError> {
    let by_header = !matches!(header, HeaderCredentials::Absent);
    // RFC 6749 section 2.3: "The client MUST NOT use more than one authentication method in each request."
    if by_header && form_client_secret.is_some() {
        return Err(OAuthError::invalid_request("more than one client authentication method"));
    }
    let (client_id, secret, method) = match (header, form_client_id, form_client_secret) {
        (HeaderCredentials::Basic(own), Some(named), _) if own.client_id != named => {
            return Err(OAuthError::invalid_request("client_id differs from the authenticated client"));
        }
        (HeaderCredentials::Basic(own), _, _) => {
            (own.client_id.as_str(), own.client_secret.as_str(), ClientAuthMethod::ClientSecretBasic)
        }
        (HeaderCredentials::Absent, Some(client_id), Some(secret)) => {
            (client_id, secret, ClientAuthMethod::ClientSecretPost)
        }
        (HeaderCredentials::Absent, Some(client_id), None) => (client_id, "", ClientAuthMethod::None),
        (HeaderCredentials::Absent, None, _) | (HeaderCredentials::Unusable, _, _) => {
            return refused(app, by_header, origin).await;
        }
    };
    let clients = app.clients();
    match clients.find(client_id) {
        Some(client) if proves(app, client, method, secret) => Ok(Arc::clone(client)),
        _ => refused(app, by_header, origin).await,
    }
}

fn proves(app: &App, client: &Client, method: ClientAuthMethod, secret: &str) -> bool {
    client.auth_method == method
        && (method == ClientAuthMethod::None || client.knows_secret(secret, app.clock.now()))
}

/// Refuses without saying why, and counts it (RFC 6749 section 2.3.1). A success counts nothing, so it costs no write.
async fn refused<T>(app: &App, by_header: bool, origin: &Origin) -> Result<T, OAuthError> {
    tracing::info!(ip = ?origin.ip, "client authentication failed");
    metrics::counter!("postern_client_authentication_failures_total").increment(1);
    let limit =
        Limit { name: "client_failures_per_source", rate: app.config.limits.client_failures_per_source };
    match rate_limit::take_now(app, limit, &rate_limit::source(origin.ip)).await? {
        Taken::Within(_) => Err(OAuthError::invalid_client(by_header)),
        Taken::Limited { retry_after, .. } => Err(OAuthError::too_many_requests(retry_after)),
    }
}
