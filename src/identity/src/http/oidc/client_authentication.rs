//! Answers which client sent a request (RFC 6749 section 2.3).
//!
//! A confidential client sends its secret in the header (`client_secret_basic`) or in the form
//! (`client_secret_post`). Both are accepted for every confidential client, because the secret is the same
//! and libraries differ in their default. A public client sends its `client_id` alone (`none`); a
//! confidential client never does. Two methods in one request are refused. Every other failure is one error
//! without a reason, and counts against the IP of the request. Leaves the wire errors to `http::oauth_error`
//! and `http::problem`.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use poem::{
    Request, RequestBody, Result,
    http::{HeaderMap, header::AUTHORIZATION},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};
use postern_service::database::DatabaseError;

use postern_service::form;

use crate::{
    App,
    clients::{Client, Clients},
    core::{Actor, RequestContext},
    rate_limit::{self, Limit, TakeOutcome},
    tokens::scope::printable_excerpt,
};

/// Colons that a client's name may have and still be recognised where it is not encoded: more than any URI needs, and few
/// enough that a stranger's header costs little.
const MAX_COLONS: usize = 16;

/// Name of the security scheme in the OpenAPI document.
const SCHEME: &str = "client_secret_basic";

/// The credentials in the `Authorization` header, not verified yet.
#[derive(Debug)]
pub enum HeaderCredentials {
    Absent,
    Basic(BasicCredentials),
    /// Something else, or something malformed.
    Malformed,
}

struct Credentials {
    client_id: String,
    client_secret: String,
}

/// The decoded value `client_id:client_secret`. Both parts may contain colons, so the value is split only
/// when a client is looked up.
pub struct BasicCredentials(String);

impl std::fmt::Debug for BasicCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BasicCredentials").finish_non_exhaustive()
    }
}

impl HeaderCredentials {
    fn from_headers(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Self::Absent };
        if values.next().is_some() {
            return Self::Malformed;
        }
        value.to_str().ok().and_then(parse_basic).map_or(Self::Malformed, Self::Basic)
    }
}

/// RFC 7617 section 2.
fn parse_basic(value: &str) -> Option<BasicCredentials> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim_start_matches(' ')).ok()?;
    String::from_utf8(decoded).ok().filter(|text| text.contains(':')).map(BasicCredentials)
}

impl BasicCredentials {
    /// RFC 6749 section 2.3.1: both parts are encoded as in a form, so the first colon ends the name.
    fn form_decoded(&self) -> Option<Credentials> {
        let (client_id, client_secret) = self.0.split_once(':')?;
        Some(Credentials {
            client_id: form::decode_text(client_id.as_bytes())?,
            client_secret: form::decode_text(client_secret.as_bytes())?,
        })
    }

    /// Both parts as they are, as `curl -u` and many libraries send them. A resource's name is a URI with colons in it, so
    /// the longest name of a client that these credentials begin with is meant.
    fn split_at_client_id(&self, clients: &Clients) -> Option<Credentials> {
        let ends = self.0.match_indices(':').take(MAX_COLONS).map(|(at, _)| at);
        let end = ends.filter(|at| clients.find(&self.0[..*at]).is_some()).last()?;
        Some(Credentials { client_id: self.0[..end].to_owned(), client_secret: self.0[end + 1..].to_owned() })
    }
}

impl<'a> ApiExtractor<'a> for HeaderCredentials {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = MetaSecurityScheme {
            ty: "http",
            description: Some(
                "`client_id` and `client_secret`, each encoded as in a form (RFC 6749 section 2.3.1) or as they are. \
                 Both may stand in the form instead. A public client sends its `client_id` alone.",
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

    /// Makes the scheme optional in the document, because the form may hold the credentials instead.
    fn has_security_fallback() -> bool {
        true
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        Ok(Self::from_headers(request.headers()))
    }
}

/// A client that authenticated, and the context in which it acts.
pub struct AuthenticatedClient {
    pub client: Arc<Client>,
    pub context: RequestContext,
}

/// Why a client did not authenticate.
#[derive(Debug, thiserror::Error)]
pub enum ClientAuthenticationError {
    /// RFC 6749 section 2.3: "The client MUST NOT use more than one authentication method in each request."
    #[error("more than one client authentication method")]
    SeveralMethods,
    /// The form names another client than the header.
    #[error("client_id differs from the authenticated client")]
    OtherClientId,
    /// The client is unknown or did not prove who it is. Says nothing more: the log has the reason.
    #[error("client authentication failed")]
    Rejected {
        /// Whether the request used the header, which then gets a challenge.
        by_header: bool,
    },
    /// Too many attempts from the same source failed.
    #[error("too many failures of client authentication")]
    TooManyFailures { retry_after: Duration },
    /// A database operation failed.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

/// Authenticates the client of a request, by the header or by the form.
pub async fn authenticate(
    app: &App,
    header: &HeaderCredentials,
    form_client_id: Option<&str>,
    form_client_secret: Option<&str>,
    context: RequestContext,
) -> Result<AuthenticatedClient, ClientAuthenticationError> {
    let by_header = !matches!(header, HeaderCredentials::Absent);
    if by_header && form_client_secret.is_some() {
        return Err(ClientAuthenticationError::SeveralMethods);
    }
    let clients = app.clients();
    let proven = match (header, form_client_id, form_client_secret) {
        (HeaderCredentials::Basic(sent), ..) => {
            // A client that the first reading finds by chance, such as one named `https`, must not keep out the one that
            // proves itself in the second.
            let mut readings = [sent.form_decoded(), sent.split_at_client_id(&clients)].into_iter().flatten();
            let verify = |own: Credentials| {
                verify_credentials(app, &clients, &own.client_id, Some(&own.client_secret))
            };
            readings.find_map(verify)
        }
        (HeaderCredentials::Absent, Some(client_id), secret) => {
            verify_credentials(app, &clients, client_id, secret)
        }
        (HeaderCredentials::Absent, None, _) | (HeaderCredentials::Malformed, _, _) => None,
    };
    match proven {
        Some(client) if by_header && form_client_id.is_some_and(|named| named != client.client_id()) => {
            Err(ClientAuthenticationError::OtherClientId)
        }
        Some(client) => {
            let context = context.by(Actor::Client(client.client_id().to_owned()));
            Ok(AuthenticatedClient { client, context })
        }
        None => {
            let failed = FailedAuthentication::from_credentials(header, form_client_id, form_client_secret);
            Err(reject(app, &failed, &context).await)
        }
    }
}

/// The client with this name, if it is a public one and no secret came, or if it knows the secret that came.
fn verify_credentials(
    app: &App,
    clients: &Clients,
    client_id: &str,
    secret: Option<&str>,
) -> Option<Arc<Client>> {
    let client = clients.find(client_id)?;
    let proven = match secret {
        Some(secret) => !client.public() && client.secret_matches(secret, app.clock.now()),
        None => client.public(),
    };
    proven.then(|| Arc::clone(client))
}

/// Which client a request says it is from, and what came to prove it: for the log.
struct FailedAuthentication {
    client_id: String,
    presented: &'static str,
    by_header: bool,
}

impl FailedAuthentication {
    fn from_credentials(header: &HeaderCredentials, client_id: Option<&str>, secret: Option<&str>) -> Self {
        let named = client_id.unwrap_or_default().to_owned();
        let (client_id, found, by_header) = match (header, secret) {
            (HeaderCredentials::Basic(sent), _) => {
                (sent.form_decoded().map_or(named, |sent| sent.client_id), "a secret in the header", true)
            }
            (HeaderCredentials::Malformed, _) => (named, "another Authorization header", true),
            (HeaderCredentials::Absent, Some(_)) => (named, "a secret in the form", false),
            (HeaderCredentials::Absent, None) => (named, "no secret", false),
        };
        Self { client_id, presented: found, by_header }
    }

    /// Says which credentials would have been accepted.
    fn expected(&self, clients: &Clients) -> &'static str {
        match clients.find(&self.client_id) {
            None => "a client that is known and enabled",
            Some(client) if client.public() => "no secret, for the client is public",
            Some(_) => "a live secret of the client",
        }
    }
}

/// Refuses without saying why, and counts it (RFC 6749 section 2.3.1). A success counts nothing, so it costs no write.
async fn reject(
    app: &App,
    claim: &FailedAuthentication,
    context: &RequestContext,
) -> ClientAuthenticationError {
    let (client_id, expected) =
        (printable_excerpt([claim.client_id.as_str()]), claim.expected(&app.clients()));
    let ip = context.ip.map(tracing::field::display);
    tracing::info!(client_id, found = claim.presented, expected, ip, "client authentication failed");
    metrics::counter!("postern_client_authentication_failures_total").increment(1);
    let limit =
        Limit { name: "client_failures_per_source", rate: app.config.limits.client_failures_per_source };
    match rate_limit::take_relaxed(app, limit, &rate_limit::source_of_ip(context.ip)).await {
        Ok(TakeOutcome::Within(_)) => ClientAuthenticationError::Rejected { by_header: claim.by_header },
        Ok(TakeOutcome::Limited { retry_after, .. }) => {
            ClientAuthenticationError::TooManyFailures { retry_after }
        }
        Err(cause) => cause.into(),
    }
}
