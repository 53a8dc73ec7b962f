//! Defines `App`: what the tasks service runs on.

use std::{ops::Deref, sync::Arc};

use postern_service::{clock::Clock, database::Database, random::Random};
use postern_token_verifier::{Audience, KeySource, Policy, PolicyError, Verifier};

use crate::config::Config;

/// Everything a use case needs; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of [`App`].
pub struct Parts {
    /// The settings.
    pub config: Config,
    /// Readers, and the one way to write.
    pub db: Database,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Decides which access tokens are acceptable.
    pub verifier: Verifier,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Builds the parts on a migrated database; `keys` are the provider's.
    pub fn new(
        config: Config,
        db: Database,
        clock: Clock,
        random: Random,
        keys: impl KeySource,
    ) -> Result<Self, PolicyError> {
        let tokens = &config.tokens;
        let time = clock.clone();
        let policy = Policy {
            algorithms: tokens.algorithms.clone(),
            cache_capacity: tokens.cache,
            now: Arc::new(move || time.now().seconds()),
            ..Policy::new(tokens.issuer.as_str(), Audience::Contains(tokens.audience.as_str().to_owned()))
        };
        let verifier = Verifier::new(policy, keys)?;
        Ok(Self(Arc::new(Parts { config, db, clock, random, verifier })))
    }
}
