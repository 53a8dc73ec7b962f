//! Answers `/.well-known/jwks.json`: the public keys (RFC 7517 section 5). Leaves the set of keys to `keys`.

use poem::http::{HeaderMap, HeaderValue};
use poem_openapi::{Object, OpenApi};

use super::cached_document::{CachedDocument, DocumentResponse, public_cache_control};
use crate::{App, keys::jwks_max_age};

pub struct JwksApi {
    app: App,
    cache_control: HeaderValue,
}

impl JwksApi {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone(), cache_control: public_cache_control(jwks_max_age(&app.config)) }
    }
}

/// A JWK set (RFC 7517 section 5).
#[derive(Object)]
#[oai(read_only_all)]
struct JwkSet {
    /// The keys that sign now, that will sign next, and that signed until lately.
    keys: Vec<PublicKey>,
}

/// A public key (RFC 7517 section 4).
#[derive(Object)]
#[oai(read_only_all)]
struct PublicKey {
    /// Key type (RFC 7517 section 4.1).
    #[oai(validator(pattern = "^(RSA|EC|OKP)$"))]
    kty: String,
    /// Key ID: the RFC 7638 thumbprint.
    kid: String,
    /// Always `sig`: the key verifies signatures.
    #[oai(rename = "use")]
    key_use: String,
    /// The only algorithm the key is for.
    alg: String,
    /// RSA modulus, in base64url.
    n: Option<String>,
    /// RSA exponent, in base64url.
    e: Option<String>,
    /// Curve of an EC or OKP key.
    crv: Option<String>,
    /// First coordinate, or the public key.
    x: Option<String>,
    /// Second coordinate of an EC key.
    y: Option<String>,
}

#[expect(clippy::unused_async, reason = "poem-openapi wants every operation to be async")]
#[OpenApi(tag = "super::super::Tag::Metadata")]
impl JwksApi {
    /// Get the public keys
    ///
    /// The keys by which tokens of this provider are verified (RFC 7517 section 5). A key is listed before it signs, and
    /// until the last token that it signed has expired. So whoever reads the list again within `Cache-Control` meets no
    /// unknown `kid`.
    #[oai(path = "/.well-known/jwks.json", method = "get", operation_id = "jwks")]
    async fn jwks(&self, headers: &HeaderMap) -> DocumentResponse<JwkSet> {
        let keys = self.app.signing_keys.ring();
        let jwks = keys.jwks();
        CachedDocument::new(jwks.body.clone(), jwks.etag.clone(), self.cache_control.clone())
            .respond(headers)
            .into()
    }
}
