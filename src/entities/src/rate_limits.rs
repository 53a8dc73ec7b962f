//! Defines the table `rate_limits`: the use of one rate limit within its current window.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "rate_limits")]
pub struct Model {
    /// Hash of the rule and of the key that it counts by.
    #[sea_orm(primary_key, auto_increment = false)]
    pub bucket: Vec<u8>,
    /// Uses within the window.
    pub used: i32,
    pub window_ends_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
