//! One leaf or past leaf of a grant's refresh tokens.

use sea_orm::entity::prelude::*;

/// One leaf or past leaf of a grant's refresh tokens.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_tokens")]
pub struct Model {
    /// The grant; the token names it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub grant_id: Uuid,
    /// Hash of the token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: Vec<u8>,
    /// When it was issued.
    pub issued_at: i64,
    /// End without use.
    pub expires_at: i64,
    /// Set once, when its successor was made.
    pub rotated_at: Option<i64>,
    /// The successor under a key derived from this token, for a lost answer.
    pub successor_sealed: Option<Vec<u8>>,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
