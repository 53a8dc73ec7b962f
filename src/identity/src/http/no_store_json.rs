//! Defines `NoStoreJson`: a JSON response that no cache may store (RFC 6749 section 5.1).

use poem::{
    IntoResponse, Response,
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA},
    },
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::ToJSON,
};

pub struct NoStoreJson<T>(pub T);

impl<T: ToJSON> IntoResponse for NoStoreJson<T> {
    fn into_response(self) -> Response {
        no_store(self.0.to_json_string(), HeaderValue::from_static("application/json"))
    }
}

/// A response that no cache may store.
pub fn no_store(body: String, content_type: HeaderValue) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

impl<T: ToJSON> ApiResponse for NoStoreJson<T> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: "application/json", schema: T::schema_ref() }];
        let answer = MetaResponse {
            description: "The answer, with `Cache-Control: no-store`.",
            status: Some(200),
            status_range: None,
            content,
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![answer] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
