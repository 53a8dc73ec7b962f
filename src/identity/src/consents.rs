//! Answers to which scope of a client a user has consented.
//!
//! There is one row for each user and client, with every scope that was ever allowed until the consent is
//! withdrawn. Leaves to `authorization::interaction` whether stored consent replaces the consent page.

use postern_entities::consents;
use postern_service::database::{DatabaseError, Transaction};
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait, sea_query::OnConflict};
use uuid::Uuid;

use crate::{core::Write, scope::Scope};

pub async fn find(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    client_id: &str,
) -> Result<Option<Scope>, DatabaseError> {
    let row = consents::Entity::find_by_id((user_id, client_id.to_owned())).one(db).await?;
    Ok(row.map(|row| row.scope))
}

/// Adds `scope` to the stored consent.
///
/// If two requests add different scopes at the same moment, one addition may be lost; then the user is asked
/// again.
pub async fn remember(
    write: &Write<'_>,
    user_id: Uuid,
    client_id: &str,
    scope: &Scope,
) -> Result<(), DatabaseError> {
    let before = find(write, user_id, client_id).await?.unwrap_or_default();
    let all: Scope = before.iter().chain(scope.iter()).map(str::to_owned).collect();
    let row = consents::ActiveModel {
        user_id: Set(user_id),
        client_id: Set(client_id.to_owned()),
        scope: Set(all),
        granted_at: Set(write.now()),
    };
    consents::Entity::insert(row)
        .on_conflict(
            OnConflict::columns([consents::Column::UserId, consents::Column::ClientId])
                .update_columns([consents::Column::Scope, consents::Column::GrantedAt])
                .to_owned(),
        )
        .exec_without_returning(write)
        .await?;
    Ok(())
}

/// Deletes the stored consent, so that the user is asked again. False if there was none.
pub async fn withdraw(tx: &Transaction, user_id: Uuid, client_id: &str) -> Result<bool, DatabaseError> {
    let forgotten = consents::Entity::delete_by_id((user_id, client_id.to_owned())).exec(tx).await?;
    Ok(forgotten.rows_affected > 0)
}
