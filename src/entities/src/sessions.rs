//! One sign-in of a user, by browser or API.

use sea_orm::entity::prelude::*;

/// One sign-in of a user, by browser or API.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// The `sid` of tokens: random.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sid: Uuid,
    /// Hash of the browser's cookie; none for API sign-ins.
    pub cookie_hash: Option<Vec<u8>>,
    /// The user.
    pub user_id: Uuid,
    /// `browser` or `api`.
    pub kind: String,
    /// The client of an API sign-in.
    pub client_id: Option<String>,
    /// When the person last proved who they are.
    pub auth_time: i64,
    /// Level reached.
    pub acr: String,
    /// Methods used (RFC 8176).
    #[sea_orm(column_type = "JsonBinary")]
    pub amr: Json,
    /// When it was made.
    pub created_at: i64,
    /// For the idle limit; written at most once a minute.
    pub last_seen_at: i64,
    /// Absolute end.
    pub expires_at: i64,
    /// Signed out or ended.
    pub ended_at: Option<i64>,
    /// Where it began.
    pub ip: Option<String>,
    /// What it began with.
    pub user_agent: Option<String>,
    /// Whether the person asked the browser to keep it.
    pub remembered: bool,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
