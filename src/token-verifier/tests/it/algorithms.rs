//! Tests that the policy and the key decide the algorithm, never the token.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use postern_token_verifier::jws::JwsError;
use postern_token_verifier::testing::Issuer;
use postern_token_verifier::{Algorithm, Policy, Refusal, Verifier};
use serde_json::{Value, json};

use crate::support::{AUDIENCE, Fixture};

#[tokio::test]
async fn the_public_key_is_no_secret_for_hs256() {
    let fixture = Fixture::new();
    let pem = fixture.issuer.public_key_pem();
    let der = {
        let text = String::from_utf8(pem.clone()).unwrap();
        STANDARD.decode(text.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap()
    };
    let jwk = &fixture.issuer.jwks()["keys"][0];
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    let secrets: [Vec<u8>; 7] = [
        pem.trim_ascii_end().to_vec(),
        [pem.trim_ascii_end(), b"\n"].concat(),
        [b" ".as_slice(), &pem].concat(),
        der,
        jwk.to_string().into_bytes(),
        fixture.issuer.jwks().to_string().into_bytes(),
        modulus,
    ];
    for secret in secrets {
        let mut header = fixture.issuer.header();
        for alg in ["HS256", "RS256"] {
            header["alg"] = json!(alg);
            let token = fixture.issuer.sign_hs256(&secret, &header, &fixture.claims());
            assert!(fixture.verifier.verify(&token).await.is_err(), "{alg}");
        }
    }
}

#[tokio::test]
async fn another_alg_than_the_keys_is_refused_even_with_a_good_signature() {
    let fixture = Fixture::new();
    for alg in ["rs256", "RS256 ", "RS384", "PS256", "ES256", "HS256", "none", "None", "nOnE", "NONE", ""] {
        let mut header = fixture.issuer.header();
        header["alg"] = json!(alg);
        assert_eq!(fixture.verify_under(&header).await.unwrap_err(), Refusal::Algorithm(alg.to_owned()));
    }
    for alg in [Value::Null, json!(["RS256"]), json!({"RS256": 1}), json!(256)] {
        let mut header = fixture.issuer.header();
        header["alg"] = alg;
        assert_eq!(fixture.verify_under(&header).await.unwrap_err(), JwsError::HeaderType("alg").into());
    }
}

#[tokio::test]
async fn an_unsigned_token_is_refused() {
    let fixture = Fixture::new();
    for alg in ["none", "None", "nOnE", "RS256"] {
        let mut header = fixture.issuer.header();
        header["alg"] = json!(alg);
        let signed = fixture.issuer.sign_with(&header, &fixture.claims());
        let (message, _) = signed.rsplit_once('.').unwrap();
        assert!(fixture.verifier.verify(&format!("{message}.")).await.is_err(), "{alg}");
    }
}

#[tokio::test]
async fn an_alg_that_the_policy_allows_is_refused_for_a_key_of_another() {
    let fixture =
        Fixture::with(|policy| Policy { algorithms: vec![Algorithm::Rs256, Algorithm::Ps256], ..policy });
    let mut header = fixture.issuer.header();
    header["alg"] = json!("PS256");
    let expected = JwsError::Algorithm { token: "PS256".to_owned(), key: "RS256" };
    assert_eq!(fixture.verify_under(&header).await.unwrap_err(), expected.into());
}

#[tokio::test]
async fn keys_in_the_header_are_refused() {
    let canary = Issuer::serve().await;
    let fixture = Fixture::new();
    for (name, value) in [
        ("jwk", canary.jwks()["keys"][0].clone()),
        ("jku", json!(canary.jwks_url())),
        ("x5u", json!(canary.jwks_url())),
        ("x5c", json!(["MIIB"])),
    ] {
        let mut header = canary.header();
        header[name] = value;
        let token = canary.sign_with(&header, &fixture.claims());
        assert_eq!(
            fixture.verifier.verify(&token).await.unwrap_err(),
            JwsError::HeaderParameter(name).into(),
            "{name}"
        );
        // The same with a valid signature of the issuer.
        let mut header = fixture.issuer.header();
        header[name] = json!("x");
        assert!(fixture.verify_under(&header).await.is_err(), "{name}");
    }
    assert_eq!(canary.requests(), 0);
}

#[tokio::test]
async fn a_kid_is_looked_up_exactly() {
    let fixture = Fixture::new();
    let kid = fixture.issuer.kid();
    for wrong in [
        json!(format!("{kid} ")),
        json!(kid.to_uppercase()),
        json!(""),
        json!("../../dev/null"),
        json!("' OR 1=1 --"),
    ] {
        let mut header = fixture.issuer.header();
        header["kid"] = wrong.clone();
        let expected = JwsError::UnknownKey(wrong.as_str().map(str::to_owned));
        assert_eq!(fixture.verify_under(&header).await.unwrap_err(), expected.into());
    }
    let mut header = fixture.issuer.header();
    header.as_object_mut().unwrap().remove("kid");
    assert_eq!(fixture.verify_under(&header).await.unwrap_err(), JwsError::UnknownKey(None).into());
}

#[tokio::test]
async fn a_strangers_signature_is_refused() {
    let fixture = Fixture::new();
    let token = fixture.issuer.forge(&fixture.claims());
    assert_eq!(fixture.verifier.verify(&token).await.unwrap_err(), JwsError::Signature.into());
}

#[tokio::test]
async fn each_algorithm_is_verified_when_the_policy_allows_it_and_refused_otherwise() {
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa] {
        let issuer = Issuer::with_algorithm("https://login.example.com", algorithm);
        let token = issuer.token(AUDIENCE, "");
        let allowing = Verifier::new(issuer.policy(AUDIENCE), issuer.local_keys()).unwrap();
        assert!(allowing.verify(&token).await.is_ok(), "{algorithm}");
        assert_eq!(
            allowing.verify(&issuer.forge(&issuer.claims(AUDIENCE))).await.unwrap_err(),
            JwsError::Signature.into()
        );
        let others = [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa];
        let algorithms = others.into_iter().filter(|other| *other != algorithm).collect();
        let policy = Policy { algorithms, ..issuer.policy(AUDIENCE) };
        let refusing = Verifier::new(policy, issuer.local_keys()).unwrap();
        assert_eq!(refusing.verify(&token).await.unwrap_err(), Refusal::Algorithm(algorithm.to_string()));
    }
}
