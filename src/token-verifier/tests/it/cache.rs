//! Tests that verified tokens are cached, and leave the cache when they must.

use postern_token_verifier::Refusal;
use postern_token_verifier::jws::JwsError;
use serde_json::json;

use crate::support::Fixture;

#[tokio::test]
async fn a_repeated_token_costs_one_signature_check() {
    let fixture = Fixture::with(|policy| policy);
    let token = fixture.issuer.sign(&fixture.claims());
    let first = fixture.verifier.verify(&token).await.unwrap();
    for _ in 0..10 {
        let again = fixture.verifier.clone().verify(&token).await.unwrap();
        assert!(std::sync::Arc::ptr_eq(&first, &again));
    }
    assert_eq!(fixture.verifier.signature_checks(), 1);
}

#[tokio::test]
async fn without_a_cache_every_signature_is_checked() {
    let fixture = Fixture::new();
    let token = fixture.issuer.sign(&fixture.claims());
    for _ in 0..3 {
        fixture.verifier.verify(&token).await.unwrap();
    }
    assert_eq!(fixture.verifier.signature_checks(), 3);
}

#[tokio::test]
async fn a_remembered_token_expires_at_its_time() {
    let fixture = Fixture::with(|policy| policy);
    let claims = fixture.claims();
    let token = fixture.issuer.sign(&claims);
    fixture.verifier.verify(&token).await.unwrap();
    fixture.clock.advance(929);
    assert!(fixture.verifier.verify(&token).await.is_ok());
    fixture.clock.advance(1);
    let expected = Refusal::Expired { exp: claims["exp"].as_i64().unwrap(), now: fixture.clock.now() };
    assert_eq!(fixture.verifier.verify(&token).await.unwrap_err(), expected);
}

#[tokio::test]
async fn a_remembered_token_is_not_yet_valid_when_the_clock_goes_back() {
    let fixture = Fixture::with(|policy| policy);
    let mut claims = fixture.claims();
    claims["nbf"] = json!(fixture.clock.now());
    let token = fixture.issuer.sign(&claims);
    fixture.verifier.verify(&token).await.unwrap();
    fixture.clock.advance(-3600);
    assert!(matches!(fixture.verifier.verify(&token).await.unwrap_err(), Refusal::NotYetValid { .. }));
}

#[tokio::test]
async fn a_remembered_token_is_refused_when_its_key_is_withdrawn() {
    let fixture = Fixture::with(|policy| policy);
    let token = fixture.issuer.sign(&fixture.claims());
    let kid = fixture.issuer.kid();
    fixture.verifier.verify(&token).await.unwrap();
    fixture.issuer.rotate();
    // The new set still has the key: the token is verified with it and cached again.
    fixture.verifier.verify(&token).await.unwrap();
    fixture.verifier.verify(&token).await.unwrap();
    assert_eq!(fixture.verifier.signature_checks(), 2);
    fixture.issuer.withdraw_old_keys();
    assert_eq!(fixture.verifier.verify(&token).await.unwrap_err(), JwsError::UnknownKey(Some(kid)).into());
}

#[tokio::test]
async fn a_changed_token_is_another_token() {
    let fixture = Fixture::with(|policy| policy);
    let token = fixture.issuer.sign(&fixture.claims());
    fixture.verifier.verify(&token).await.unwrap();
    for position in [10, token.find('.').unwrap() + 20, token.rfind('.').unwrap() + 20] {
        let mut changed = token.clone().into_bytes();
        changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(fixture.verifier.verify(&changed).await.is_err());
    }
}

#[tokio::test]
async fn refusals_are_not_remembered() {
    let fixture = Fixture::with(|policy| policy);
    let mut claims = fixture.claims();
    claims["nbf"] = json!(fixture.clock.now() + 100);
    let token = fixture.issuer.sign(&claims);
    assert!(fixture.verifier.verify(&token).await.is_err());
    fixture.clock.advance(100);
    assert!(fixture.verifier.verify(&token).await.is_ok());
}
