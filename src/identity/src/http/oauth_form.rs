//! Defines `OAuthForm`: the form of a protocol endpoint, parsed by the rules of RFC 6749 section 3.2.
//!
//! A repeated parameter is an error, unless a specification allows repetition. An empty parameter counts as
//! omitted, and an unknown one is ignored. Every fault is answered with an `OAuthError`. poem-openapi's own
//! form follows none of these rules.

use poem::{Request, RequestBody};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, Registry},
    types::Type,
};
use postern_service::{body::BodyError, form};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::oauth_error::OAuthError;

/// The parameters of an endpoint: strings that may be missing, and lists of those that may repeat.
pub trait OAuthFormParameters: Type + DeserializeOwned + Send {
    /// Parameters that may be given several times, such as `resource` (RFC 8707 section 2). Their fields are lists.
    const REPEATABLE: &'static [&'static str] = &[];
}

#[derive(Debug)]
pub struct OAuthForm<T>(pub T);

impl<'a, T: OAuthFormParameters> ApiExtractor<'a> for OAuthForm<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: form::MEDIA_TYPE, schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let form = read_form_body(request, body).await.and_then(|body| parse(&body));
        Ok(Self(form?))
    }
}

async fn read_form_body(request: &Request, body: &mut RequestBody) -> Result<bytes::Bytes, OAuthError> {
    let body = body.take().map_err(|_| BodyError::Broken)?;
    Ok(form::read_body(request.headers(), body).await?)
}

/// Reads the parameters of a form's text.
pub fn parse<T: OAuthFormParameters>(body: &[u8]) -> Result<T, OAuthError> {
    let fields = form::decode(body).map_err(|cause| OAuthError::invalid_request(cause.to_string()))?;
    let mut members = Map::new();
    // RFC 6749 section 3.2: "Parameters sent without a value MUST be treated as if they were omitted".
    for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
        if T::REPEATABLE.contains(&name.as_str()) {
            let list = members.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            list.as_array_mut().into_iter().for_each(|list| list.push(Value::String(value.clone())));
        } else if members.contains_key(&name) {
            // RFC 6749 section 3.2: "parameters MUST NOT be included more than once".
            return Err(OAuthError::invalid_request(format!(
                "parameter {} is there twice",
                printable_name(&name)
            )));
        } else {
            members.insert(name, Value::String(value));
        }
    }
    serde_json::from_value(Value::Object(members))
        .map_err(|_| OAuthError::invalid_request("the form is malformed"))
}

/// A parameter's name as an error description may show it.
fn printable_name(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect()
}
