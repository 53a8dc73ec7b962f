//! A code on its way through the browser.

use sea_orm::entity::prelude::*;

/// A code on its way through the browser.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authorization_codes")]
pub struct Model {
    /// The grant; the code names it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub grant_id: Uuid,
    /// Hash of the code.
    pub code_hash: Vec<u8>,
    /// Must be repeated at the token endpoint.
    pub redirect_uri: String,
    /// PKCE challenge, method S256.
    pub code_challenge: Option<String>,
    /// For the ID token.
    pub nonce: Option<String>,
    /// Start of its 60 seconds.
    pub issued_at: i64,
    /// Set once by the only redemption.
    pub redeemed_at: Option<i64>,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
