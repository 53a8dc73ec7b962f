//! Answers what an ID token of ours says when a client hands it back (`id_token_hint`).

use postern_token_verifier::{KeySource as _, jws::Compact};
use uuid::Uuid;

use crate::App;

/// What a hint tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HintClaims {
    /// The user.
    pub sub: String,
    /// The client it was issued to.
    pub client_id: String,
    /// The session.
    pub sid: Option<Uuid>,
}

/// Reads a hint: an ID token signed with a key of ours, expired or not (OpenID Connect RP-Initiated Logout 1.0
/// section 2). Anything else is no hint at all.
///
/// A token whose key is gone is no hint either: it is older than its key, so weeks or months.
pub fn verify_hint(app: &App, hint: &str) -> Option<HintClaims> {
    let keys = app.own_keys.current()?;
    let jws = Compact::parse(hint).ok()?.verify(&keys).ok()?;
    // RFC 8725 section 3.11: an access token is signed with the same keys.
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
