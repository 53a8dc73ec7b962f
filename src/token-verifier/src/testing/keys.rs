//! Makes signing keys for tests, once per process, because an RSA key takes a tenth of a second.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use josekit::jwk::Jwk;
use josekit::jwk::KeyPair as _;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jwk::alg::ed::EdCurve;
use josekit::jwk::alg::rsa::RsaKeyPair;
use josekit::jws::{ES256, EdDSA, JwsSigner, PS256, RS256};

use crate::key::Algorithm;

pub(super) struct SigningKey {
    algorithm: Algorithm,
    jwk: Jwk,
    signer: Box<dyn JwsSigner>,
}

type Keys = HashMap<(Algorithm, usize), Arc<SigningKey>>;

/// The same key for the same algorithm and number within the process.
pub(super) fn nth(algorithm: Algorithm, number: usize) -> Arc<SigningKey> {
    static KEYS: LazyLock<Mutex<Keys>> = LazyLock::new(Mutex::default);
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    let key = keys.entry((algorithm, number));
    Arc::clone(key.or_insert_with(|| Arc::new(SigningKey::generate(algorithm, number))))
}

impl SigningKey {
    fn generate(algorithm: Algorithm, number: usize) -> Self {
        let jwk = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => Jwk::generate_rsa_key(2048),
            Algorithm::Es256 => Jwk::generate_ec_key(EcCurve::P256),
            Algorithm::EdDsa => Jwk::generate_ed_key(EdCurve::Ed25519),
        };
        let mut jwk = jwk.expect("OpenSSL makes keys");
        jwk.set_key_id(format!("test-{algorithm}-{number}"));
        jwk.set_algorithm(algorithm.name());
        jwk.set_key_use("sig");
        let signer: Box<dyn JwsSigner> = match algorithm {
            Algorithm::Rs256 => Box::new(RS256.signer_from_jwk(&jwk).expect("a signing key")),
            Algorithm::Ps256 => Box::new(PS256.signer_from_jwk(&jwk).expect("a signing key")),
            Algorithm::Es256 => Box::new(ES256.signer_from_jwk(&jwk).expect("a signing key")),
            Algorithm::EdDsa => Box::new(EdDSA.signer_from_jwk(&jwk).expect("a signing key")),
        };
        Self { algorithm, jwk, signer }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn kid(&self) -> &str {
        self.jwk.key_id().unwrap_or_default()
    }

    pub(super) fn public_jwk(&self) -> serde_json::Value {
        // josekit keeps only `use`.
        let mut jwk = self.jwk.to_public_key().expect("a public key");
        jwk.set_key_id(self.kid());
        jwk.set_algorithm(self.algorithm.name());
        jwk.as_ref().clone().into()
    }

    pub(super) fn public_pem(&self) -> Vec<u8> {
        RsaKeyPair::from_jwk(&self.jwk).expect("an RSA key").to_pem_public_key()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.signer.sign(message).expect("a signature")
    }
}
