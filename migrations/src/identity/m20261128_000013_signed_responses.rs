//! Adds to clients by which algorithms their ID tokens and userinfo responses are signed, and whether ID tokens
//! have the claims of the granted scopes.

use sea_orm_migration::prelude::*;

use crate::table::{FLAG, TEXT, column, optional};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The default also fills the rows that exist, and those that an older node adds during an upgrade.
        let scope_claims = column("scope_claims_in_id_token", FLAG).default(false).to_owned();
        // SQLite adds one column a statement.
        for added in [
            optional("id_token_signed_response_alg", TEXT),
            optional("userinfo_signed_response_alg", TEXT),
            scope_claims,
        ] {
            manager.alter_table(Table::alter().table("clients").add_column(added).to_owned()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for dropped in
            ["scope_claims_in_id_token", "userinfo_signed_response_alg", "id_token_signed_response_alg"]
        {
            manager.alter_table(Table::alter().table("clients").drop_column(dropped).to_owned()).await?;
        }
        Ok(())
    }
}
