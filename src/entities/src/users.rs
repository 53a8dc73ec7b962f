//! Defines the table `users`: a person who may sign in.

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// Never leaves the provider.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The `sub` of every token: random and stable.
    pub subject: Uuid,
    /// Normalised; the identifier that the person types to sign in.
    pub email: String,
    /// Whether the person proved control of the email.
    pub email_verified: bool,
    /// Standard claims (OpenID Connect Core section 5.1) except `sub` and `email`.
    #[sea_orm(column_type = "JsonBinary")]
    pub profile: Json,
    /// Set while the account may not sign in.
    pub disabled_at: Option<Timestamp>,
    /// Set when the owner closed the account: when it will be deleted.
    pub deletion_at: Option<Timestamp>,
    /// Language of the last sign-in from a known device, or of the very first sign-in.
    pub language: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
