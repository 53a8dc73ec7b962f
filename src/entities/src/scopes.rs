//! Defines the table `scopes`: a scope; each belongs to exactly one resource.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "scopes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub resource: String,
    /// Shown on the consent page.
    pub description: String,
    /// The description in further languages: an object, by language tag.
    #[sea_orm(column_type = "JsonBinary")]
    pub texts: Json,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
