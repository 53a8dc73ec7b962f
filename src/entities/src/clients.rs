//! An app that asks for tokens.

use sea_orm::entity::prelude::*;

/// An app that asks for tokens.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "clients")]
pub struct Model {
    /// Public name; never a UUID, so that it cannot be taken for a `sub`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: String,
    /// What people call it.
    pub name: String,
    /// Rules it keeps: `strict`.
    pub profile: String,
    /// May use the first-party API and skips consent; set by operators only.
    pub first_party: bool,
    /// `none` (public), `client_secret_basic` or `client_secret_post`.
    pub token_endpoint_auth_method: String,
    /// Exact redirect URIs.
    #[sea_orm(column_type = "JsonBinary")]
    pub redirect_uris: Json,
    /// Exact URIs to return to after sign-out.
    #[sea_orm(column_type = "JsonBinary")]
    pub post_logout_redirect_uris: Json,
    /// Browser origins that may call the APIs.
    #[sea_orm(column_type = "JsonBinary")]
    pub origins: Json,
    /// Grant types the token endpoint accepts from it.
    #[sea_orm(column_type = "JsonBinary")]
    pub grant_types: Json,
    /// Scopes it may ask for.
    #[sea_orm(column_type = "JsonBinary")]
    pub scopes: Json,
    /// Scopes when it names none.
    #[sea_orm(column_type = "JsonBinary")]
    pub default_scopes: Json,
    /// Login methods people may use for it; empty means all.
    #[sea_orm(column_type = "JsonBinary")]
    pub login_methods: Json,
    /// Least `acr` of every sign-in for it.
    pub required_acr: Option<String>,
    /// Logo for the sign-in page.
    pub logo_uri: Option<String>,
    /// Its privacy policy.
    pub policy_uri: Option<String>,
    /// Its terms.
    pub tos_uri: Option<String>,
    /// Set while it may ask for nothing.
    pub disabled_at: Option<i64>,
    /// When it was made.
    pub created_at: i64,
    /// Last change.
    pub updated_at: i64,
}

/// No relation is declared: what is read together is joined where it is read.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
