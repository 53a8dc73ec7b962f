//! Adds to scopes their descriptions in further languages.

use sea_orm_migration::prelude::*;

use crate::table::{JSON, column};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The default also fills the rows that exist, and those that an older node adds during an upgrade.
        let texts = column("texts", JSON).default("{}").to_owned();
        manager.alter_table(Table::alter().table("scopes").add_column(texts).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("scopes").drop_column("texts").to_owned()).await
    }
}
