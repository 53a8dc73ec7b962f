//! Defines `CachedDocument`: a public document that is built before it is requested, with its entity tag.

use std::{marker::PhantomData, time::Duration};

use bytes::Bytes;
use poem::{
    IntoResponse, Response,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};

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
    etag: HeaderValue,
    cache_control: HeaderValue,
}

impl CachedDocument {
    /// A JSON document under its entity tag.
    pub(super) fn new(body: Bytes, etag: &str, cache_control: HeaderValue) -> Self {
        // Callers build entity tags from base64url or hex, so the conversion cannot fail.
        let etag = HeaderValue::try_from(etag).unwrap_or(HeaderValue::from_static("\"\""));
        Self { body, etag, cache_control }
    }

    /// The document, or 304 when the caller has it (RFC 9110 section 13.1.2).
    pub(super) fn respond(&self, request: &HeaderMap) -> Response {
        let known = request.get(IF_NONE_MATCH).is_some_and(|tags| self.matches_etag(tags));
        let mut response = if known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let mut response: Response = self.body.clone().into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        };
        response.headers_mut().insert(ETAG, self.etag.clone());
        response.headers_mut().insert(CACHE_CONTROL, self.cache_control.clone());
        response
    }

    /// Tags are compared weakly: `W/` does not matter here.
    fn matches_etag(&self, tags: &HeaderValue) -> bool {
        let (Ok(tags), Ok(own)) = (tags.to_str(), self.etag.to_str()) else { return false };
        tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == own)
    }
}
