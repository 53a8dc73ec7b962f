//! Gives notices to apps that are to be sent again the one kind that jobs of notices have.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

/// No node runs the kind that notices had from the second try on.
const ONE_KIND: &str = "UPDATE jobs SET kind = 'backchannel_logout' WHERE kind = 'backchannel_logout.retry'";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(ONE_KIND).await.map(drop)
    }

    /// The kind stays: the program before knows it too.
    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}
