//! Defines the only table of this service as a sea-orm type.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tasks")]
pub struct Model {
    /// Random, so it reveals neither owner nor age.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// `sub` of the owner's tokens. It identifies one person, because only one issuer is trusted.
    pub owner: String,
    pub title: String,
    /// The title in the form in which titles are compared and sorted.
    pub title_folded: String,
    pub notes: String,
    pub done: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
