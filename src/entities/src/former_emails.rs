//! An email that an account had before, kept so that its owner can take the change back.

use sea_orm::entity::prelude::*;

/// An email that an account had before, kept so that its owner can take the change back.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "former_emails")]
pub struct Model {
    /// Hash of the token in the link that was mailed to it. The row is removed when the link is used.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: Vec<u8>,
    /// The account.
    pub user_id: Uuid,
    /// The email, sealed for this row and this user.
    pub email_sealed: Vec<u8>,
    /// When the account got another one.
    pub created_at: i64,
    /// When the change stands for good.
    pub expires_at: i64,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
