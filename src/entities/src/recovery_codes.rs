//! Defines the table `recovery_codes`: a recovery code that stands in for a lost authenticator, once.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recovery_codes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// MAC of the code over the user's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub code_mac: Vec<u8>,
    /// The credential that the code stands in for. The code is deleted with it.
    pub credential_id: Uuid,
    pub created_at: Timestamp,
    /// Set once, when the code is used.
    pub used_at: Option<Timestamp>,
    /// When the owner said that the set is kept; the same for all codes of a set.
    pub kept_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
