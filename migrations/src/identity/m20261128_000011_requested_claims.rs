//! Adds to grants the claims that the client requested by name (OpenID Connect Core section 5.5).

use sea_orm_migration::prelude::*;

use crate::table::{JSON, column};

const COLUMNS: [&str; 2] = ["userinfo_claims", "id_token_claims"];

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in COLUMNS {
            // The default also fills the rows that exist, and those that an older node adds during an upgrade.
            let claims = column(name, JSON).default("[]").to_owned();
            manager.alter_table(Table::alter().table("grants").add_column(claims).to_owned()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in COLUMNS {
            manager.alter_table(Table::alter().table("grants").drop_column(name).to_owned()).await?;
        }
        Ok(())
    }
}
