//! Defines a file that never changes while the service runs: kept compressed, answered with an `ETag`.
//!
//! Only for files without a secret: the length of a compressed one would tell about it (BREACH).

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

/// A file and its headers.
pub struct Asset {
    compressed: Bytes,
    headers: HeaderMap,
    etag: HeaderValue,
}

impl Asset {
    /// Keeps `content`.
    pub fn new(content_type: &'static str, content: &[u8]) -> Self {
        // Weak (RFC 9110 section 8.8.1): the same for both encodings.
        let etag = format!("W/\"{}\"", &URL_SAFE_NO_PAD.encode(Sha256::digest(content))[..22]);
        let etag = HeaderValue::try_from(etag).unwrap_or(HeaderValue::from_static("W/\"\""));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(ETAG, etag.clone());
        Self { compressed: compress(content).into(), headers, etag }
    }

    /// Adds a content security policy. One that cannot be written becomes the strictest.
    #[must_use]
    pub fn policy(self, policy: &str) -> Self {
        let strictest = HeaderValue::from_static("default-src 'none'");
        self.header(CONTENT_SECURITY_POLICY, HeaderValue::from_str(policy).unwrap_or(strictest))
    }

    /// Adds a header to its answers.
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
        if names(request.headers(), &self.etag) {
            response.set_status(StatusCode::NOT_MODIFIED);
        } else if takes_gzip(request.headers()) {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response.set_body(Body::from_bytes(self.compressed.clone()));
        } else {
            response.set_body(decompress(&self.compressed).map_err(|cause| Problem::internal(&cause))?);
        }
        Ok(response)
    }
}

/// Whether `If-None-Match` names the tag (RFC 9110 section 13.1.2).
fn names(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let tag = etag.to_str().unwrap_or_default().trim_start_matches("W/");
    let given = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    given
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|given| given == "*" || given.trim_start_matches("W/") == tag)
}

/// Whether `Accept-Encoding` has gzip with a weight above zero (RFC 9110 section 12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
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
