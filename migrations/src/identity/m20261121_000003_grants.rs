//! Creates the tables of sessions, grants, authorization codes, refresh tokens and consents.

use sea_orm_migration::prelude::*;

use crate::table::{
    BYTES, JSON, TEXT, TIME, UUID, belongs_to, column, index, key, keyed, optional, table, unique,
};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("sessions")
                    .col(key("sid", UUID))
                    .col(optional("cookie_hash", BYTES))
                    .col(column("user_id", UUID))
                    .col(column("kind", TEXT))
                    .col(optional("client_id", TEXT))
                    .col(column("auth_time", TIME))
                    .col(column("acr", TEXT))
                    .col(column("amr", JSON))
                    .col(column("created_at", TIME))
                    .col(column("last_seen_at", TIME))
                    .col(column("expires_at", TIME))
                    .col(optional("ended_at", TIME))
                    .col(optional("ip", TEXT))
                    .col(optional("user_agent", TEXT))
                    .foreign_key(&mut belongs_to("sessions", "user_id", "users", "id"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("sessions", &["cookie_hash"])).await?;
        manager.create_index(index("sessions", &["user_id"])).await?;
        manager.create_index(index("sessions", &["expires_at"])).await?;

        manager
            .create_table(
                keyed(manager, "grants")
                    .col(key("id", UUID))
                    .col(optional("user_id", UUID))
                    .col(column("client_id", TEXT))
                    .col(optional("sid", UUID))
                    .col(column("scope", TEXT))
                    .col(column("resources", JSON))
                    .col(optional("auth_time", TIME))
                    .col(optional("acr", TEXT))
                    .col(column("amr", JSON))
                    .col(column("created_at", TIME))
                    .col(column("expires_at", TIME))
                    .col(optional("revoked_at", TIME))
                    .col(optional("revoked_because", TEXT))
                    .foreign_key(&mut belongs_to("grants", "user_id", "users", "id"))
                    .foreign_key(&mut belongs_to("grants", "client_id", "clients", "client_id"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("grants", &["user_id"])).await?;
        manager.create_index(index("grants", &["sid"])).await?;
        manager.create_index(index("grants", &["client_id"])).await?;
        manager.create_index(index("grants", &["expires_at"])).await?;
        // A client has at most one active grant in its own right. The unique index decides which node makes
        // the grant.
        let own = "CREATE UNIQUE INDEX grants_one_own ON grants (client_id) \
                   WHERE user_id IS NULL AND revoked_at IS NULL";
        manager.get_connection().execute_unprepared(own).await?;

        manager
            .create_table(
                keyed(manager, "authorization_codes")
                    .col(key("grant_id", UUID))
                    .col(column("code_hash", BYTES))
                    .col(column("redirect_uri", TEXT))
                    .col(optional("code_challenge", TEXT))
                    .col(optional("nonce", TEXT))
                    .col(column("issued_at", TIME))
                    .col(optional("redeemed_at", TIME))
                    .foreign_key(&mut belongs_to("authorization_codes", "grant_id", "grants", "id"))
                    .to_owned(),
            )
            .await?;

        manager
            .create_table(
                keyed(manager, "refresh_tokens")
                    .col(column("grant_id", UUID))
                    .col(column("token_hash", BYTES))
                    .col(column("issued_at", TIME))
                    .col(column("expires_at", TIME))
                    .col(optional("rotated_at", TIME))
                    .col(optional("successor_sealed", BYTES))
                    .primary_key(Index::create().col("grant_id").col("token_hash"))
                    .foreign_key(&mut belongs_to("refresh_tokens", "grant_id", "grants", "id"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("refresh_tokens", &["expires_at"])).await?;

        manager
            .create_table(
                keyed(manager, "consents")
                    .col(column("user_id", UUID))
                    .col(column("client_id", TEXT))
                    .col(column("scope", TEXT))
                    .col(column("granted_at", TIME))
                    .primary_key(Index::create().col("user_id").col("client_id"))
                    .foreign_key(&mut belongs_to("consents", "user_id", "users", "id"))
                    .foreign_key(&mut belongs_to("consents", "client_id", "clients", "client_id"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("consents", &["client_id"])).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["consents", "refresh_tokens", "authorization_codes", "grants", "sessions"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
