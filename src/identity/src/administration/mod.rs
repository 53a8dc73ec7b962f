//! Defines the changes operators make: to clients, resources and users.
//!
//! One use case a change, called by the commands (and by whatever else lets an operator in). Each checks every field
//! first, writes the change with its audit event in one write, announces the topic so that other nodes reload, and
//! reloads this one. Who reads the rows is a neighbour below: `clients`, `resources`, `users`; this module stands
//! above `sessions` and `grants` because disabling a user ends both.

pub mod clients;
pub mod import;
pub mod metadata;
pub mod resources;
mod rules;
pub mod scope_names;
pub mod sign_in;
pub mod users;

use postern_service::database::DatabaseError;

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// A field breaks a rule.
    #[error("{field} {rule}")]
    Invalid {
        /// The field, by its name in the specifications.
        field: &'static str,
        /// The rule, reading on from the field: "must be ...".
        rule: String,
    },
    /// The name belongs to another one.
    #[error("there is already a {kind} {name}")]
    Taken {
        /// What it is: `client`, `resource`, `scope`, `user`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// There is none of this name.
    #[error("there is no {kind} {name}")]
    Unknown {
        /// What it is: `client`, `resource`, `user`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The row as it stands does not allow it; says what to do.
    #[error("{0}")]
    Refused(String),
    /// The database did not do it.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
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

    /// Reads a failed insert: the constraint decided who was first.
    fn of_insert(cause: sea_orm::DbErr, columns: &str, kind: &'static str, name: &str) -> Self {
        if postern_service::database::unique_violation(&cause).as_deref() == Some(columns) {
            return Self::Taken { kind, name: name.to_owned() };
        }
        cause.into()
    }
}
