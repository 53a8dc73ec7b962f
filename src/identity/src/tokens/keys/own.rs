//! Defines the provider's own keys as its verifier sees them.

use std::sync::Arc;

use async_trait::async_trait;
use postern_service::database::Database;
use postern_token_verifier::{KeySet, KeySource, LocalKeys};

use super::store;

/// The keys in memory. A token of another node may be signed with a key that this node has not heard of yet; so the
/// database is asked before a key counts as unknown, and while it is ahead of the memory nobody is told that a token is
/// bad.
pub(crate) struct OwnKeys {
    pub(crate) keys: LocalKeys,
    pub(crate) db: Database,
}

#[async_trait]
impl KeySource for OwnKeys {
    fn current(&self) -> Option<Arc<KeySet>> {
        self.keys.current()
    }

    /// One read of a few rows, as cheap as the look-up of any other token that somebody made up.
    async fn refetch(&self) -> Option<Arc<KeySet>> {
        let rows = store::load(self.db.reader()).await.ok()?;
        self.keys.current().filter(|keys| rows.iter().all(|row| keys.get(&row.kid).is_some()))
    }
}
