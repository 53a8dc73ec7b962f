//! One live secret of a confidential client; two may live at once while it is changed.

use sea_orm::entity::prelude::*;

/// One live secret of a confidential client; two may live at once while it is changed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "client_secrets")]
pub struct Model {
    /// Row identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The client.
    pub client_id: String,
    /// SHA-256; the secret itself is 256 random bits.
    pub secret_hash: Vec<u8>,
    /// When it was made.
    pub created_at: i64,
    /// End of the overlap while it is replaced.
    pub expires_at: Option<i64>,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
