//! Reads the client's credentials in the `Authorization` header (`client_secret_basic`, RFC 6749 section 2.3.1).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use poem::{
    Request, RequestBody, Result,
    http::{HeaderMap, header::AUTHORIZATION},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};
use postern_service::form;

use crate::clients::Clients;

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

pub(super) struct Credentials {
    pub(super) client_id: String,
    pub(super) client_secret: String,
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
    pub(super) fn form_decoded(&self) -> Option<Credentials> {
        let (client_id, client_secret) = self.0.split_once(':')?;
        Some(Credentials {
            client_id: form::decode_text(client_id.as_bytes())?,
            client_secret: form::decode_text(client_secret.as_bytes())?,
        })
    }

    /// Both parts as they are, as `curl -u` and many libraries send them. A resource's name is a URI with colons in it, so
    /// the longest name of a client that these credentials begin with is meant.
    pub(super) fn split_at_client_id(&self, clients: &Clients) -> Option<Credentials> {
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
                 Both may stand in the form instead. A public client sends its `client_id` alone, in the form, or here with an empty secret.",
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
