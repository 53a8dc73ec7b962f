//! Tests the vectors of Wycheproof for JSON Web Signatures and Keys (C2SP/wycheproof, `testvectors_v1`).
//!
//! The vectors are not part of this repository. `POSTERN_VECTORS` names their folder.

use std::path::PathBuf;
use std::sync::Arc;

use postern_token_verifier::jws::Compact;
use postern_token_verifier::{Audience, KeySet, LocalKeys, Policy, Verifier};
use serde_json::{Value, json};

/// One vector with its JWK set.
struct Vector {
    name: String,
    jwks: Value,
    algorithm: String,
    token: String,
    valid: bool,
}

/// The vectors of one file; none when no folder is named.
fn vectors(file: &str) -> Option<Vec<Vector>> {
    let Some(folder) = std::env::var_os("POSTERN_VECTORS") else {
        println!("{file} did not run: POSTERN_VECTORS is not set");
        return None;
    };
    let path = PathBuf::from(folder).join(file);
    let text = std::fs::read(&path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()));
    let parsed: Value = serde_json::from_slice(&text).unwrap();
    Some(parsed["testGroups"].as_array().unwrap().iter().flat_map(group_vectors).collect())
}

fn group_vectors(group: &Value) -> Vec<Vector> {
    // A symmetric key has no public key.
    let key = group.get("public").unwrap_or(&group["private"]);
    let jwks = if key.get("keys").is_some() { key.clone() } else { json!({"keys": [key]}) };
    let algorithm = jwks["keys"][0]["alg"].as_str().unwrap_or_default().to_owned();
    let tests = group["tests"].as_array().unwrap().iter();
    tests
        .map(|test| Vector {
            name: format!("{} {}: {}", group["comment"], test["tcId"], test["comment"]),
            jwks: jwks.clone(),
            algorithm: algorithm.clone(),
            token: test["jws"].as_str().map_or_else(|| test["jws"].to_string(), str::to_owned),
            valid: test["result"] == "valid",
        })
        .collect()
}

impl Vector {
    /// Whether the signature layer accepts the vector.
    fn verifies(&self) -> bool {
        let Ok(keys) = KeySet::parse(self.jwks.to_string().as_bytes()) else { return false };
        Compact::parse(&self.token).and_then(|token| token.verify(&keys)).is_ok()
    }

    /// The expected result: that of the vector, if its algorithm is supported. Two vectors from RFC 7520
    /// section 4.2 count as valid although their key is for PS256 and their header says PS384. Here the key
    /// decides, so they are refused.
    fn is_acceptable(&self) -> bool {
        self.valid && SUPPORTED.contains(&self.algorithm.as_str()) && !self.name.ends_with("\"Figure20\"")
    }

    /// Whether the most lenient policy accepts the vector as an access token.
    async fn is_access_token(&self) -> bool {
        let keys = KeySet::parse(self.jwks.to_string().as_bytes()).map(LocalKeys::new).unwrap_or_default();
        let policy = Policy { now: Arc::new(|| 0), ..Policy::new("joe", Audience::CheckedByCaller) };
        Verifier::new(policy, keys).unwrap().verify(&self.token).await.is_ok()
    }
}

/// The algorithms of this crate. Every other algorithm must be refused, whatever the vector says.
const SUPPORTED: [&str; 3] = ["RS256", "PS256", "ES256"];

async fn check(file: &str, least: usize) {
    let Some(vectors) = vectors(file) else { return };
    let mut checked = 0;
    for vector in &vectors {
        assert_eq!(vector.verifies(), vector.is_acceptable(), "{}", vector.name);
        assert!(!vector.is_access_token().await, "{}", vector.name);
        checked += 1;
    }
    println!("{file}: {checked} vectors");
    assert!(checked >= least, "{file} has only {checked} vectors");
}

#[tokio::test]
async fn signatures_are_as_the_vectors_say() {
    check("json_web_signature_test.json", 400).await;
}

#[tokio::test]
async fn key_sets_are_as_the_vectors_say() {
    check("json_web_key_test.json", 26).await;
}

/// A policy that allows only RS256 refuses every other algorithm, with a valid signature too.
#[tokio::test]
async fn with_rs256_alone_every_other_algorithm_is_refused() {
    let Some(vectors) = vectors("json_web_signature_test.json") else { return };
    for vector in vectors.iter().filter(|vector| vector.algorithm != "RS256") {
        let keys = KeySet::parse(vector.jwks.to_string().as_bytes()).map(LocalKeys::new).unwrap_or_default();
        let policy = Policy::new("joe", Audience::CheckedByCaller);
        let verifier = Verifier::new(policy, keys).unwrap();
        assert!(verifier.verify(&vector.token).await.is_err(), "{}", vector.name);
        assert_eq!(verifier.signature_checks(), 0, "{}", vector.name);
    }
}
