//! Answers which client is calling (RFC 6749 section 2.3).
//!
//! A client that has a secret proves itself by it, in the header (`client_secret_basic`) or in the form
//! (`client_secret_post`), whichever its library sends: it is one secret, and libraries differ in their default. A public
//! client gives its name alone (`none`), one with a secret never does. Two methods in one request are `invalid_request`;
//! whatever else is wrong is `invalid_client`, without saying what. Failures are counted per source.

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
    clients::{Client, Clients},
    core::RequestContext,
    rate_limit::{self, Limit, TakeOutcome},
    tokens::scope::printable_excerpt,
};

/// Colons that a client's name may have and still be recognised where it is not encoded: more than any URI needs, and few
/// enough that a stranger's header costs little.
const MOST_COLONS: usize = 16;

/// The name of the scheme in the document.
const SCHEME: &str = "client_secret_basic";

/// What the `Authorization` header says, not judged yet.
#[derive(Debug)]
pub enum HeaderCredentials {
    Absent,
    Basic(BasicCredentials),
    /// Something else, or something malformed.
    Unusable,
}

/// A client's name and secret.
struct Credentials {
    client_id: String,
    client_secret: String,
}

/// What stands in the header: name, colon and secret. Where the name ends is not told yet, for both may hold colons.
pub struct BasicCredentials(String);

impl std::fmt::Debug for BasicCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BasicCredentials").finish_non_exhaustive()
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

/// RFC 7617 section 2.
fn basic(value: &str) -> Option<BasicCredentials> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim_start_matches(' ')).ok()?;
    String::from_utf8(decoded).ok().filter(|text| text.contains(':')).map(BasicCredentials)
}

impl BasicCredentials {
    /// RFC 6749 section 2.3.1: both parts are encoded as in a form, so the first colon ends the name.
    fn encoded(&self) -> Option<Credentials> {
        let (client_id, client_secret) = self.0.split_once(':')?;
        Some(Credentials {
            client_id: form_decode(client_id.as_bytes())?,
            client_secret: form_decode(client_secret.as_bytes())?,
        })
    }

    /// Both parts as they are, as `curl -u` and many libraries send them. A resource's name is a URI with colons in it, so
    /// the longest name of a client that these credentials begin with is meant.
    fn plain(&self, clients: &Clients) -> Option<Credentials> {
        let ends = self.0.match_indices(':').take(MOST_COLONS).map(|(at, _)| at);
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
    context: &RequestContext,
) -> Result<Arc<Client>, OAuthError> {
    let by_header = !matches!(header, HeaderCredentials::Absent);
    // RFC 6749 section 2.3: "The client MUST NOT use more than one authentication method in each request."
    if by_header && form_client_secret.is_some() {
        return Err(OAuthError::invalid_request("more than one client authentication method"));
    }
    let clients = app.clients();
    let proven = match (header, form_client_id, form_client_secret) {
        (HeaderCredentials::Basic(sent), ..) => {
            // A client that the first reading finds by chance, such as one named `https`, must not keep out the one that
            // proves itself in the second.
            let mut readings = [sent.encoded(), sent.plain(&clients)].into_iter().flatten();
            let proves = |own: Credentials| proves(app, &clients, &own.client_id, Some(&own.client_secret));
            readings.find_map(proves)
        }
        (HeaderCredentials::Absent, Some(client_id), secret) => proves(app, &clients, client_id, secret),
        (HeaderCredentials::Absent, None, _) | (HeaderCredentials::Unusable, _, _) => None,
    };
    match proven {
        Some(client) if by_header && form_client_id.is_some_and(|named| named != client.client_id()) => {
            Err(OAuthError::invalid_request("client_id differs from the authenticated client"))
        }
        Some(client) => Ok(client),
        None => refused(app, &Claim::of(header, form_client_id, form_client_secret), context).await,
    }
}

/// The client with this name, if it is a public one and no secret came, or if it knows the secret that came.
fn proves(app: &App, clients: &Clients, client_id: &str, secret: Option<&str>) -> Option<Arc<Client>> {
    let client = clients.find(client_id)?;
    let proven = match secret {
        Some(secret) => !client.public() && client.secret_matches(secret, app.clock.now()),
        None => client.public(),
    };
    proven.then(|| Arc::clone(client))
}

/// Which client a request says it is from, and what came to prove it: for the log.
struct Claim {
    client_id: String,
    found: &'static str,
    by_header: bool,
}

impl Claim {
    fn of(header: &HeaderCredentials, client_id: Option<&str>, secret: Option<&str>) -> Self {
        let named = client_id.unwrap_or_default().to_owned();
        let (client_id, found, by_header) = match (header, secret) {
            (HeaderCredentials::Basic(sent), _) => {
                (sent.encoded().map_or(named, |sent| sent.client_id), "a secret in the header", true)
            }
            (HeaderCredentials::Unusable, _) => (named, "another Authorization header", true),
            (HeaderCredentials::Absent, Some(_)) => (named, "a secret in the form", false),
            (HeaderCredentials::Absent, None) => (named, "no secret", false),
        };
        Self { client_id, found, by_header }
    }

    /// What would have been right.
    fn expected(&self, clients: &Clients) -> &'static str {
        match clients.find(&self.client_id) {
            None => "a client that is known and enabled",
            Some(client) if client.public() => "no secret, for the client is public",
            Some(_) => "a live secret of the client",
        }
    }
}

/// Refuses without saying why, and counts it (RFC 6749 section 2.3.1). A success counts nothing, so it costs no write.
async fn refused<T>(app: &App, claim: &Claim, context: &RequestContext) -> Result<T, OAuthError> {
    let (client_id, expected) =
        (printable_excerpt([claim.client_id.as_str()]), claim.expected(&app.clients()));
    let ip = context.ip.map(tracing::field::display);
    tracing::info!(client_id, found = claim.found, expected, ip, "client authentication failed");
    metrics::counter!("postern_client_authentication_failures_total").increment(1);
    let limit =
        Limit { name: "client_failures_per_source", rate: app.config.limits.client_failures_per_source };
    match rate_limit::take_relaxed(app, limit, &rate_limit::source_of_ip(context.ip)).await? {
        TakeOutcome::Within(_) => Err(OAuthError::invalid_client(claim.by_header)),
        TakeOutcome::Limited { retry_after, .. } => Err(OAuthError::too_many_requests(retry_after)),
    }
}
