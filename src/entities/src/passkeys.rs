//! A passkey of a user: what is read to find and to show it. Its public key is the sealed part of the credential.

use sea_orm::entity::prelude::*;

/// A passkey of a user: what is read to find and to show it. Its public key is the sealed part of the credential.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "passkeys")]
pub struct Model {
    /// What its device calls it (WebAuthn level 3 section 4).
    #[sea_orm(primary_key, auto_increment = false)]
    pub credential_id: Vec<u8>,
    /// The credential.
    pub id: Uuid,
    /// The user.
    pub user_id: Uuid,
    /// What the user calls it.
    pub name: String,
    /// How often its device says that it signed; 0 for one that does not count.
    pub sign_count: i64,
    /// When it was made.
    pub created_at: i64,
    /// When it proved last who the user is.
    pub last_used_at: Option<i64>,
    /// When its count went back: there may be a copy.
    pub flagged_at: Option<i64>,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
