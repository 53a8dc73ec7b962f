//! Defines the table `sessions`: one sign-in of a user, by browser or by API.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

use crate::values::{Acr, Hash256, SessionKind, StringList};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// The `sid` of tokens: random.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sid: Uuid,
    /// Hash of the browser's cookie; null for API sign-ins.
    pub cookie_hash: Option<Hash256>,
    pub user_id: Uuid,
    pub kind: SessionKind,
    /// The client of an API sign-in.
    pub client_id: Option<String>,
    /// When the person last authenticated.
    pub auth_time: Timestamp,
    /// Authentication level that was reached.
    pub acr: Acr,
    /// Authentication methods that were used (RFC 8176).
    #[sea_orm(column_type = "JsonBinary")]
    pub amr: StringList,
    pub created_at: Timestamp,
    /// For the idle limit; written at most once a minute.
    pub last_seen_at: Timestamp,
    /// Absolute end, however active the session is.
    pub expires_at: Timestamp,
    /// Set when the session was ended before `expires_at`.
    pub ended_at: Option<Timestamp>,
    /// IP address at the sign-in.
    pub ip: Option<String>,
    /// User agent at the sign-in.
    pub user_agent: Option<String>,
    /// Whether the person asked the browser to keep the session when it is closed.
    pub remembered: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
