//! Creates the table of former emails, and adds the language in which a user is notified.

use sea_orm_migration::prelude::*;

use crate::table::{BYTES, TEXT, TIME, UUID, belongs_to, column, index, key, keyed, optional};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                keyed(manager, "former_emails")
                    .col(key("token_hash", BYTES))
                    .col(column("user_id", UUID))
                    .col(column("email_sealed", BYTES))
                    .col(column("created_at", TIME))
                    .col(column("expires_at", TIME))
                    .foreign_key(&mut belongs_to("former_emails", "user_id", "users", "id"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("former_emails", &["user_id"])).await?;
        manager.create_index(index("former_emails", &["expires_at"])).await?;
        let language = optional("language", TEXT);
        manager.alter_table(Table::alter().table("users").add_column(language).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("users").drop_column("language").to_owned()).await?;
        manager.drop_table(Table::drop().table("former_emails").to_owned()).await
    }
}
