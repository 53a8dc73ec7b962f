//! Creates the tables of signing keys, jobs, rate limits, audit events and change versions.

use sea_orm_migration::prelude::*;

use crate::table::{BYTES, COUNT, JSON, TEXT, TIME, UUID, column, index, key, keyed, optional, table};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("signing_keys")
                    .col(key("kid", TEXT))
                    .col(column("algorithm", TEXT))
                    .col(column("state", TEXT))
                    .col(column("public_jwk", JSON))
                    .col(column("private_sealed", BYTES))
                    .col(column("created_at", TIME))
                    .col(optional("activated_at", TIME))
                    .col(optional("retired_at", TIME))
                    .to_owned(),
            )
            .await?;
        // For each algorithm at most one key is active and at most one is next. The unique indexes decide
        // which node makes the key.
        for state in ["active", "next"] {
            let index = format!(
                "CREATE UNIQUE INDEX signing_keys_one_{state} ON signing_keys (algorithm) WHERE state = '{state}'"
            );
            manager.get_connection().execute_unprepared(&index).await?;
        }

        manager
            .create_table(
                table("jobs")
                    .col(key("id", UUID))
                    .col(column("kind", TEXT))
                    .col(optional("payload_sealed", BYTES))
                    .col(column("run_at", TIME))
                    .col(column("attempts", COUNT))
                    .col(optional("leased_until", TIME))
                    .col(optional("finished_at", TIME))
                    .col(optional("last_error", TEXT))
                    .col(column("created_at", TIME))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("jobs", &["finished_at", "run_at"])).await?;

        manager
            .create_table(
                keyed(manager, "rate_limits")
                    .col(key("bucket", BYTES))
                    .col(column("used", COUNT))
                    .col(column("window_ends_at", TIME))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("rate_limits", &["window_ends_at"])).await?;

        manager
            .create_table(
                keyed(manager, "audit_events")
                    .col(key("id", UUID))
                    .col(column("at", TIME))
                    .col(column("kind", TEXT))
                    .col(optional("user_id", UUID))
                    .col(optional("client_id", TEXT))
                    .col(optional("sid", UUID))
                    .col(optional("grant_id", UUID))
                    .col(optional("ip", TEXT))
                    .col(optional("user_agent", TEXT))
                    .col(optional("request_id", TEXT))
                    .col(column("details", JSON))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("audit_events", &["user_id", "at"])).await?;

        manager
            .create_table(
                keyed(manager, "change_versions")
                    .col(key("topic", TEXT))
                    .col(column("version", TIME))
                    .to_owned(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["change_versions", "audit_events", "rate_limits", "jobs", "signing_keys"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
