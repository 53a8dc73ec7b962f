//! Creates the table of the clients' logos, and adds to clients the address of their own page.
//!
//! A logo is a table of its own, because every change of a client makes all nodes read all clients.

use sea_orm_migration::prelude::*;

use crate::table::{BYTES, TEXT, belongs_to, column, index, key, keyed, optional};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let uri = optional("client_uri", TEXT);
        manager.alter_table(Table::alter().table("clients").add_column(uri).to_owned()).await?;
        let logos = keyed(manager, "client_logos")
            .col(key("client_id", TEXT))
            .col(column("kind", TEXT))
            .col(column("hash", TEXT))
            .col(column("content", BYTES))
            .foreign_key(&mut belongs_to("client_logos", "client_id", "clients", "client_id"))
            .to_owned();
        manager.create_table(logos).await?;
        // Not unique: two clients may have the same logo.
        manager.create_index(index("client_logos", &["hash"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("client_logos").to_owned()).await?;
        manager.alter_table(Table::alter().table("clients").drop_column("client_uri").to_owned()).await
    }
}
