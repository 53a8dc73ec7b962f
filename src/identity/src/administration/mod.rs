//! Defines the changes that operators make to clients, resources and users.
//!
//! Each change is one use case. It checks every field, writes the change and its audit event in one write,
//! announces the topic so that other nodes reload, and reloads this node. Leaves reading the rows to
//! `clients`, `resources` and `users`. This module stands above `sessions` and `grants`, because disabling a
//! user ends both.

pub mod client_logos;
mod client_secrets;
pub mod clients;
pub mod import;
mod joined_users;
pub mod metadata;
pub mod resources;
pub mod scope_rename;
pub mod sign_in;
pub mod users;

use crate::{claims::InvalidClaim, keys::KeyError};
use postern_service::database::DatabaseError;
use postern_token_verifier::Algorithm;

#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error("{field} {rule}")]
    Invalid {
        /// By its name in the specifications, such as `redirect_uris`.
        field: &'static str,
        /// Reads on from the field: "must be ...".
        rule: String,
    },
    /// The identifier is already in use.
    #[error("there is already a {kind} {name}")]
    Taken {
        /// `client`, `resource`, `scope` or `user`.
        kind: &'static str,
        name: String,
    },
    #[error("there is no {kind} {name}")]
    Unknown {
        /// `client`, `resource`, `scope` or `user`.
        kind: &'static str,
        name: String,
    },
    /// The state of the row does not allow the change. The text tells the operator what to do.
    #[error("{0}")]
    Refused(String),
    /// The key of an algorithm that the change names could not be made.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// A statement failed, or the database could not be reached.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

impl From<InvalidClaim> for ChangeError {
    fn from(InvalidClaim { claim, rule }: InvalidClaim) -> Self {
        Self::invalid(claim, rule)
    }
}

impl From<sea_orm::DbErr> for ChangeError {
    fn from(cause: sea_orm::DbErr) -> Self {
        Self::Database(cause.into())
    }
}

impl ChangeError {
    fn invalid(field: &'static str, rule: impl Into<String>) -> Self {
        Self::Invalid { field, rule: rule.into() }
    }

    /// Maps a failed insert: the unique constraint decides which of two concurrent inserts was first.
    fn from_insert_error(cause: sea_orm::DbErr, columns: &str, kind: &'static str, name: &str) -> Self {
        if postern_service::database::unique_violation(&cause).as_deref() == Some(columns) {
            return Self::Taken { kind, name: name.to_owned() };
        }
        cause.into()
    }
}

/// An algorithm by which this issuer signs. `none` (RFC 8725 section 3.2) and HMAC are not among them.
fn parse_signing_algorithm(field: &'static str, word: &str) -> Result<Algorithm, ChangeError> {
    let known = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == word);
    known.ok_or_else(|| {
        let names = Algorithm::ALL.map(Algorithm::name).join(", ");
        ChangeError::invalid(field, format!("must be one of {names} (found {word:?})"))
    })
}
