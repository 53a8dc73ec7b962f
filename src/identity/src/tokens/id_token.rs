//! Answers what an `id_token_hint` says: an ID token of this issuer that a client sends back (OpenID Connect
//! Core section 3.1.2.1, RP-Initiated Logout 1.0 section 2). Leaves the issuing of ID tokens to `issue`.

use postern_token_verifier::{KeySource as _, jws::Compact};
use uuid::Uuid;

use crate::App;

/// The claims of a valid hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HintClaims {
    pub sub: String,
    /// From `aud`, which has one value.
    pub client_id: String,
    pub sid: Option<Uuid>,
}

/// Verifies a hint: an ID token signed with a key of this issuer, expired or not (OpenID Connect RP-Initiated
/// Logout 1.0 section 2).
///
/// A token whose key is deleted is not a hint: it is weeks or months old.
pub fn verify_hint(app: &App, hint: &str) -> Option<HintClaims> {
    let keys = app.signing_keys.public().current()?;
    let jws = Compact::parse(hint).ok()?.verify(&keys).ok()?;
    // RFC 8725 section 3.11: access tokens are signed with the same keys, so the type is checked.
    if !jws.header.is_type("JWT") {
        return None;
    }
    let mut claims = jws.claims().ok()?;
    if claims.require_string("iss").ok()? != app.config.issuer {
        return None;
    }
    let [client_id] = <[String; 1]>::try_from(claims.require_audience().ok()?).ok()?;
    Some(HintClaims {
        sub: claims.require_string("sub").ok()?,
        client_id,
        sid: claims.take_string("sid").ok()?.and_then(|sid| sid.parse().ok()),
    })
}
