//! The one table of this service as a sea-orm type.

use sea_orm::entity::prelude::*;

/// Something a person has to do.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tasks")]
pub struct Model {
    /// Random; says nothing about its owner or its age.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// `sub` of the owner's tokens. There is one issuer, so it names one person.
    pub owner: String,
    /// What to do.
    pub title: String,
    /// The title as titles are compared.
    pub title_folded: String,
    /// Anything else about it.
    pub notes: String,
    /// Whether it is done.
    pub done: bool,
    /// Microseconds since the epoch.
    pub created_at: i64,
    /// Microseconds since the epoch.
    pub updated_at: i64,
}

/// No relation: tasks stand alone.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
