//! Defines how what an account holds to prove itself is sealed: the hash of a password, the seed of an authenticator, the
//! key of a passkey.
//!
//! The seal is bound to the row and to its user, so that a row which somebody gives to another user in the database opens
//! nothing there. Rows of versions that bound the row alone are still read.

use postern_entities::credentials::Model;
use uuid::Uuid;

use crate::crypto::{CryptoError, Vault};

const TABLE: &str = "credentials";

/// Seals a secret for a row of a user.
pub fn seal(vault: &Vault, id: Uuid, user_id: Uuid, secret: &[u8]) -> Result<Vec<u8>, CryptoError> {
    vault.seal(&[TABLE, &id.to_string(), &user_id.to_string()], secret)
}

/// Opens what [`seal`] sealed for this row and its user.
pub fn open(vault: &Vault, row: &Model) -> Result<Vec<u8>, CryptoError> {
    let id = row.id.to_string();
    match vault.open(&[TABLE, &id, &row.user_id.to_string()], &row.secret_sealed) {
        Err(CryptoError::Altered) => vault.open(&[TABLE, &id], &row.secret_sealed),
        opened => opened,
    }
}
