//! Defines the keys of an issuer in the same process, which sets them when it rotates them.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;

use super::KeySource;
use crate::key::KeySet;

/// Keys that the issuer sets itself. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct LocalKeys(Arc<ArcSwapOption<KeySet>>);

impl LocalKeys {
    /// Starts with these keys; [`default`](Self::default) starts without keys.
    pub fn new(keys: KeySet) -> Self {
        Self(Arc::new(ArcSwapOption::from_pointee(keys)))
    }

    /// Replaces the keys. Cached results of the previous keys become invalid.
    pub fn set(&self, keys: KeySet) {
        self.0.store(Some(Arc::new(keys)));
    }
}

#[async_trait]
impl KeySource for LocalKeys {
    fn current(&self) -> Option<Arc<KeySet>> {
        self.0.load_full()
    }

    /// The keys are always current, so there is nothing to fetch.
    async fn refetch(&self) -> Option<Arc<KeySet>> {
        self.current()
    }
}
