//! Links are looked up by the address they were mailed to: to mail a registration again, and to replace an invitation.

use sea_orm_migration::prelude::*;

use crate::table::index;

/// This step.
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
