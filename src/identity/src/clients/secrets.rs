//! Verifies the secrets of a client, and seals those of a client that signs with its secret.

use postern_entities::{client_secrets, values::Hash256};
use postern_service::clock::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::crypto::{self, CryptoError, Vault};

const TABLE: &str = "client_secrets";

/// A secret of a client, as it is stored.
#[derive(Clone, Debug)]
pub(super) struct ClientSecret {
    id: Uuid,
    hash: Hash256,
    /// Only for a client that is registered for `client_secret_jwt`.
    sealed: Option<Vec<u8>>,
    expires_at: Option<Timestamp>,
}

impl From<client_secrets::Model> for ClientSecret {
    fn from(row: client_secrets::Model) -> Self {
        Self { id: row.id, hash: row.secret_hash, sealed: row.secret_sealed, expires_at: row.expires_at }
    }
}

impl ClientSecret {
    fn live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// Whether a text is a valid secret. All secrets are compared, each in constant time.
pub(super) fn any_matches(secrets: &[ClientSecret], presented: &str, now: Timestamp) -> bool {
    let hash = crypto::token_hash(presented);
    secrets.iter().fold(false, |known, secret| {
        known | (crypto::constant_time_equal(&secret.hash, &hash) & secret.live(now))
    })
}

/// The secrets that verify a client's signature now: two while the secret is replaced.
pub(super) fn open_live(
    vault: &Vault,
    client_id: &str,
    secrets: &[ClientSecret],
    now: Timestamp,
) -> Result<Vec<Zeroizing<Vec<u8>>>, CryptoError> {
    let live = secrets.iter().filter(|secret| secret.live(now));
    live.filter_map(|secret| Some((secret.id, secret.sealed.as_deref()?)))
        .map(|(id, sealed)| {
            vault.open(&associated_data(&id.to_string(), client_id), sealed).map(Zeroizing::new)
        })
        .collect()
}

/// Seals a secret for its row.
pub fn seal(vault: &Vault, id: Uuid, client_id: &str, secret: &SecretString) -> Result<Vec<u8>, CryptoError> {
    vault.seal(&associated_data(&id.to_string(), client_id), secret.expose_secret().as_bytes())
}

fn associated_data<'a>(id: &'a str, client_id: &'a str) -> [&'a str; 3] {
    [TABLE, id, client_id]
}
