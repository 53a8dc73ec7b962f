//! One pass through the authorization endpoint that waits for a person.

use sea_orm::entity::prelude::*;

/// One pass through the authorization endpoint that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authorization_requests")]
pub struct Model {
    /// In the page's URL; useless without the browser's cookie.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Hash of the cookie of the browser that began it.
    pub browser_hash: Vec<u8>,
    /// The client.
    pub client_id: String,
    /// The validated request.
    #[sea_orm(column_type = "JsonBinary")]
    pub parameters: Json,
    /// Steps passed, in order; success is computed from them.
    #[sea_orm(column_type = "JsonBinary")]
    pub steps: Json,
    /// When it was made.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: i64,
    /// Set once, when the client got its answer.
    pub finished_at: Option<i64>,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
