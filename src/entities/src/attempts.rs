//! Defines the table `attempts`: one login in progress. Its row is bound to the browser or to the client
//! that began the login.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

use crate::values::Hash256;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "attempts")]
pub struct Model {
    /// Hash of the 256-bit secret that the page or the API client holds.
    #[sea_orm(primary_key, auto_increment = false)]
    pub attempt_hash: Hash256,
    /// The client that the attempt is bound to; null for the account pages.
    pub client_id: Option<String>,
    /// The pending authorization request that the login serves.
    pub authorization_request_id: Option<Uuid>,
    /// Hash of the cookie of the browser that the attempt is bound to; null for API clients.
    pub browser_hash: Option<Hash256>,
    /// The identifier that the person typed, normalised.
    pub identifier: String,
    /// The account that the identifier names, if there is one. No response tells whether there is.
    pub user_id: Option<Uuid>,
    /// The authentication requirement of the login (`acr`, `max_age`, ...).
    #[sea_orm(column_type = "JsonBinary")]
    pub requested: Json,
    /// The factors that were verified so far.
    #[sea_orm(column_type = "JsonBinary")]
    pub proofs: Json,
    /// Login method of the open challenge.
    pub method: Option<String>,
    /// State that the login method keeps for its open challenge.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub challenge: Option<Json>,
    /// MAC of the code that was sent, if the method sends one.
    pub code_mac: Option<Vec<u8>>,
    pub code_expires_at: Option<Timestamp>,
    /// Hash of the source that had a code sent. Null when no code was sent, or when the account knows
    /// the device.
    pub source_hash: Option<Hash256>,
    /// When a code was sent last.
    pub sent_at: Option<Timestamp>,
    /// How many times a code was sent.
    pub sends: i32,
    /// Tries left. A try is taken before each check, so that parallel tries cannot exceed the limit.
    pub tries_left: i32,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// Set once, when the attempt became a session.
    pub completed_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
