//! Creates the tables of mailed links and recovery codes, and limits an account to one password.

use sea_orm_migration::prelude::*;

use crate::table::{BYTES, TEXT, TIME, UUID, belongs_to, column, index, key, keyed, optional};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // When two passwords are set at once, the database keeps the first and refuses the second.
        let one_password = "CREATE UNIQUE INDEX credentials_one_password ON credentials (user_id) \
                            WHERE kind = 'password'";
        manager.get_connection().execute_unprepared(one_password).await?;

        manager
            .create_table(
                keyed(manager, "links")
                    .col(key("token_hash", BYTES))
                    .col(column("purpose", TEXT))
                    .col(optional("user_id", UUID))
                    .col(column("email", TEXT))
                    .col(optional("payload_sealed", BYTES))
                    .col(column("created_at", TIME))
                    .col(column("expires_at", TIME))
                    .col(optional("used_at", TIME))
                    .foreign_key(&mut belongs_to("links", "user_id", "users", "id"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("links", &["user_id"])).await?;
        manager.create_index(index("links", &["expires_at"])).await?;

        manager
            .create_table(
                keyed(manager, "recovery_codes")
                    .col(column("user_id", UUID))
                    .col(column("code_mac", BYTES))
                    .col(column("credential_id", UUID))
                    .col(column("created_at", TIME))
                    .col(optional("used_at", TIME))
                    .primary_key(Index::create().col("user_id").col("code_mac"))
                    .foreign_key(&mut belongs_to("recovery_codes", "user_id", "users", "id"))
                    .foreign_key(&mut belongs_to("recovery_codes", "credential_id", "credentials", "id"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("recovery_codes", &["credential_id"])).await?;
        manager.create_index(index("attempts", &["user_id"])).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["recovery_codes", "links"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        manager.drop_index(Index::drop().name("attempts_user_id_index").table("attempts").to_owned()).await?;
        manager
            .drop_index(Index::drop().name("credentials_one_password").table("credentials").to_owned())
            .await
    }
}
