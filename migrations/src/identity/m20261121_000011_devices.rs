//! Creates the tables of known devices and of the login throttle.

use sea_orm_migration::prelude::*;

use crate::table::{BYTES, COUNT, TIME, UUID, belongs_to, column, index, keyed};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                keyed(manager, "devices")
                    .col(column("user_id", UUID))
                    .col(column("device_hash", BYTES))
                    .col(column("first_seen_at", TIME))
                    .col(column("last_seen_at", TIME))
                    .col(column("expires_at", TIME))
                    .primary_key(Index::create().col("user_id").col("device_hash"))
                    .foreign_key(&mut belongs_to("devices", "user_id", "users", "id"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("devices", &["expires_at"])).await?;

        manager
            .create_table(
                keyed(manager, "guesses")
                    .col(column("account", BYTES))
                    .col(column("device", BYTES))
                    .col(column("made", COUNT))
                    .col(column("refused", COUNT))
                    .col(column("free_at", TIME))
                    .col(column("forget_at", TIME))
                    .primary_key(Index::create().col("account").col("device"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("guesses", &["forget_at"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["guesses", "devices"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
