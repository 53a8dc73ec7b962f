//! Tests of what a provider asks of tokens that its clients sign.

use postern_token_verifier::jws::{Compact, JwsError};
use postern_token_verifier::testing::Issuer;
use postern_token_verifier::{Algorithm, KeySet, KeySetError};
use serde_json::{Value, json};

const SECRET: &[u8] = b"a secret that is as long as the hash";

fn key_set(jwks: &Value) -> Result<KeySet, KeySetError> {
    KeySet::parse_of_client(jwks.to_string().as_bytes())
}

#[test]
fn a_secret_verifies_hs256_and_nothing_else() {
    let issuer = Issuer::new("client");
    let verify = |token: &str, secret: &[u8]| Compact::parse(token).unwrap().verify_hs256(secret);
    let claims = json!({ "sub": "client" });
    let good = issuer.sign_hs256(SECRET, &json!({ "alg": "HS256" }), &claims);
    assert_eq!(verify(&good, SECRET).unwrap().payload, claims.to_string().as_bytes());
    assert_eq!(verify(&good, b"another secret as long as the hash").unwrap_err(), JwsError::Signature);
    // What stays is whole groups of base64url.
    let cut = &good[..good.len() - 3];
    assert_eq!(verify(cut, SECRET).unwrap_err(), JwsError::Signature);
    let empty = format!("{}.", good.rsplit_once('.').unwrap().0);
    assert_eq!(verify(&empty, SECRET).unwrap_err(), JwsError::Signature);
    for alg in ["none", "HS384", "HS512", "RS256", "hs256"] {
        let token = issuer.sign_hs256(SECRET, &json!({ "alg": alg }), &claims);
        assert!(matches!(verify(&token, SECRET), Err(JwsError::Algorithm { .. })), "{alg}");
    }
    // RFC 7518 section 3.2: a key of the size of the hash or larger.
    assert_eq!(verify(&good, b"short").unwrap_err(), JwsError::Signature);
    assert_eq!(verify(&good, b"").unwrap_err(), JwsError::Signature);
}

#[test]
fn the_only_key_needs_no_name_and_one_of_several_does() {
    let issuer = Issuer::with_algorithm("client", Algorithm::Es256);
    let mut jwks = issuer.jwks();
    assert!(key_set(&jwks).unwrap().only_key().is_some(), "its name does not matter");
    jwks["keys"][0].as_object_mut().unwrap().remove("kid");
    assert_eq!(KeySet::parse(jwks.to_string().as_bytes()).unwrap_err(), KeySetError::NoUsableKey);
    let only = key_set(&jwks).unwrap();
    let token = issuer.sign_with(&json!({ "alg": "ES256" }), &json!({}));
    assert!(Compact::parse(&token).unwrap().verify_with(only.only_key().unwrap()).is_ok());
    assert!(matches!(Compact::parse(&token).unwrap().verify(&only), Err(JwsError::UnknownKey(None))));
    let other = Issuer::with_algorithm("client", Algorithm::EdDsa).jwks();
    jwks["keys"].as_array_mut().unwrap().push(other["keys"][0].clone());
    assert!(key_set(&jwks).unwrap().only_key().is_none());
}

#[test]
fn unverified_claims_say_who_claims_to_have_signed() {
    let issuer = Issuer::new("client");
    let token = issuer.forge(&json!({ "sub": "client" }));
    let mut claims = Compact::parse(&token).unwrap().unverified_claims().unwrap();
    assert_eq!(claims.take_string("sub").unwrap().as_deref(), Some("client"));
}
