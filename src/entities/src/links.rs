//! A link that was mailed to somebody, to be used once.

use sea_orm::entity::prelude::*;

/// A link that was mailed to somebody, to be used once.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "links")]
pub struct Model {
    /// Hash of the token in it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: Vec<u8>,
    /// `register`, `reset`, `change_email`, `invite`; `none` for one that was mailed to nobody.
    pub purpose: String,
    /// Whose it is, if there is an account.
    pub user_id: Option<Uuid>,
    /// The address it was mailed to.
    pub email: String,
    /// What it completes, sealed for this row.
    pub payload_sealed: Option<Vec<u8>>,
    /// When it was made.
    pub created_at: i64,
    /// Its end.
    pub expires_at: i64,
    /// Set once.
    pub used_at: Option<i64>,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
