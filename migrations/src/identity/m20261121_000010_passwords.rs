//! Adds to a session whether the browser keeps it when it is closed.

use sea_orm_migration::prelude::*;

use crate::table::{FLAG, column};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Sessions that exist already have a persistent cookie.
        let remembered = column("remembered", FLAG).default(true).to_owned();
        manager.alter_table(Table::alter().table("sessions").add_column(remembered).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("sessions").drop_column("remembered").to_owned()).await
    }
}
