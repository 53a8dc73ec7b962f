//! Defines the table `change_versions`: a counter for each cached topic. A node that sees another version
//! than its own reads the topic again.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "change_versions")]
pub struct Model {
    /// Name of the cached data, such as `clients`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic: String,
    /// Increases by one with each change.
    pub version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
