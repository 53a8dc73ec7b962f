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
use postern_service::body::{BodyError, expect_media_type, read};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::oauth_error::OAuthError;

/// Most parameters of a form.
const MAX_PARAMETERS: usize = 200;

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

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
        let content = vec![MetaMediaType { content_type: MEDIA_TYPE, schema: T::schema_ref() }];
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

/// The form's text: none when there is no body at all, which only optional forms allow.
async fn read_form_body(request: &Request, body: &mut RequestBody) -> Result<bytes::Bytes, OAuthError> {
    expect_media_type(request.headers(), MEDIA_TYPE)?;
    let body = body.take().map_err(|_| BodyError::Broken)?;
    Ok(read(body).await?)
}

/// Reads the parameters of a form's text.
pub fn parse<T: OAuthFormParameters>(body: &[u8]) -> Result<T, OAuthError> {
    let mut members = Map::new();
    if body.split(|byte| *byte == b'&').nth(MAX_PARAMETERS).is_some() {
        return Err(OAuthError::invalid_request(format!(
            "the form has more than {MAX_PARAMETERS} parameters"
        )));
    }
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let (name, value) = split_pair(pair);
        let (name, value) = (decode(name)?, decode(value)?);
        // RFC 6749 section 3.2: "Parameters sent without a value MUST be treated as if they were omitted".
        if value.is_empty() {
            continue;
        }
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

fn split_pair(pair: &[u8]) -> (&[u8], &[u8]) {
    match pair.iter().position(|byte| *byte == b'=') {
        Some(at) => (&pair[..at], &pair[at + 1..]),
        None => (pair, &[]),
    }
}

/// Decodes a name or a value. Invalid UTF-8 is an error and is not replaced.
fn decode(text: &[u8]) -> Result<String, OAuthError> {
    form_decode(text).ok_or_else(|| OAuthError::invalid_request("the form is malformed"))
}

/// Decodes a name or a value; none if it is malformed.
pub(super) fn form_decode(text: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(*rest.next()?)? << 4 | hex_digit(*rest.next()?)?,
            other => *other,
        });
    }
    // No parameter contains NUL, and PostgreSQL rejects NUL in text.
    String::from_utf8(decoded).ok().filter(|text| !text.contains('\0'))
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A parameter's name as an error description may show it.
fn printable_name(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::form_decode;

    #[test]
    fn forms_are_decoded_strictly() {
        assert_eq!(form_decode(b"a+b%20c%C3%A4").as_deref(), Some("a b cä"));
        for malformed in [&b"%"[..], b"%4", b"%zz", b"%ff", b"%00"] {
            assert_eq!(form_decode(malformed), None, "{malformed:?}");
        }
    }
}
