//! A permission; it belongs to exactly one resource.

use sea_orm::entity::prelude::*;

/// A permission; it belongs to exactly one resource.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "scopes")]
pub struct Model {
    /// The scope value.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The resource it belongs to.
    pub resource: String,
    /// What the consent page says.
    pub description: String,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
