//! Defines [`Policy`], the tokens that a resource server accepts. Every value comes from its operator, none
//! from a token.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::key::Algorithm;

/// The largest leeway of a policy.
pub const MAX_LEEWAY: Duration = Duration::from_mins(1);

/// The clock: returns whole seconds since the epoch.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What `aud` of a token must contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// This identifier, possibly among others (RFC 9068 section 4).
    Contains(String),
    /// The caller checks [`AccessToken::has_audience`](crate::AccessToken::has_audience) itself, for example
    /// because it serves several resources. If it forgets, a token for another resource is accepted.
    CheckedByCaller,
}

/// What a resource server accepts.
///
/// ```
/// use postern_token_verifier::{Algorithm, Audience, Policy};
///
/// let audience = Audience::Contains("https://api.example.com".into());
/// let policy =
///     Policy { algorithms: vec![Algorithm::Es256], ..Policy::new("https://login.example.com", audience) };
/// ```
#[derive(Clone)]
pub struct Policy {
    /// The issuer, exactly as in `iss` (RFC 9068 section 4).
    pub issuer: String,
    /// What `aud` of a token must contain.
    pub audience: Audience,
    /// The allowed algorithms (RFC 8725 section 3.1). The default is RS256 alone.
    pub algorithms: Vec<Algorithm>,
    /// How far the clocks of issuer and resource server may differ, at most [`MAX_LEEWAY`]: a token is
    /// accepted this long after `exp` and before `nbf` and `iat`. The default is 30 seconds.
    pub leeway: Duration,
    /// How many verified tokens are cached, so that the signature of a repeated token is not verified again;
    /// 0 disables the cache. The default is 2048, at roughly 2 KiB each.
    pub cache_capacity: u64,
    /// The clock. The default is the system's.
    pub now: Now,
}

impl Policy {
    /// Accepts RS256 tokens of one issuer for one audience.
    pub fn new(issuer: impl Into<String>, audience: Audience) -> Self {
        Self {
            issuer: issuer.into(),
            audience,
            algorithms: vec![Algorithm::Rs256],
            leeway: Duration::from_secs(30),
            cache_capacity: 2048,
            now: Arc::new(system_now),
        }
    }

    pub(crate) fn check(&self) -> Result<(), PolicyError> {
        if self.issuer.is_empty() {
            return Err(PolicyError::NoIssuer);
        }
        if matches!(&self.audience, Audience::Contains(audience) if audience.is_empty()) {
            return Err(PolicyError::NoAudience);
        }
        if self.algorithms.is_empty() {
            return Err(PolicyError::NoAlgorithm);
        }
        if self.leeway > MAX_LEEWAY {
            return Err(PolicyError::Leeway(self.leeway));
        }
        Ok(())
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Policy")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("algorithms", &self.algorithms)
            .field("leeway", &self.leeway)
            .field("cache_capacity", &self.cache_capacity)
            .finish_non_exhaustive()
    }
}

/// Why a policy cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The issuer is empty.
    #[error("the policy names no issuer")]
    NoIssuer,
    /// The audience is empty.
    #[error("the policy names no audience")]
    NoAudience,
    /// No algorithm is allowed, so every token would be refused.
    #[error("the policy allows no algorithm")]
    NoAlgorithm,
    /// The leeway is more than [`MAX_LEEWAY`].
    #[error("a leeway of {0:?} is more than {MAX_LEEWAY:?}")]
    Leeway(Duration),
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that asks the system; callers replace it by `now`"
)]
pub(crate) fn system_now() -> i64 {
    // A clock before 1970 or after the year 292 billion is wrong, and with it no token is valid.
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}
