//! One login in progress.

use sea_orm::entity::prelude::*;

/// One login in progress.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "attempts")]
pub struct Model {
    /// Hash of the 256-bit secret that names it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub attempt_hash: Vec<u8>,
    /// Client it is bound to; none for the account pages.
    pub client_id: Option<String>,
    /// Request it serves.
    pub authorization_request_id: Option<Uuid>,
    /// Browser it is bound to, where there is one.
    pub browser_hash: Option<Vec<u8>>,
    /// What the person typed, normalised.
    pub identifier: String,
    /// Whom it names, if anybody: the answer never tells.
    pub user_id: Option<Uuid>,
    /// What the sign-in must reach (`acr`, ...).
    #[sea_orm(column_type = "JsonBinary")]
    pub requested: Json,
    /// Factors shown so far.
    #[sea_orm(column_type = "JsonBinary")]
    pub proofs: Json,
    /// Method of the open challenge.
    pub method: Option<String>,
    /// What the method must remember about it.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub challenge: Option<Json>,
    /// MAC of the code sent, if the method sends one.
    pub code_mac: Option<Vec<u8>>,
    /// End of that code.
    pub code_expires_at: Option<i64>,
    /// Hash of the source that had a code sent; none where none was, or where the account knows the device.
    pub source_hash: Option<Vec<u8>>,
    /// When a code was sent last.
    pub sent_at: Option<i64>,
    /// How often one was.
    pub sends: i32,
    /// Tries left, reserved before each check.
    pub tries_left: i32,
    /// When it was made.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: i64,
    /// Set once, when it became a session.
    pub completed_at: Option<i64>,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
