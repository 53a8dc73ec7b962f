//! Defines the table `operator_codes`: a sign-in code that an operator made for one user.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "operator_codes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    /// MAC of the code over the row's id.
    pub code_mac: Vec<u8>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// Set once, when the code is used.
    pub used_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
