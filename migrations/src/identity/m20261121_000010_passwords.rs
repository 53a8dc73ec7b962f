//! Whether a browser keeps its session when it is closed.

use sea_orm_migration::prelude::*;

use crate::table::{FLAG, column};

/// This step.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Until now every browser kept its session.
        let remembered = column("remembered", FLAG).default(true).to_owned();
        manager.alter_table(Table::alter().table("sessions").add_column(remembered).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("sessions").drop_column("remembered").to_owned()).await
    }
}
