//! Adds to an attempt which source had a code sent, and how often: the same source that begins another
//! attempt gets no further mail.

use sea_orm_migration::prelude::*;

use crate::table::{BYTES, COUNT, TIME, column, optional};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for added in [
            optional("source_hash", BYTES),
            optional("sent_at", TIME),
            column("sends", COUNT).default(0).to_owned(),
        ] {
            manager.alter_table(Table::alter().table("attempts").add_column(added).to_owned()).await?;
        }
        // The index is partial, because attempts by password send no code.
        let index = "CREATE INDEX attempts_identifier_source_hash_index ON attempts (identifier, source_hash) \
                     WHERE source_hash IS NOT NULL";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::drop().name("attempts_identifier_source_hash_index").table("attempts").to_owned();
        manager.drop_index(index).await?;
        for name in ["source_hash", "sent_at", "sends"] {
            manager.alter_table(Table::alter().table("attempts").drop_column(name).to_owned()).await?;
        }
        Ok(())
    }
}
