//! Creates the tables of accounts and of their credentials.

use sea_orm_migration::prelude::*;

use crate::table::{
    BYTES, FLAG, JSON, TEXT, TIME, UUID, belongs_to, column, index, key, optional, table, unique,
};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("users")
                    .col(key("id", UUID))
                    .col(column("subject", UUID))
                    .col(column("email", TEXT))
                    .col(column("email_verified", FLAG))
                    .col(column("profile", JSON))
                    .col(optional("disabled_at", TIME))
                    .col(column("created_at", TIME))
                    .col(column("updated_at", TIME))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("users", &["subject"])).await?;
        manager.create_index(unique("users", &["email"])).await?;

        manager
            .create_table(
                table("credentials")
                    .col(key("id", UUID))
                    .col(column("user_id", UUID))
                    .col(column("kind", TEXT))
                    .col(column("secret_sealed", BYTES))
                    .col(optional("confirmed_at", TIME))
                    .col(optional("last_used_step", TIME))
                    .col(column("created_at", TIME))
                    .foreign_key(&mut belongs_to("credentials", "user_id", "users", "id"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("credentials", &["user_id"])).await?;
        // An account has at most one TOTP authenticator: when two are confirmed at once, the database refuses
        // the second.
        let one_totp = "CREATE UNIQUE INDEX credentials_one_totp ON credentials (user_id) \
                        WHERE kind = 'totp' AND confirmed_at IS NOT NULL";
        manager.get_connection().execute_unprepared(one_totp).await?;
        let unconfirmed =
            "CREATE INDEX credentials_unconfirmed ON credentials (created_at) WHERE confirmed_at IS NULL";
        manager.get_connection().execute_unprepared(unconfirmed).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["credentials", "users"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
