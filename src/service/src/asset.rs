//! Defines a static file: kept compressed in memory, answered with an `ETag`.
//!
//! Only for files without secrets: the length of a compressed response would reveal them (BREACH).

use std::io::{Read as _, Write as _};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use poem::{
    Body, Endpoint, Request, Response, Result,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{
            ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
            IF_NONE_MATCH, VARY,
        },
    },
};
use sha2::{Digest as _, Sha256};

use crate::problem::Problem;

pub struct Asset {
    compressed: Bytes,
    headers: HeaderMap,
    etag: HeaderValue,
}

impl Asset {
    pub fn new(content_type: &'static str, content: &[u8]) -> Self {
        // A weak tag (RFC 9110 section 8.8.1), because it is the same for both encodings.
        let etag = format!("W/\"{}\"", &URL_SAFE_NO_PAD.encode(Sha256::digest(content))[..22]);
        let etag = HeaderValue::try_from(etag).unwrap_or(HeaderValue::from_static("W/\"\""));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(ETAG, etag.clone());
        Self { compressed: compress(content).into(), headers, etag }
    }

    /// Adds a content security policy. A policy that is not a valid header value is replaced by the strictest
    /// one.
    #[must_use]
    pub fn content_security_policy(self, policy: &str) -> Self {
        let strictest = HeaderValue::from_static("default-src 'none'");
        self.header(CONTENT_SECURITY_POLICY, HeaderValue::from_str(policy).unwrap_or(strictest))
    }

    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl Endpoint for Asset {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let mut response = Response::builder().finish();
        *response.headers_mut() = self.headers.clone();
        if etag_matches(request.headers(), &self.etag) {
            response.set_status(StatusCode::NOT_MODIFIED);
        } else if accepts_gzip(request.headers()) {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response.set_body(Body::from_bytes(self.compressed.clone()));
        } else {
            response.set_body(decompress(&self.compressed).map_err(|cause| Problem::internal(&cause))?);
        }
        Ok(response)
    }
}

/// Whether `If-None-Match` contains the tag (RFC 9110 section 13.1.2).
fn etag_matches(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let tag = etag.to_str().unwrap_or_default().trim_start_matches("W/");
    let given = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    given
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|given| given == "*" || given.trim_start_matches("W/") == tag)
}

/// Whether `Accept-Encoding` has gzip with a weight above zero (RFC 9110 section 12.5.3).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let given = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    given.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let refused = weight.trim().trim_start_matches("q=").parse() == Ok(0.0_f32);
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

fn compress(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _ = encoder.write_all(content);
    encoder.finish().unwrap_or_default()
}

fn decompress(compressed: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    GzDecoder::new(compressed).read_to_end(&mut content)?;
    Ok(content)
}
