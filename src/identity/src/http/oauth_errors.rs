//! Defines how the errors of the protocol endpoints appear in the OpenAPI document.

use poem_openapi::{
    ApiResponse, Object,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::{Example, Type},
};

use super::oauth_error::OAuthError;

/// Why a request was refused (RFC 6749 section 5.2). Decide by `error`; the sentence may change.
#[derive(Object)]
#[oai(rename = "OAuthError", example, read_only_all)]
struct OAuthErrorBody {
    /// The kind of the error.
    error: String,
    /// A sentence for developers.
    error_description: String,
    /// A page about the reference at its end, by which an operator finds the request in the log.
    #[oai(skip_serializing_if_is_none)]
    error_uri: Option<String>,
}

impl Example for OAuthErrorBody {
    fn example() -> Self {
        Self {
            error: "invalid_grant".to_owned(),
            error_description: "the code or refresh token is not valid for this request".to_owned(),
            error_uri: Some("https://id.example.com/errors/7k2m9qxw4hd0t5vz".to_owned()),
        }
    }
}

/// An [`OAuthError`] of a handler, with the statuses that its document lists: `Result<_, OAuthErrors<400, 401, 503>>`.
/// A zero stands for no status.
#[derive(Debug)]
pub struct OAuthErrors<
    const A: u16,
    const B: u16 = 0,
    const C: u16 = 0,
    const D: u16 = 0,
    const E: u16 = 0,
    const F: u16 = 0,
>(OAuthError);

/// `?` converts every error that converts to an OAuth error.
impl<Cause, const A: u16, const B: u16, const C: u16, const D: u16, const E: u16, const F: u16> From<Cause>
    for OAuthErrors<A, B, C, D, E, F>
where
    Cause: Into<OAuthError>,
{
    fn from(cause: Cause) -> Self {
        Self(cause.into())
    }
}

impl<const A: u16, const B: u16, const C: u16, const D: u16, const E: u16, const F: u16>
    From<OAuthErrors<A, B, C, D, E, F>> for poem::Error
{
    fn from(errors: OAuthErrors<A, B, C, D, E, F>) -> Self {
        errors.0.into()
    }
}

impl<const A: u16, const B: u16, const C: u16, const D: u16, const E: u16, const F: u16> ApiResponse
    for OAuthErrors<A, B, C, D, E, F>
{
    fn meta() -> MetaResponses {
        let listed = [A, B, C, D, E, F].into_iter().filter(|status| *status != 0);
        MetaResponses { responses: listed.map(response).collect() }
    }

    fn register(registry: &mut Registry) {
        OAuthErrorBody::register(registry);
    }
}

fn response(status: u16) -> MetaResponse {
    let content =
        vec![MetaMediaType { content_type: "application/json", schema: OAuthErrorBody::schema_ref() }];
    MetaResponse {
        description: describe(status),
        status: Some(status),
        status_range: None,
        content,
        headers: Vec::new(),
    }
}

fn describe(status: u16) -> &'static str {
    match status {
        400 => "The request is malformed or cannot be granted; `error` says which.",
        401 => "The credentials are missing or wrong.",
        403 => "The access token does not allow this.",
        413 => "The body is too large.",
        415 => "The body is not a form.",
        429 => "Too many requests; `Retry-After` says how long to wait.",
        503 => "Not available just now; `Retry-After` says how long to wait.",
        _ => "The request was refused.",
    }
}
