//! Defines the table `signing_keys`: a key pair that signs tokens, and its state.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_keys")]
pub struct Model {
    /// Key ID: the thumbprint of RFC 7638.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kid: String,
    /// Name in RFC 7518.
    pub algorithm: String,
    /// `next`, `active` or `retiring`.
    pub state: String,
    /// Published in the JWK set.
    #[sea_orm(column_type = "JsonBinary")]
    pub public_jwk: Json,
    pub private_sealed: Vec<u8>,
    pub created_at: Timestamp,
    /// When the key began to sign.
    pub activated_at: Option<Timestamp>,
    /// When the key stopped signing.
    pub retired_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
