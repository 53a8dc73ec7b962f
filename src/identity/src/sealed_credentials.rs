//! Defines how the secrets of credentials are sealed: the hash of a password, the seed of an authenticator,
//! the key of a passkey.
//!
//! The seal is bound to the row and its user, so that a row which an attacker reassigns to another user in
//! the database cannot be opened. Rows of versions that bound the row alone are still opened.

use postern_entities::credentials::Model;
use uuid::Uuid;

use crate::crypto::{CryptoError, Vault};

const TABLE: &str = "credentials";

/// Seals a secret for one row of one user.
pub fn seal(vault: &Vault, id: Uuid, user_id: Uuid, secret: &[u8]) -> Result<Vec<u8>, CryptoError> {
    vault.seal(&[TABLE, &id.to_string(), &user_id.to_string()], secret)
}

/// Opens a secret that [`seal`] sealed for this row and its user.
pub fn open(vault: &Vault, row: &Model) -> Result<Vec<u8>, CryptoError> {
    let id = row.id.to_string();
    match vault.open(&[TABLE, &id, &row.user_id.to_string()], &row.secret_sealed) {
        Err(CryptoError::Altered) => vault.open(&[TABLE, &id], &row.secret_sealed),
        opened => opened,
    }
}
