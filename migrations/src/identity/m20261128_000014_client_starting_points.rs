//! Adds to clients where a sign-in for them may begin (OpenID Connect Core section 4), and whether they may have
//! private URI schemes without a dot.

use sea_orm_migration::prelude::*;

use crate::table::{FLAG, TEXT, column, optional};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let uri = optional("initiate_login_uri", TEXT);
        manager.alter_table(Table::alter().table("clients").add_column(uri).to_owned()).await?;
        // The default also fills the rows that exist, and those that an older node adds during an upgrade.
        let allowed = column("private_schemes", FLAG).default(false).to_owned();
        manager.alter_table(Table::alter().table("clients").add_column(allowed).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["initiate_login_uri", "private_schemes"] {
            manager.alter_table(Table::alter().table("clients").drop_column(name).to_owned()).await?;
        }
        Ok(())
    }
}
