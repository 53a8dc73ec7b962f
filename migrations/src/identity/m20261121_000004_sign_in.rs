//! Creates the tables of authorization requests, login attempts and operator codes.

use sea_orm_migration::prelude::*;

use crate::table::{
    BYTES, COUNT, JSON, TEXT, TIME, UUID, belongs_to, column, index, key, keyed, optional, table,
};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("authorization_requests")
                    .col(key("id", UUID))
                    .col(column("browser_hash", BYTES))
                    .col(column("client_id", TEXT))
                    .col(column("parameters", JSON))
                    .col(column("steps", JSON))
                    .col(column("created_at", TIME))
                    .col(column("expires_at", TIME))
                    .col(optional("finished_at", TIME))
                    .foreign_key(&mut belongs_to(
                        "authorization_requests",
                        "client_id",
                        "clients",
                        "client_id",
                    ))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("authorization_requests", &["expires_at"])).await?;

        manager
            .create_table(
                keyed(manager, "attempts")
                    .col(key("attempt_hash", BYTES))
                    .col(optional("client_id", TEXT))
                    .col(optional("authorization_request_id", UUID))
                    .col(optional("browser_hash", BYTES))
                    .col(column("identifier", TEXT))
                    .col(optional("user_id", UUID))
                    .col(column("requested", JSON))
                    .col(column("proofs", JSON))
                    .col(optional("method", TEXT))
                    .col(optional("challenge", JSON))
                    .col(optional("code_mac", BYTES))
                    .col(optional("code_expires_at", TIME))
                    .col(column("tries_left", COUNT))
                    .col(column("created_at", TIME))
                    .col(column("expires_at", TIME))
                    .col(optional("completed_at", TIME))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("attempts", &["expires_at"])).await?;

        manager
            .create_table(
                table("operator_codes")
                    .col(key("id", UUID))
                    .col(column("user_id", UUID))
                    .col(column("code_mac", BYTES))
                    .col(column("created_at", TIME))
                    .col(column("expires_at", TIME))
                    .col(optional("used_at", TIME))
                    .foreign_key(&mut belongs_to("operator_codes", "user_id", "users", "id"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("operator_codes", &["user_id"])).await?;
        manager.create_index(index("operator_codes", &["expires_at"])).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["operator_codes", "attempts", "authorization_requests"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
