//! Defines the table `credentials`: an authenticator of an account besides sent codes: a password, a TOTP
//! seed, a passkey.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credentials")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    /// Login method that the credential belongs to: `password`, `totp`, `passkey`.
    pub kind: String,
    /// The password hash, the TOTP seed or the public key. While a passkey is being set up: the
    /// challenge.
    pub secret_sealed: Vec<u8>,
    /// When the credential was used for the first time. An unconfirmed credential authenticates
    /// nobody.
    pub confirmed_at: Option<Timestamp>,
    /// Last TOTP time step that was accepted. The same step or an earlier one is refused (RFC 6238
    /// section 5.2).
    pub last_used_step: Option<i64>,
    pub created_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
