//! Defines the table `former_emails`: a former email of an account, kept so that its owner can undo the
//! change.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

use crate::values::Hash256;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "former_emails")]
pub struct Model {
    /// Hash of the token in the link that was mailed to the former email. Using the link removes the
    /// row.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: Hash256,
    pub user_id: Uuid,
    /// The former email, bound to this row and this user.
    pub email_sealed: Vec<u8>,
    /// When the account got its next email.
    pub created_at: Timestamp,
    /// From then on the change cannot be undone.
    pub expires_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
