//! Defines the table `client_logos`: the picture that pages show of a client.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "client_logos")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: String,
    /// `png` or `svg`.
    pub kind: String,
    /// The first 22 characters of the base64url SHA-256 of the content; part of its path.
    pub hash: String,
    /// The picture, which was made safe before it was stored.
    pub content: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
