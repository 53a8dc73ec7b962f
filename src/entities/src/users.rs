//! A person who may sign in.

use sea_orm::entity::prelude::*;

/// A person who may sign in.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// Row identifier; never leaves the provider.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The `sub` every token carries: random and stable.
    pub subject: Uuid,
    /// Address, normalised; what the person types to sign in.
    pub email: String,
    /// Whether a message to the address was answered.
    pub email_verified: bool,
    /// Standard claims (OpenID Connect Core section 5.1) except `sub` and `email`.
    #[sea_orm(column_type = "JsonBinary")]
    pub profile: Json,
    /// Set while the account may not sign in.
    pub disabled_at: Option<i64>,
    /// Set when its owner has closed the account: when it is deleted.
    pub deletion_at: Option<i64>,
    /// Language of the last sign-in from a device that the account knew, or of the first one of all.
    pub language: Option<String>,
    /// When it was made.
    pub created_at: i64,
    /// Last change.
    pub updated_at: i64,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
