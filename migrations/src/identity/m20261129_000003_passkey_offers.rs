//! Adds to devices when a passkey was offered on them.

use sea_orm_migration::prelude::*;

use crate::table::{TIME, optional};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let offered_at = optional("passkey_offered_at", TIME);
        manager.alter_table(Table::alter().table("devices").add_column(offered_at).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(Table::alter().table("devices").drop_column("passkey_offered_at").to_owned())
            .await
    }
}
