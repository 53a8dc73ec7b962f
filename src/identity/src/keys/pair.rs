//! Generates key pairs and parses private keys, with josekit over OpenSSL. Leaves storage and sealing to its
//! callers.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use josekit::{
    JoseError,
    jwk::{Ed25519, Jwk},
    jws::{ES256, EdDSA, JwsSigner, PS256, RS256},
};
use postern_token_verifier::Algorithm;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

pub(super) struct KeyPair {
    pub(super) kid: String,
    pub(super) algorithm: Algorithm,
    /// The public part, as published in JWKS (RFC 7517 section 4).
    pub(super) public_jwk: Map<String, Value>,
    pub(super) private_der: Zeroizing<Vec<u8>>,
}

/// Generates a key pair. RSA takes a tenth of a second at 2048 bits and several seconds at 4096, so the call
/// belongs on a pool and never on a worker thread of the runtime.
pub(super) fn generate(algorithm: Algorithm, rsa_bits: u32) -> Result<KeyPair, JoseError> {
    let (private, public) = match algorithm {
        Algorithm::Rs256 => private_der_and_public_jwk(&*RS256.generate_key_pair(rsa_bits)?),
        Algorithm::Ps256 => private_der_and_public_jwk(&*PS256.generate_key_pair(rsa_bits)?),
        Algorithm::Es256 => private_der_and_public_jwk(&*ES256.generate_key_pair()?),
        Algorithm::EdDsa => private_der_and_public_jwk(&*EdDSA.generate_key_pair(Ed25519)?),
    };
    let mut public_jwk: Map<String, Value> = public.into();
    public_jwk.retain(|name, _| THUMBPRINT_MEMBERS.contains(&name.as_str()));
    let kid = thumbprint(&public_jwk);
    public_jwk.insert("kid".to_owned(), json!(kid));
    public_jwk.insert("use".to_owned(), json!("sig"));
    public_jwk.insert("alg".to_owned(), json!(algorithm));
    Ok(KeyPair { kid, algorithm, public_jwk, private_der: Zeroizing::new(private) })
}

fn private_der_and_public_jwk(pair: &dyn josekit::jwk::KeyPair) -> (Vec<u8>, Jwk) {
    (pair.to_der_private_key(), pair.to_jwk_public_key())
}

/// Parses a private key. Parsing costs as much as several signatures, so the signer is kept.
pub(super) fn signer(algorithm: Algorithm, private_der: &[u8]) -> Result<Box<dyn JwsSigner>, JoseError> {
    Ok(match algorithm {
        Algorithm::Rs256 => Box::new(RS256.signer_from_der(private_der)?),
        Algorithm::Ps256 => Box::new(PS256.signer_from_der(private_der)?),
        Algorithm::Es256 => Box::new(ES256.signer_from_der(private_der)?),
        Algorithm::EdDsa => Box::new(EdDSA.signer_from_der(private_der)?),
    })
}

/// The members of a public key that enter the thumbprint (RFC 7638 section 3.2, RFC 8037 section 2).
const THUMBPRINT_MEMBERS: [&str; 6] = ["crv", "e", "kty", "n", "x", "y"];

/// RFC 7638 section 3. The members are sorted here, because josekit makes `serde_json` keep the order of
/// insertion.
fn thumbprint(public_jwk: &Map<String, Value>) -> String {
    let sorted: Map<String, Value> = THUMBPRINT_MEMBERS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), public_jwk.get(*name)?.clone())))
        .collect();
    let canonical = Value::Object(sorted).to_string();
    URL_SAFE_NO_PAD.encode(crate::crypto::token_hash(&canonical))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638_section_3_1() {
        let jwk = json!({
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB",
            "alg": "RS256",
            "kid": "2011-04-29",
        });
        let Value::Object(jwk) = jwk else { unreachable!() };
        assert_eq!(thumbprint(&jwk), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn every_algorithm_signs_and_publishes_no_private_member() {
        for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa] {
            let pair = generate(algorithm, 2048).unwrap();
            let set = json!({ "keys": [pair.public_jwk] }).to_string();
            let keys = postern_token_verifier::KeySet::parse(set.as_bytes()).unwrap();
            assert_eq!(keys.get(&pair.kid).unwrap().algorithm(), algorithm);
            assert!(!signer(algorithm, &pair.private_der).unwrap().sign(b"x").unwrap().is_empty());
        }
    }
}
