//! A device that an account has signed in with.

use sea_orm::entity::prelude::*;

/// A device that an account has signed in with.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "devices")]
pub struct Model {
    /// The account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// Hash of the browser's secret, or of an app's network and name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub device_hash: Vec<u8>,
    /// Its first sign-in.
    pub first_seen_at: i64,
    /// Its last one.
    pub last_seen_at: i64,
    /// It is unknown again from then on.
    pub expires_at: i64,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
