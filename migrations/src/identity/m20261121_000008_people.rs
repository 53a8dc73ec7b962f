//! Adds indexes by which links are found by the email they were mailed to: a registration is mailed again,
//! and an invitation is replaced.

use sea_orm_migration::prelude::*;

use crate::table::index;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_index(index("links", &["email"])).await?;
        manager.create_index(index("links", &["purpose", "created_at"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["links_email_index", "links_purpose_created_at_index"] {
            manager.drop_index(Index::drop().name(name).table("links").to_owned()).await?;
        }
        Ok(())
    }
}
