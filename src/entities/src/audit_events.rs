//! Defines the table `audit_events`: one act, for the record: who did what, about whose account, from
//! where.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub at: Timestamp,
    /// Name of the event, such as `session.started`.
    pub kind: String,
    /// Who did it: `anonymous`, `user`, `client`, `operator` or `system`; none for an event of which that is not known.
    pub actor_kind: Option<String>,
    /// The user's row, the client's `client_id`, or the name of the operator.
    pub actor_id: Option<String>,
    /// Whose account the event is about.
    pub user_id: Option<Uuid>,
    pub client_id: Option<String>,
    pub sid: Option<Uuid>,
    pub grant_id: Option<Uuid>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    /// The reference of the request in the log.
    pub request_id: Option<String>,
    /// Facts of the event; never a secret.
    #[sea_orm(column_type = "JsonBinary")]
    pub details: Json,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
