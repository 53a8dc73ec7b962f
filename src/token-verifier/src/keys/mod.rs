//! Defines [`KeySource`]: where the issuer's public keys come from.
//!
//! [`RemoteKeys`] fetches them from the issuer, [`LocalKeys`] is told them by the issuer itself, in the same process.

mod local;
mod remote;

use std::sync::Arc;

use async_trait::async_trait;

pub use self::local::LocalKeys;
pub use self::remote::{RemoteKeys, RemoteKeysError, RemoteKeysSettings, Statistics};
use crate::key::KeySet;

/// Where the issuer's public keys come from.
#[async_trait]
pub trait KeySource: Send + Sync + 'static {
    /// The keys known now, without waiting. `None` when there are none, or none recent enough to be trusted.
    fn current(&self) -> Option<Arc<KeySet>>;

    /// The keys after newer ones were looked for, called when a token names a key that [`current`](Self::current)
    /// lacks. Anyone can send such tokens, so an implementation bounds what they cost. `None` when it did not look, or
    /// in vain: then nobody knows whether there is such a key.
    async fn refetch(&self) -> Option<Arc<KeySet>>;
}
