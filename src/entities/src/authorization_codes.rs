//! Defines the table `authorization_codes`: an authorization code between its issue and its redemption
//! (RFC 6749 section 4.1).

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

use crate::values::Hash256;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authorization_codes")]
pub struct Model {
    /// The grant. The code itself contains this identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub grant_id: Uuid,
    pub code_hash: Hash256,
    /// The token request must repeat it (RFC 6749 section 4.1.3).
    pub redirect_uri: String,
    /// PKCE challenge of the method S256 (RFC 7636).
    pub code_challenge: Option<String>,
    /// Repeated in the ID token.
    pub nonce: Option<String>,
    /// The code is valid for `tokens.code_lifetime` from here on.
    pub issued_at: Timestamp,
    /// Set once, by the only redemption.
    pub redeemed_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
