//! Keys of an issuer in the same process, which sets them when they rotate.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;

use super::KeySource;
use crate::key::KeySet;

/// Keys that are set by their owner. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct LocalKeys(Arc<ArcSwapOption<KeySet>>);

impl LocalKeys {
    /// Begins with these keys; [`default`](Self::default) begins without any.
    pub fn new(keys: KeySet) -> Self {
        Self(Arc::new(ArcSwapOption::from_pointee(keys)))
    }

    /// Replaces the keys. What was verified with a key that is gone is verified anew.
    pub fn set(&self, keys: KeySet) {
        self.0.store(Some(Arc::new(keys)));
    }
}

#[async_trait]
impl KeySource for LocalKeys {
    fn current(&self) -> Option<Arc<KeySet>> {
        self.0.load_full()
    }

    /// There is nobody to ask.
    async fn refetch(&self) -> Option<Arc<KeySet>> {
        self.current()
    }
}
