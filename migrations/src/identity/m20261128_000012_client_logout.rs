//! Adds to clients where they are told that a session ended (OpenID Connect Back-Channel Logout 1.0 section 2.2,
//! Front-Channel Logout 1.0 section 2).

use sea_orm_migration::prelude::*;

use crate::table::{FLAG, TEXT, column, optional};

const CHANNELS: [(&str, &str); 2] = [
    ("backchannel_logout_uri", "backchannel_logout_session_required"),
    ("frontchannel_logout_uri", "frontchannel_logout_session_required"),
];

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (uri, session_required) in CHANNELS {
            // The default also fills the rows that exist, and those that an older node adds during an upgrade.
            let session_required = column(session_required, FLAG).default(false).to_owned();
            // SQLite adds one column a statement.
            for added in [optional(uri, TEXT), session_required] {
                manager.alter_table(Table::alter().table("clients").add_column(added).to_owned()).await?;
            }
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in CHANNELS.iter().flat_map(|(uri, session_required)| [*uri, *session_required]) {
            manager.alter_table(Table::alter().table("clients").drop_column(name).to_owned()).await?;
        }
        Ok(())
    }
}
