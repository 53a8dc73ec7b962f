//! Tests that an unusable policy is refused at the start.

use std::time::Duration;

use postern_token_verifier::{Audience, LocalKeys, Policy, PolicyError, Refusal, Verifier};

fn refused(policy: Policy) -> PolicyError {
    Verifier::new(policy, LocalKeys::default()).err().unwrap()
}

#[tokio::test]
async fn a_policy_says_whom_it_trusts_and_what_for() {
    let good = Policy::new("https://login.example.com", Audience::CheckedByCaller);
    assert_eq!(refused(Policy { issuer: String::new(), ..good.clone() }), PolicyError::NoIssuer);
    let nobody = Audience::Contains(String::new());
    assert_eq!(refused(Policy { audience: nobody, ..good.clone() }), PolicyError::NoAudience);
    assert_eq!(refused(Policy { algorithms: Vec::new(), ..good.clone() }), PolicyError::NoAlgorithm);
    let long = Duration::from_secs(61);
    assert_eq!(refused(Policy { leeway: long, ..good.clone() }), PolicyError::Leeway(long));
    assert!(Verifier::new(good, LocalKeys::default()).is_ok());
}

#[tokio::test]
async fn without_any_keys_nothing_can_be_said_about_a_token() {
    let issuer = postern_token_verifier::testing::Issuer::new("https://login.example.com");
    let verifier = Verifier::new(issuer.policy("a"), LocalKeys::default()).unwrap();
    let refusal = verifier.verify(&issuer.token("a", "")).await.unwrap_err();
    assert_eq!(refusal, Refusal::KeysUnavailable);
    assert_eq!(refusal.error_code(), None);
}
