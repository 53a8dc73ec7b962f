//! Defines `CachedDocument`: a public document that is built before it is requested, with its entity tag.

use std::{marker::PhantomData, time::Duration};

use bytes::Bytes;
use poem::{
    IntoResponse, Response,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG},
    },
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};
use postern_service::conditional::EntityTag;

/// May be cached by anybody for so long.
pub(super) fn public_cache_control(max_age: Duration) -> HeaderValue {
    HeaderValue::try_from(format!("public, max-age={}", max_age.as_secs()))
        .unwrap_or(HeaderValue::from_static("no-cache"))
}

/// The answer of an operation whose document says that it is a `T`.
pub(super) struct DocumentResponse<T>(Response, PhantomData<fn() -> T>);

impl<T> From<Response> for DocumentResponse<T> {
    fn from(response: Response) -> Self {
        Self(response, PhantomData)
    }
}

impl<T> IntoResponse for DocumentResponse<T> {
    fn into_response(self) -> Response {
        self.0
    }
}

impl<T: Type> ApiResponse for DocumentResponse<T> {
    fn meta() -> MetaResponses {
        let answer = |status, description, content| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content,
            headers: Vec::new(),
        };
        let document = MetaMediaType { content_type: "application/json", schema: T::schema_ref() };
        MetaResponses {
            responses: vec![
                answer(200, "The document, with `ETag` and `Cache-Control`.", vec![document]),
                answer(304, "The caller has it already (`If-None-Match`).", Vec::new()),
            ],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// A document in memory. Neither cloning nor responding copies the body.
#[derive(Clone, Debug)]
pub(super) struct CachedDocument {
    body: Bytes,
    etag: EntityTag,
    cache_control: HeaderValue,
}

impl CachedDocument {
    pub(super) fn new(body: Bytes, etag: EntityTag, cache_control: HeaderValue) -> Self {
        Self { body, etag, cache_control }
    }

    /// The document, or 304 if the client has this version.
    pub(super) fn respond(&self, request: &HeaderMap) -> Response {
        let mut response = if self.etag.known_to_client(request) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let mut response: Response = self.body.clone().into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        };
        response.headers_mut().insert(ETAG, self.etag.header_value());
        response.headers_mut().insert(CACHE_CONTROL, self.cache_control.clone());
        response
    }
}
