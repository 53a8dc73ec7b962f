//! An API whose tokens this provider issues; its identifier is the audience.

use sea_orm::entity::prelude::*;

/// An API whose tokens this provider issues; its identifier is the audience.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "resources")]
pub struct Model {
    /// Absolute URI (RFC 8707 section 2): the audience.
    #[sea_orm(primary_key, auto_increment = false)]
    pub identifier: String,
    /// What people call it.
    pub name: String,
    /// Algorithm of access tokens for it (RFC 7518).
    pub signing_algorithm: String,
    /// When it was made.
    pub created_at: i64,
    /// Last change.
    pub updated_at: i64,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
