//! Defines the table `devices`: a device that an account has signed in with.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

use crate::values::Hash256;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "devices")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// Hash of the browser's secret, or of the network and the name of an app.
    #[sea_orm(primary_key, auto_increment = false)]
    pub device_hash: Hash256,
    /// First sign-in with this device.
    pub first_seen_at: Timestamp,
    /// Last sign-in with this device.
    pub last_seen_at: Timestamp,
    /// From then on the device counts as unknown again.
    pub expires_at: Timestamp,
    /// When a passkey was offered on this device. It is offered once.
    pub passkey_offered_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
