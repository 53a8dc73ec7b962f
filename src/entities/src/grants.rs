//! One completed authorization or API sign-in; codes and tokens hang off it.

use sea_orm::entity::prelude::*;

/// One completed authorization or API sign-in; codes and tokens hang off it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "grants")]
pub struct Model {
    /// Row identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// None for a client in its own right.
    pub user_id: Option<Uuid>,
    /// The client.
    pub client_id: String,
    /// The session it was made in.
    pub sid: Option<Uuid>,
    /// Granted scope, space separated (RFC 6749 section 3.3).
    pub scope: String,
    /// Audiences allowed.
    #[sea_orm(column_type = "JsonBinary")]
    pub resources: Json,
    /// As in the session when it was made.
    pub auth_time: Option<i64>,
    /// As in the session when it was made.
    pub acr: Option<String>,
    /// As in the session when it was made.
    #[sea_orm(column_type = "JsonBinary")]
    pub amr: Json,
    /// When it was made.
    pub created_at: i64,
    /// Absolute end of everything that hangs off it.
    pub expires_at: i64,
    /// Set once; ends all of it.
    pub revoked_at: Option<i64>,
    /// Which rule or person ended it.
    pub revoked_because: Option<String>,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
