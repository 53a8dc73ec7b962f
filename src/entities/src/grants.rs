//! Defines the table `grants`: one completed authorization or API sign-in. Codes, refresh tokens and
//! access tokens belong to a grant.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

use crate::values::{Acr, Scope, StringList};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "grants")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Null for a client in its own right (client credentials).
    pub user_id: Option<Uuid>,
    pub client_id: String,
    /// The session in which the grant was made.
    pub sid: Option<Uuid>,
    /// Granted scopes (RFC 6749 section 3.3).
    pub scope: Scope,
    /// Audiences that access tokens of the grant may have (RFC 8707).
    #[sea_orm(column_type = "JsonBinary")]
    pub resources: StringList,
    /// Claims that userinfo releases beside those of the scope (OpenID Connect Core section 5.5).
    #[sea_orm(column_type = "JsonBinary")]
    pub userinfo_claims: StringList,
    /// Claims about the user that ID tokens of the grant have (OpenID Connect Core section 5.5).
    #[sea_orm(column_type = "JsonBinary")]
    pub id_token_claims: StringList,
    /// Copied from the session when the grant was made.
    pub auth_time: Option<Timestamp>,
    /// Copied from the session when the grant was made.
    pub acr: Option<Acr>,
    /// Copied from the session when the grant was made.
    #[sea_orm(column_type = "JsonBinary")]
    pub amr: StringList,
    pub created_at: Timestamp,
    /// Absolute end of the grant, its codes and its tokens.
    pub expires_at: Timestamp,
    /// Set once; ends the grant, its codes and its tokens.
    pub revoked_at: Option<Timestamp>,
    /// The rule or the person that ended the grant.
    pub revoked_because: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
