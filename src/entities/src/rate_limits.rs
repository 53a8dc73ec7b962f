//! How much of a limit one bucket has used in its window.

use sea_orm::entity::prelude::*;

/// How much of a limit one bucket has used in its window.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "rate_limits")]
pub struct Model {
    /// Hash of the rule and whom it counts.
    #[sea_orm(primary_key, auto_increment = false)]
    pub bucket: Vec<u8>,
    /// Uses in the window.
    pub used: i32,
    /// End of the window.
    pub window_ends_at: i64,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
