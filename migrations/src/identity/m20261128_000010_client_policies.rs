//! Adds the rules by which a client is stricter than its profile, the keys by which a client authenticates,
//! and the record of the assertions that were used (RFC 7523 section 3).

use sea_orm_migration::prelude::*;

use crate::table::{BYTES, JSON, TEXT, TIME, column, index, key, keyed, optional};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The default also fills the rows that exist, and those that an older node adds during an upgrade.
        let stricter_rules = column("stricter_rules", JSON).default("{}").to_owned();
        // SQLite adds one column a statement.
        for added in [stricter_rules, optional("jwks", JSON), optional("jwks_uri", TEXT)] {
            manager.alter_table(Table::alter().table("clients").add_column(added).to_owned()).await?;
        }
        let sealed = optional("secret_sealed", BYTES);
        manager.alter_table(Table::alter().table("client_secrets").add_column(sealed).to_owned()).await?;
        manager
            .create_table(
                keyed(manager, "client_assertions")
                    .col(key("assertion_hash", BYTES))
                    .col(column("expires_at", TIME))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("client_assertions", &["expires_at"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("client_assertions").to_owned()).await?;
        for (table, dropped) in [
            ("client_secrets", "secret_sealed"),
            ("clients", "jwks_uri"),
            ("clients", "jwks"),
            ("clients", "stricter_rules"),
        ] {
            manager.alter_table(Table::alter().table(table).drop_column(dropped).to_owned()).await?;
        }
        // The program of before knows no client that authenticates by a JWT.
        manager
            .get_connection()
            .execute_unprepared(
                "UPDATE clients SET token_endpoint_auth_method = 'client_secret_basic' \
                 WHERE token_endpoint_auth_method IN ('client_secret_jwt', 'private_key_jwt')",
            )
            .await
            .map(drop)
    }
}
