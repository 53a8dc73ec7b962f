//! A code that stands in for a lost device, once.

use sea_orm::entity::prelude::*;

/// A code that stands in for a lost device, once.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recovery_codes")]
pub struct Model {
    /// The user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// MAC of the code over the user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub code_mac: Vec<u8>,
    /// The device it stands in for, and goes with.
    pub credential_id: Uuid,
    /// When it was made.
    pub created_at: i64,
    /// Set once.
    pub used_at: Option<i64>,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
