//! Defines the table `passkeys`: what is read to find and to list a passkey (WebAuthn level 3).
//!
//! The public key is in the sealed column of the row in `credentials`.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "passkeys")]
pub struct Model {
    /// The credential ID that the authenticator chose (WebAuthn level 3 section 4).
    #[sea_orm(primary_key, auto_increment = false)]
    pub credential_id: Vec<u8>,
    /// The row in `credentials`.
    pub id: Uuid,
    pub user_id: Uuid,
    /// Name that the user gave the passkey.
    pub name: String,
    /// Signature counter that the authenticator reported last; 0 for one that does not count.
    pub sign_count: i64,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    /// When the counter went back: the passkey may have been cloned (WebAuthn level 3 section 6.1.1).
    pub flagged_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
