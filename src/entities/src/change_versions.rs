//! How often a cached topic has changed.

use sea_orm::entity::prelude::*;

/// How often a cached topic has changed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "change_versions")]
pub struct Model {
    /// What changed.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic: String,
    /// How often.
    pub version: i64,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
