//! Defines the table `links`: a link that was mailed to a person and can be used once.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

use crate::values::Hash256;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "links")]
pub struct Model {
    /// Hash of the token in the link.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: Hash256,
    /// `register`, `reset`, `change_email`, `invite` or `sign_out`; `none` for a decoy that was mailed to nobody.
    pub purpose: String,
    /// The account, if there is one.
    pub user_id: Option<Uuid>,
    /// The email that the link was mailed to; empty for `sign_out`, whose payload has it.
    pub email: String,
    /// Data that the link completes, bound to this row.
    pub payload_sealed: Option<Vec<u8>>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// Set once, when the link is used.
    pub used_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
