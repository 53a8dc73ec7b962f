//! Answers whether an access token is acceptable (RFC 9068 section 4, RFC 8725 section 3).
//!
//! Owns the order of the checks. Leaves the form and the signature of a token to [`jws`](crate::jws), and the
//! keys to a [`KeySource`]. Waits for the network only when a token names an unknown key.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::access_token::AccessToken;
use crate::cache::{self, VerifiedTokens};
use crate::jws::{Compact, Header, MAX_LENGTH, VerifiedJws};
use crate::key::KeySet;
use crate::keys::KeySource;
use crate::policy::{Audience, Policy, PolicyError};
use crate::presented::{PresentedToken, TokenScheme};
use crate::refusal::Refusal;

/// Verifies access tokens by one [`Policy`] with the keys of one [`KeySource`]. Cheap to clone; clones share
/// the cache.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    policy: Policy,
    leeway: i64,
    keys: Box<dyn KeySource>,
    verified: Option<VerifiedTokens>,
    signature_checks: AtomicU64,
}

impl Verifier {
    /// Makes a verifier. Fails only for an unusable policy.
    pub fn new(policy: Policy, keys: impl KeySource) -> Result<Self, PolicyError> {
        policy.check()?;
        Ok(Self(Arc::new(Inner {
            leeway: i64::try_from(policy.leeway.as_secs()).unwrap_or(0),
            keys: Box::new(keys),
            verified: VerifiedTokens::new(policy.cache_capacity),
            signature_checks: AtomicU64::new(0),
            policy,
        })))
    }

    /// The policy that tokens are verified by.
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// How many signatures were checked so far. A token that was found in the cache is not counted.
    pub fn signature_checks(&self) -> u64 {
        self.0.signature_checks.load(Ordering::Relaxed)
    }

    /// Verifies a token as a request presents it: a bearer token needs nothing else of the request.
    pub async fn verify_presented(
        &self,
        presented: &PresentedToken<'_>,
    ) -> Result<Arc<AccessToken>, Refusal> {
        match presented.scheme {
            TokenScheme::Bearer => self.verify(presented.token).await,
        }
    }

    /// Verifies a token, given without the `Bearer ` of the header.
    ///
    /// This takes microseconds, except when the token names an unknown key. Then it waits for one fetch of
    /// the key set, which the source shares among callers, rate-limits and bounds in time.
    pub async fn verify(&self, token: &str) -> Result<Arc<AccessToken>, Refusal> {
        let this = &*self.0;
        let now = (this.policy.now)();
        // A token that is too long is refused anyway, so it is not hashed.
        let hash = this.verified.as_ref().filter(|_| token.len() <= MAX_LENGTH).map(|_| cache::hash(token));
        if let Some(known) = this.recall(hash.as_ref()) {
            this.check_times(&known, now)?;
            return Ok(known);
        }
        let jws = Compact::parse(token)?;
        this.check_algorithm(jws.unverified_header())?;
        let keys = this.keys_for(jws.unverified_header()).await?;
        this.signature_checks.fetch_add(1, Ordering::Relaxed);
        let accepted = Arc::new(this.check_claims(&jws.verify(&keys)?, now)?);
        this.remember(hash, &accepted, &keys, now);
        Ok(accepted)
    }
}

impl Inner {
    fn recall(&self, hash: Option<&cache::TokenHash>) -> Option<Arc<AccessToken>> {
        let (verified, hash) = (self.verified.as_ref()?, hash?);
        verified.get(hash, self.keys.current()?.generation())
    }

    fn remember(&self, hash: Option<cache::TokenHash>, token: &Arc<AccessToken>, keys: &KeySet, now: i64) {
        if let (Some(verified), Some(hash)) = (&self.verified, hash) {
            let seconds = token.exp.saturating_add(self.leeway).saturating_sub(now);
            let lifetime = Duration::from_secs(seconds.try_into().unwrap_or(0));
            verified.insert(hash, Arc::clone(token), keys.generation(), lifetime);
        }
    }

    /// RFC 8725 section 3.1: the policy must allow the algorithm. That the algorithm is the key's is checked
    /// with the signature.
    fn check_algorithm(&self, header: &Header) -> Result<(), Refusal> {
        if self.policy.algorithms.iter().any(|allowed| allowed.name() == header.alg) {
            Ok(())
        } else {
            Err(Refusal::Algorithm(header.alg.clone()))
        }
    }

    /// The current keys, or newly fetched ones when the current keys lack the key of this token.
    async fn keys_for(&self, header: &Header) -> Result<Arc<KeySet>, Refusal> {
        match (self.keys.current(), header.kid.as_deref()) {
            // Without a `kid` no key can be found, so a fetch would not help.
            (Some(keys), None) => Ok(keys),
            (Some(keys), Some(kid)) if keys.get(kid).is_some() => Ok(keys),
            _ => self.keys.refetch().await.ok_or(Refusal::KeysUnavailable),
        }
    }

    fn check_claims(&self, jws: &VerifiedJws, now: i64) -> Result<AccessToken, Refusal> {
        // RFC 9068 section 4: other kinds of JWT of the same issuer are signed with the same keys.
        if !jws.header.is_type("at+jwt") {
            return Err(Refusal::Type(jws.header.typ.clone()));
        }
        let token = AccessToken::from_claims(jws.claims()?)?;
        // RFC 9068 section 4: compared as a string, without normalising.
        if token.iss != self.policy.issuer {
            return Err(Refusal::Issuer(token.iss));
        }
        match &self.policy.audience {
            Audience::Contains(audience) if !token.has_audience(audience) => {
                return Err(Refusal::Audience(token.aud));
            }
            Audience::Contains(_) | Audience::CheckedByCaller => {}
        }
        self.check_times(&token, now)?;
        // RFC 9449 section 7.2: a sender-constrained token without its proof may be stolen.
        if token.other.contains_key("cnf") {
            return Err(Refusal::SenderConstrained);
        }
        Ok(token)
    }

    /// RFC 7519 sections 4.1.4 to 4.1.6, with the policy's leeway.
    fn check_times(&self, token: &AccessToken, now: i64) -> Result<(), Refusal> {
        let (exp, iat) = (token.exp, token.iat);
        if now >= exp.saturating_add(self.leeway) {
            return Err(Refusal::Expired { exp, now });
        }
        let latest = now.saturating_add(self.leeway);
        match token.nbf {
            Some(nbf) if nbf > latest => Err(Refusal::NotYetValid { nbf, now }),
            _ if iat > latest => Err(Refusal::IssuedInTheFuture { iat, now }),
            _ => Ok(()),
        }
    }
}
