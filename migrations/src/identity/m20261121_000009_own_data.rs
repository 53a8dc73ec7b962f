//! Adds the time at which an account that its owner closed will be deleted.

use sea_orm_migration::prelude::*;

use crate::table::{TIME, optional};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = optional("deletion_at", TIME);
        manager.alter_table(Table::alter().table("users").add_column(column).to_owned()).await?;
        let closed = "CREATE INDEX users_closed ON users (deletion_at) WHERE deletion_at IS NOT NULL";
        manager.get_connection().execute_unprepared(closed).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("users_closed").table("users").to_owned()).await?;
        manager.alter_table(Table::alter().table("users").drop_column("deletion_at").to_owned()).await
    }
}
