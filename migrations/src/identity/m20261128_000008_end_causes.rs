//! Makes every stored cause of the end of a grant one of the words that the provider knows.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

/// The one cause that was a sentence.
const NAME_BY_WORD: &str = "UPDATE grants SET revoked_because = 'grant_type_removed' \
    WHERE revoked_because = 'client_credentials was taken from the client'";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(NAME_BY_WORD).await.map(drop)
    }

    /// The word stays: no code reads the cause.
    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}
