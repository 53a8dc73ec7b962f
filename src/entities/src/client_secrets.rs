//! Defines the table `client_secrets`: one valid secret of a confidential client. Two may be valid at
//! once while the secret is replaced.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

use crate::values::Hash256;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "client_secrets")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub client_id: String,
    /// SHA-256 is enough: the secret is 256 random bits, or one of an operator with at least 32 characters.
    pub secret_hash: Hash256,
    /// The secret itself, for a client that signs with its secret (`client_secret_jwt`); null for all others.
    pub secret_sealed: Option<Vec<u8>>,
    pub created_at: Timestamp,
    /// End of the overlap while the secret is replaced; null for the current secret.
    pub expires_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
