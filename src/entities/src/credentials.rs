//! What an account holds to prove itself beyond codes: a password, a TOTP seed, a passkey.

use sea_orm::entity::prelude::*;

/// What an account holds to prove itself beyond codes: a password, a TOTP seed, a passkey.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credentials")]
pub struct Model {
    /// Row identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The user.
    pub user_id: Uuid,
    /// Login method that understands it: `password`, `totp`, `passkey`.
    pub kind: String,
    /// The hash, the seed or the public key; of a passkey that is being set up, the challenge.
    pub secret_sealed: Vec<u8>,
    /// When it was first shown; before that it proves nothing.
    pub confirmed_at: Option<i64>,
    /// Last TOTP time step accepted: the same or an earlier one is refused.
    pub last_used_step: Option<i64>,
    /// When it was made.
    pub created_at: i64,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
