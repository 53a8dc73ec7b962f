//! Adds to recovery codes when their owner said that they are kept.

use sea_orm_migration::prelude::*;

use crate::table::{TIME, optional};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let kept_at = optional("kept_at", TIME);
        manager.alter_table(Table::alter().table("recovery_codes").add_column(kept_at).to_owned()).await?;
        // Nobody was asked about the codes from before, so nobody is asked for them again.
        let mark_all = "UPDATE recovery_codes SET kept_at = created_at";
        manager.get_connection().execute_unprepared(mark_all).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("recovery_codes").drop_column("kept_at").to_owned()).await
    }
}
