//! Defines the table `client_assertions`: an assertion by which a client authenticated, so that nobody uses
//! the same assertion again (RFC 7523 section 3).

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

use crate::values::Hash256;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "client_assertions")]
pub struct Model {
    /// Hash of `client_id` and `jti`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub assertion_hash: Hash256,
    /// After this time the assertion is refused as expired.
    pub expires_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
