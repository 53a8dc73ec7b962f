//! Gives the profile of a client its meaning, and adds whether a client must use PKCE.
//!
//! Every client was stored as `strict` while nothing read the word. Such a client becomes `standard`, and PKCE,
//! which every client had to use, stays required of it.

use sea_orm_migration::prelude::*;

use crate::table::{FLAG, column};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The default also fills the rows that exist, and those that an older node adds during an upgrade.
        let require_pkce = column("require_pkce", FLAG).default(true).to_owned();
        manager.alter_table(Table::alter().table("clients").add_column(require_pkce).to_owned()).await?;
        let connection = manager.get_connection();
        connection
            .execute_unprepared("UPDATE clients SET profile = 'standard' WHERE profile = 'strict'")
            .await
            .map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("UPDATE clients SET profile = 'strict'").await?;
        manager.alter_table(Table::alter().table("clients").drop_column("require_pkce").to_owned()).await
    }
}
