//! Defines the table `refresh_tokens`: one refresh token of a grant: the current one, or one that was
//! rotated (RFC 9700 section 4.14).

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

use crate::values::Hash256;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_tokens")]
pub struct Model {
    /// The grant. The token itself contains this identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub grant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: Hash256,
    pub issued_at: Timestamp,
    /// End of the token unless it is used before.
    pub expires_at: Timestamp,
    /// Set once, when the successor was made.
    pub rotated_at: Option<Timestamp>,
    /// The successor, encrypted with a key derived from this token: it repeats a response that was
    /// lost.
    pub successor_sealed: Option<Vec<u8>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
