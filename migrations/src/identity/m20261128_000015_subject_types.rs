//! Adds the type of subjects that a client sees (OpenID Connect Core section 8), and the flag of resources that join
//! people across clients.

use sea_orm_migration::prelude::*;

use crate::table::{FLAG, TEXT, column, optional};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The defaults also fill the rows that exist, and those that an older node adds during an upgrade.
        let subject_type = column("subject_type", TEXT).default("public").to_owned();
        let joins_users = column("joins_users", FLAG).default(false).to_owned();
        // SQLite adds one column a statement.
        for (table, added) in
            [("clients", subject_type), ("clients", optional("sector", TEXT)), ("resources", joins_users)]
        {
            manager.alter_table(Table::alter().table(table).add_column(added).to_owned()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The program of before would show such a client the public subjects: its operator must enable it again.
        let disable = "UPDATE clients SET disabled_at = updated_at \
                       WHERE subject_type = 'pairwise' AND disabled_at IS NULL";
        manager.get_connection().execute_unprepared(disable).await?;
        for (table, dropped) in
            [("resources", "joins_users"), ("clients", "sector"), ("clients", "subject_type")]
        {
            manager.alter_table(Table::alter().table(table).drop_column(dropped).to_owned()).await?;
        }
        Ok(())
    }
}
