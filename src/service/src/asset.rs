//! Defines static files: kept compressed in memory, answered with an `ETag`.
//!
//! Only for files without secrets: the length of a compressed response would reveal them (BREACH). The path of
//! a file of [`Assets`] contains a hash of its content. So browsers may keep the file for ever, and a new
//! version has a new path.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use poem::{
    Body, Endpoint, Request, Response, Result,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{
            ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
            VARY,
        },
    },
};
use sha2::{Digest as _, Sha256};

use crate::{conditional::EntityTag, problem::Problem};

/// For a path that contains the hash of the content.
pub const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// An SVG is a document when its path is opened itself: then it runs and loads nothing, and only its own styles hold.
pub const PICTURE_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'";
/// For a path with the hash of another version, from a page of a node with that version.
const REVALIDATE: HeaderValue = HeaderValue::from_static("public, no-cache");

#[derive(Debug, Clone)]
pub struct Asset {
    compressed: Bytes,
    headers: HeaderMap,
    etag: EntityTag,
    /// The first 22 characters of the base64url SHA-256 of the content.
    hash: String,
}

impl Asset {
    pub fn new(content_type: &'static str, content: &[u8]) -> Self {
        let mut hash = URL_SAFE_NO_PAD.encode(Sha256::digest(content));
        hash.truncate(22);
        // A weak tag, because it is the same for both encodings.
        let etag = EntityTag::weak(&hash);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(ETAG, etag.header_value());
        Self { compressed: compress(content).into(), headers, etag, hash }
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

    /// The file, or 304 if the client has this version.
    pub fn respond(&self, request: &HeaderMap) -> Result<Response, Problem> {
        let mut response = Response::builder().finish();
        *response.headers_mut() = self.headers.clone();
        if self.etag.known_to_client(request) {
            response.set_status(StatusCode::NOT_MODIFIED);
        } else if accepts_gzip(request) {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response.set_body(Body::from_bytes(self.compressed.clone()));
        } else {
            response.set_body(decompress(&self.compressed).map_err(|cause| Problem::internal(&cause))?);
        }
        Ok(response)
    }
}

impl Endpoint for Asset {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        Ok(self.respond(request.headers())?)
    }
}

/// The files that pages load, by name.
#[derive(Debug, Clone, Default)]
pub struct Assets(BTreeMap<String, Asset>);

impl Assets {
    /// From `(name, content)` pairs. A name with an unknown extension is left out.
    pub fn from_files(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let assets = files.into_iter().filter_map(|(name, content)| {
            let media_type = media_type(&name)?;
            let asset = Asset::new(media_type, &content);
            let asset = if media_type == SVG { asset.content_security_policy(PICTURE_POLICY) } else { asset };
            Some((name, asset))
        });
        Self(assets.collect())
    }

    /// The path of a file, with its hash; none if there is no file of this name.
    pub fn path(&self, name: &str) -> Option<String> {
        Some(format!("/assets/{}/{name}", self.hash(name)?))
    }

    /// The hash for the path of a file.
    pub fn hash(&self, name: &str) -> Option<&str> {
        Some(&self.0.get(name)?.hash)
    }

    /// Answers `/assets/HASH/NAME`; none if there is no file of this name. Under the hash of another version the
    /// current content is answered, and must not be kept.
    pub fn respond(&self, hash: &str, name: &str, request: &HeaderMap) -> Option<Result<Response, Problem>> {
        let asset = self.0.get(name)?;
        let cache_control = if asset.hash == hash { IMMUTABLE } else { REVALIDATE };
        Some(asset.respond(request).map(|mut response| {
            response.headers_mut().insert(CACHE_CONTROL, cache_control);
            response
        }))
    }
}

const SVG: &str = "image/svg+xml";

fn media_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => SVG,
        "png" => "image/png",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        _ => return None,
    })
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
