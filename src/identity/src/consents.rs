//! Answers what a user has allowed a client before.
//!
//! One row per user and client, with everything that was ever allowed until it is withdrawn. Whether it
//! may stand in for asking again is decided in `authorization::interaction`.

use postern_entities::consents;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait, sea_query::OnConflict};
use uuid::Uuid;

use crate::tokens::Scope;

/// What the user has allowed the client.
pub async fn find(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    client_id: &str,
) -> Result<Option<Scope>, DatabaseError> {
    let row = consents::Entity::find_by_id((user_id, client_id.to_owned())).one(db).await?;
    Ok(row.map(|row| Scope::stored(&row.scope)))
}

/// Adds `scope` to what the user has allowed the client.
///
/// Of two different answers at the same moment one may be forgotten; then the user is asked again.
pub async fn remember(
    tx: &Transaction,
    user_id: Uuid,
    client_id: &str,
    scope: &Scope,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let before = find(tx, user_id, client_id).await?.unwrap_or_default();
    let all: Scope = before.iter().chain(scope.iter()).map(str::to_owned).collect();
    let row = consents::ActiveModel {
        user_id: Set(user_id),
        client_id: Set(client_id.to_owned()),
        scope: Set(all.to_string()),
        granted_at: Set(now.micros()),
    };
    consents::Entity::insert(row)
        .on_conflict(
            OnConflict::columns([consents::Column::UserId, consents::Column::ClientId])
                .update_columns([consents::Column::Scope, consents::Column::GrantedAt])
                .to_owned(),
        )
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Forgets what the user has allowed the client: it must ask again. Whether there was anything.
pub async fn forget(tx: &Transaction, user_id: Uuid, client_id: &str) -> Result<bool, DatabaseError> {
    let forgotten = consents::Entity::delete_by_id((user_id, client_id.to_owned())).exec(tx).await?;
    Ok(forgotten.rows_affected > 0)
}
