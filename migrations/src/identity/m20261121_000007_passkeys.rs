//! Creates the table of passkeys.

use sea_orm_migration::prelude::*;

use crate::table::{BYTES, TEXT, TIME, UUID, belongs_to, column, index, key, keyed, optional, unique};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                keyed(manager, "passkeys")
                    .col(key("credential_id", BYTES))
                    .col(column("id", UUID))
                    .col(column("user_id", UUID))
                    .col(column("name", TEXT))
                    .col(column("sign_count", TIME))
                    .col(column("created_at", TIME))
                    .col(optional("last_used_at", TIME))
                    .col(optional("flagged_at", TIME))
                    .foreign_key(&mut belongs_to("passkeys", "id", "credentials", "id"))
                    .foreign_key(&mut belongs_to("passkeys", "user_id", "users", "id"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(unique("passkeys", &["id"])).await?;
        manager.create_index(index("passkeys", &["user_id"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("passkeys").to_owned()).await
    }
}
