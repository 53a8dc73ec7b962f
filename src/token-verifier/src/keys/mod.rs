//! Defines [`KeySource`], the source of the issuer's public keys.
//!
//! [`RemoteKeys`] fetches the keys from the issuer. [`LocalKeys`] gets them from the issuer in the same
//! process.

mod local;
mod remote;

use std::sync::Arc;

use async_trait::async_trait;

pub use self::local::LocalKeys;
pub use self::remote::{RemoteKeys, RemoteKeysError, RemoteKeysSettings, Statistics};
use crate::key::KeySet;

/// The source of an issuer's public keys.
#[async_trait]
pub trait KeySource: Send + Sync + 'static {
    /// The current keys, without waiting. `None` when there are none, or when they are too old to be trusted.
    fn current(&self) -> Option<Arc<KeySet>>;

    /// Fetches the keys anew. Called when a token names a key that [`current`](Self::current) lacks. Anyone
    /// can send such tokens, so an implementation limits how often it fetches. `None` when it did not fetch
    /// or the fetch failed: then nobody knows whether the key exists.
    async fn refetch(&self) -> Option<Arc<KeySet>>;
}
