//! Keeps an ID token short enough to come back as `id_token_hint`.
//!
//! A client sends the hint in a URL, and this issuer accepts at most
//! [`MAX_LENGTH`](postern_token_verifier::jws::MAX_LENGTH) bytes. So an ID token that would be longer does without
//! its largest claims about the user: userinfo has them.

use serde::Serialize;
use serde_json::{Map, Value};

/// The longest claims, as JSON. In base64url they have 6,827 bytes. The header and the signature have less than 850
/// together, also with an RSA key of 4096 bits.
const MAX_CLAIMS_LENGTH: usize = 5 * 1024;

/// Claims of an ID token, some of which are about the user.
pub(super) trait UserClaims: Serialize {
    /// `sub`, and what else is about the user.
    fn user_claims(&mut self) -> &mut Map<String, Value>;
}

/// Removes the largest claims about the user, one by one, until the rest fits. Returns the names of those removed.
pub(super) fn fit(claims: &mut impl UserClaims) -> Result<Vec<String>, serde_json::Error> {
    let mut removed = Vec::new();
    // Without claims about the user the rest is short: the limits of a request bound it.
    while claims.user_claims().len() > 1 && serde_json::to_vec(claims)?.len() > MAX_CLAIMS_LENGTH {
        let optional = claims.user_claims().iter().filter(|(name, _)| *name != "sub");
        let Some(name) =
            optional.max_by_key(|(_, value)| value.to_string().len()).map(|(name, _)| name.clone())
        else {
            break;
        };
        claims.user_claims().remove(&name);
        removed.push(name);
    }
    Ok(removed)
}
