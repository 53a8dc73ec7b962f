//! One act, for the record.

use sea_orm::entity::prelude::*;

/// One act, for the record.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_events")]
pub struct Model {
    /// Row identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// When.
    pub at: i64,
    /// What.
    pub kind: String,
    /// The user.
    pub user_id: Option<Uuid>,
    /// The client.
    pub client_id: Option<String>,
    /// The session.
    pub sid: Option<Uuid>,
    /// The grant.
    pub grant_id: Option<Uuid>,
    /// From where.
    pub ip: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
    /// In which request.
    pub request_id: Option<String>,
    /// Facts about it; never a secret.
    #[sea_orm(column_type = "JsonBinary")]
    pub details: Json,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
