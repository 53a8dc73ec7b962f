//! Adds to every audit event who did it, beside the account that the event is about.

use sea_orm_migration::prelude::*;

use crate::table::{TEXT, optional};

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

/// Commands recorded this user agent and neither an IP address nor a request id; no HTTP request lacked both. The kinds are
/// those that only an operator could cause.
const MARK_OPERATORS: &str = "UPDATE audit_events SET actor_kind = 'operator', user_agent = NULL \
    WHERE (user_agent = 'postern command' AND ip IS NULL AND request_id IS NULL) \
    OR kind IN ('login.operator_code_created', 'user.added', 'user.disabled', 'user.enabled', 'user.unlocked')";

/// What [`MARK_OPERATORS`] took away.
const MARK_COMMANDS: &str = "UPDATE audit_events SET user_agent = 'postern command' \
    WHERE actor_kind = 'operator' AND ip IS NULL AND request_id IS NULL";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["actor_kind", "actor_id"] {
            let column = optional(name, TEXT);
            manager.alter_table(Table::alter().table("audit_events").add_column(column).to_owned()).await?;
        }
        manager.get_connection().execute_unprepared(MARK_OPERATORS).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(MARK_COMMANDS).await?;
        for name in ["actor_id", "actor_kind"] {
            manager.alter_table(Table::alter().table("audit_events").drop_column(name).to_owned()).await?;
        }
        Ok(())
    }
}
