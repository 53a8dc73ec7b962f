//! Defines the table `consents`: the scopes that a user has allowed a client, remembered for later
//! requests.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

use crate::values::Scope;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consents")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: String,
    /// All scopes allowed so far.
    pub scope: Scope,
    pub granted_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
