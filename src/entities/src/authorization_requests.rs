//! Defines the table `authorization_requests`: one pass through the authorization endpoint that waits for
//! a person.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

use crate::values::Hash256;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authorization_requests")]
pub struct Model {
    /// In the page's URL; useless without the browser's cookie.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Hash of the cookie of the browser that began the request.
    pub browser_hash: Hash256,
    pub client_id: String,
    /// The validated parameters of the request.
    #[sea_orm(column_type = "JsonBinary")]
    pub parameters: Json,
    /// Steps that were passed, in order. The next step is computed from them alone.
    #[sea_orm(column_type = "JsonBinary")]
    pub steps: Json,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// Set once, when the client got its response.
    pub finished_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
