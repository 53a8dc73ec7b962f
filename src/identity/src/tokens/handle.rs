//! Defines the text that a grant is found by: its id and random bytes, to others one opaque word.
//!
//! Codes and refresh tokens are such texts, and so is the `jti` of an access token. Rows that hang off a grant are
//! stored beside each other under its id, which is in order of creation: looking one up or adding one touches a page
//! that others touch too, where a random key would have a page of its own. The id proves nothing; what proves is the
//! hash of the whole text, or the signature around it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::App;

const ID: usize = 16;
/// Random bytes of what proves something by being known.
const SECRET: usize = 32;
/// Random bytes of what only has to be unique.
const UNIQUE: usize = 16;

/// A new code or refresh token: 256 random bits.
pub(super) fn secret(app: &App, grant_id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode([grant_id.as_bytes().as_slice(), &app.random.bytes::<SECRET>()].concat())
}

/// A new `jti` (RFC 7519 section 4.1.7).
pub(super) fn jti(app: &App, grant_id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode([grant_id.as_bytes().as_slice(), &app.random.bytes::<UNIQUE>()].concat())
}

/// The grant that a code or a refresh token of ours names.
pub(super) fn grant_of_secret(secret: &str) -> Option<Uuid> {
    grant_of::<{ ID + SECRET }>(secret)
}

/// The grant that the `jti` of an access token of ours names.
pub(super) fn grant_of_jti(jti: &str) -> Option<Uuid> {
    grant_of::<{ ID + UNIQUE }>(jti)
}

fn grant_of<const LENGTH: usize>(text: &str) -> Option<Uuid> {
    let bytes: [u8; LENGTH] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    Uuid::from_slice(&bytes[..ID]).ok()
}
