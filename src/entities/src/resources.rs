//! Defines the table `resources`: a resource server whose access tokens this provider issues (RFC 8707).

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "resources")]
pub struct Model {
    /// Absolute URI (RFC 8707 section 2): the audience.
    #[sea_orm(primary_key, auto_increment = false)]
    pub identifier: String,
    /// Name that people see.
    pub name: String,
    /// Algorithm of access tokens for the resource (RFC 7518).
    pub signing_algorithm: String,
    /// Joins the data of a person from all clients by `sub`, so its clients cannot have pairwise subjects.
    pub joins_users: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
