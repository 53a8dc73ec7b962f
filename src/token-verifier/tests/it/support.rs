//! Defines fixtures: issuers, verifiers and clocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use postern_token_verifier::testing::Issuer;
use postern_token_verifier::{AccessToken, Policy, Refusal, Verifier};
use serde_json::Value;

pub(crate) const AUDIENCE: &str = "https://api.example.com";

/// An issuer and a verifier for it, without cache and with a fixed clock.
pub(crate) struct Fixture {
    pub(crate) issuer: Issuer,
    pub(crate) verifier: Verifier,
    pub(crate) clock: Clock,
}

#[derive(Clone)]
pub(crate) struct Clock(Arc<AtomicI64>);

impl Clock {
    pub(crate) fn at(now: i64) -> Self {
        Self(Arc::new(AtomicI64::new(now)))
    }

    pub(crate) fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(crate) fn into_policy(self, policy: Policy) -> Policy {
        Policy { now: Arc::new(move || self.now()), ..policy }
    }
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(|policy| Policy { cache_capacity: 0, ..policy })
    }

    /// `change` adjusts a policy with a cache.
    pub(crate) fn with(change: impl FnOnce(Policy) -> Policy) -> Self {
        let issuer = Issuer::new("https://login.example.com");
        let clock = Clock::at(issuer.claims(AUDIENCE)["iat"].as_i64().unwrap());
        let policy = clock.clone().into_policy(change(issuer.policy(AUDIENCE)));
        let verifier = Verifier::new(policy, issuer.local_keys()).unwrap();
        Self { issuer, verifier, clock }
    }

    /// Valid claims at the fixture's time.
    pub(crate) fn claims(&self) -> Value {
        let mut claims = self.issuer.claims(AUDIENCE);
        claims["iat"] = self.clock.now().into();
        claims["exp"] = (self.clock.now() + 900).into();
        claims
    }

    pub(crate) async fn verify(&self, claims: &Value) -> Result<Arc<AccessToken>, Refusal> {
        self.verifier.verify(&self.issuer.sign(claims)).await
    }

    pub(crate) async fn verify_under(&self, header: &Value) -> Result<Arc<AccessToken>, Refusal> {
        self.verifier.verify(&self.issuer.sign_with(header, &self.claims())).await
    }
}
