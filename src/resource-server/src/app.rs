//! Defines `App`, the shared state of the tasks service.

use std::{ops::Deref, sync::Arc};

use postern_service::{clock::Clock, database::Database, random::Random};
use postern_token_verifier::{Audience, KeySource, Policy, PolicyError, Verifier};

use crate::config::Config;

/// The state that every use case needs. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

pub struct Parts {
    pub config: Config,
    pub db: Database,
    pub clock: Clock,
    pub random: Random,
    pub verifier: Verifier,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Builds the state on a migrated database. `keys` are the signing keys of the provider.
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
