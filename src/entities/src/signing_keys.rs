//! A key pair that signs tokens, and where it is in its life.

use sea_orm::entity::prelude::*;

/// A key pair that signs tokens, and where it is in its life.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_keys")]
pub struct Model {
    /// Key ID: RFC 7638 thumbprint.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kid: String,
    /// RFC 7518 name.
    pub algorithm: String,
    /// `next`, `active` or `retiring`.
    pub state: String,
    /// What JWKS shows.
    #[sea_orm(column_type = "JsonBinary")]
    pub public_jwk: Json,
    /// The private key.
    pub private_sealed: Vec<u8>,
    /// When it was made.
    pub created_at: i64,
    /// When it began to sign.
    pub activated_at: Option<i64>,
    /// When it stopped signing.
    pub retired_at: Option<i64>,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
