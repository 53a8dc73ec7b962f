//! Defines the values of codes, refresh tokens and `jti`: the id of a grant followed by random bytes. To
//! others they are opaque.
//!
//! The id is a locality optimisation. Rows of a grant are stored under its id, which follows the time of
//! creation, so a look-up or an insertion touches a database page that other requests touch too. A random key
//! would need a page of its own. The id proves nothing: the hash of the whole value does, or the signature
//! over the token.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use uuid::Uuid;

use crate::App;

const GRANT_ID_LENGTH: usize = 16;
/// Random bytes of a value that is a credential.
const SECRET_LENGTH: usize = 32;
/// Random bytes of a value that must only be unique.
const UNIQUE_LENGTH: usize = 16;

/// A new code or refresh token, with 256 random bits.
pub(super) fn new_secret(app: &App, grant_id: Uuid) -> SecretString {
    let bytes = [grant_id.as_bytes().as_slice(), &app.random.bytes::<SECRET_LENGTH>()].concat();
    URL_SAFE_NO_PAD.encode(bytes).into()
}

/// A new `jti` (RFC 7519 section 4.1.7).
pub(super) fn new_jti(app: &App, grant_id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode([grant_id.as_bytes().as_slice(), &app.random.bytes::<UNIQUE_LENGTH>()].concat())
}

/// The grant id in a code or refresh token; none if the value is not one of this issuer.
pub(super) fn grant_id_from_secret(secret: &str) -> Option<Uuid> {
    grant_id_from::<{ GRANT_ID_LENGTH + SECRET_LENGTH }>(secret)
}

/// The grant id in the `jti` of an access token.
pub(super) fn grant_id_from_jti(jti: &str) -> Option<Uuid> {
    grant_id_from::<{ GRANT_ID_LENGTH + UNIQUE_LENGTH }>(jti)
}

fn grant_id_from<const LENGTH: usize>(text: &str) -> Option<Uuid> {
    let bytes: [u8; LENGTH] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    Uuid::from_slice(&bytes[..GRANT_ID_LENGTH]).ok()
}
