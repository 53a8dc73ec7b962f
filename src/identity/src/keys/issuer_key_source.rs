//! Defines the key source of the issuer's own verifier: the keys in memory, checked against the database.

use std::sync::Arc;

use async_trait::async_trait;
use postern_service::database::Database;
use postern_token_verifier::{KeySet, KeySource, LocalKeys};

use super::store;

/// A token from another node may be signed with a key that this node has not loaded yet. So the database is
/// asked before a `kid` counts as unknown. While the database has keys that the memory lacks, the source
/// reports the keys as unavailable, so that no valid token is refused as invalid.
pub(crate) struct IssuerKeySource {
    pub(crate) keys: LocalKeys,
    pub(crate) db: Database,
}

#[async_trait]
impl KeySource for IssuerKeySource {
    fn current(&self) -> Option<Arc<KeySet>> {
        self.keys.current()
    }

    /// Reads a few rows. That costs no more than the look-up of any other forged token.
    async fn refetch(&self) -> Option<Arc<KeySet>> {
        let rows = store::load(self.db.reader()).await.ok()?;
        self.keys.current().filter(|keys| rows.iter().all(|row| keys.get(&row.kid).is_some()))
    }
}
