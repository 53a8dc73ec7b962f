//! Creates the tables of resources, scopes, clients and client secrets.

use sea_orm_migration::prelude::*;

use crate::table::{BYTES, FLAG, JSON, TEXT, TIME, UUID, belongs_to, column, index, key, optional, table};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("resources")
                    .col(key("identifier", TEXT))
                    .col(column("name", TEXT))
                    .col(column("signing_algorithm", TEXT))
                    .col(column("created_at", TIME))
                    .col(column("updated_at", TIME))
                    .to_owned(),
            )
            .await?;

        manager
            .create_table(
                table("scopes")
                    .col(key("name", TEXT))
                    .col(column("resource", TEXT))
                    .col(column("description", TEXT))
                    .foreign_key(&mut belongs_to("scopes", "resource", "resources", "identifier"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("scopes", &["resource"])).await?;

        manager
            .create_table(
                table("clients")
                    .col(key("client_id", TEXT))
                    .col(column("name", TEXT))
                    .col(column("profile", TEXT))
                    .col(column("first_party", FLAG))
                    .col(column("token_endpoint_auth_method", TEXT))
                    .col(column("redirect_uris", JSON))
                    .col(column("post_logout_redirect_uris", JSON))
                    .col(column("origins", JSON))
                    .col(column("grant_types", JSON))
                    .col(column("scopes", JSON))
                    .col(column("default_scopes", JSON))
                    .col(column("login_methods", JSON))
                    .col(optional("required_acr", TEXT))
                    .col(optional("logo_uri", TEXT))
                    .col(optional("policy_uri", TEXT))
                    .col(optional("tos_uri", TEXT))
                    .col(optional("disabled_at", TIME))
                    .col(column("created_at", TIME))
                    .col(column("updated_at", TIME))
                    .to_owned(),
            )
            .await?;

        manager
            .create_table(
                table("client_secrets")
                    .col(key("id", UUID))
                    .col(column("client_id", TEXT))
                    .col(column("secret_hash", BYTES))
                    .col(column("created_at", TIME))
                    .col(optional("expires_at", TIME))
                    .foreign_key(&mut belongs_to("client_secrets", "client_id", "clients", "client_id"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("client_secrets", &["client_id"])).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["client_secrets", "clients", "scopes", "resources"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
