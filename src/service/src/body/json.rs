//! Defines the JSON payload of the APIs: like poem-openapi's, but strict, and with errors that name the wrong
//! member.

use poem::{IntoResponse, Request, RequestBody, Response, http::header::CONTENT_TYPE};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions,
    payload::{ParsePayload, Payload},
    registry::{MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchemaRef, Registry},
    types::{ParseFromJSON, ToJSON, Type},
};
use postern_token_verifier::strict_json::{self, JsonError};

use super::{
    expect_media_type, read,
    schema::{self, SchemaMismatch},
};
use crate::problem::{MALFORMED, Problem};

const MEDIA_TYPE: &str = "application/json";

/// A JSON body of a request or a response. Use it instead of `poem_openapi::payload::Json`, which accepts
/// duplicate and unknown members, does not name the wrong member, and answers as plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: Type> Payload for Json<T> {
    const CONTENT_TYPE: &'static str = MEDIA_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ParseFromJSON + 'static> ParsePayload for Json<T> {
    const IS_REQUIRED: bool = T::IS_REQUIRED;

    async fn from_request(request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        expect_media_type(request.headers(), MEDIA_TYPE).map_err(Problem::from)?;
        let bytes = read(body.take()?).await.map_err(Problem::from)?;
        Ok(Self(parse(&bytes)?))
    }
}

impl<'a, T: ParseFromJSON + 'static> ApiExtractor<'a> for Json<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: MEDIA_TYPE, schema: Self::schema_ref() }];
        Some(MetaRequest { description: None, content, required: <Self as ParsePayload>::IS_REQUIRED })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        <Self as ParsePayload>::from_request(request, body).await
    }
}

impl<T: ToJSON> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let text = self.0.to_json_string();
        Response::builder().header(CONTENT_TYPE, MEDIA_TYPE).body(text)
    }
}

impl<T: ToJSON> ApiResponse for Json<T> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: MEDIA_TYPE, schema: T::schema_ref() }];
        let response = MetaResponse {
            description: "The answer.",
            status: Some(200),
            status_range: None,
            content,
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

fn parse<T: ParseFromJSON + 'static>(bytes: &[u8]) -> Result<T, Problem> {
    let value = strict_json::parse(bytes)?;
    schema::check::<T>(&value)?;
    // What the schema cannot say, such as the range of a number.
    T::parse_from_json(Some(value)).map_err(|_| Problem::new(MALFORMED).detail("the body is not valid"))
}

impl From<JsonError> for Problem {
    fn from(cause: JsonError) -> Self {
        let problem = Self::new(MALFORMED);
        match cause {
            JsonError::DuplicateMember(name) => {
                problem.detail(format!("`{name}` is given twice")).field(name)
            }
            JsonError::Syntax { line, column } => {
                problem.detail(format!("the body is not valid JSON at line {line}, column {column}"))
            }
        }
    }
}

impl From<SchemaMismatch> for Problem {
    fn from(SchemaMismatch { member, rule }: SchemaMismatch) -> Self {
        let problem = Self::new(MALFORMED);
        if member.is_empty() {
            problem.detail(format!("the body {rule}"))
        } else {
            problem.detail(format!("`{member}` {rule}")).field(member)
        }
    }
}
