//! Creates the table of tasks.

use sea_orm_migration::prelude::*;

use crate::table::{FLAG, TEXT, TIME, UUID, by_code_point, column, index, key, table};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("tasks")
                    .col(key("id", UUID))
                    .col(column("owner", TEXT))
                    .col(column("title", TEXT))
                    .col(by_code_point(manager, column("title_folded", TEXT)))
                    .col(column("notes", TEXT))
                    .col(column("done", FLAG))
                    .col(column("created_at", TIME))
                    .col(column("updated_at", TIME))
                    .to_owned(),
            )
            .await?;
        // One index for each order in which a list is read page by page.
        for order in ["created_at", "updated_at", "title_folded"] {
            manager.create_index(index("tasks", &["owner", order, "id"])).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("tasks").to_owned()).await
    }
}
