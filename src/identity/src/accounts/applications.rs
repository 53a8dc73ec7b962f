//! Answers what applications an account has let in, and shows them out.

use std::collections::BTreeMap;

use postern_entities::grants as rows;
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};
use serde_json::json;

use crate::{
    App,
    audit::{Event, Origin},
    consents, grants,
    sessions::{Principal, WriteError},
    tokens::Scope,
    users::User,
};

/// So many of the newest grants are looked at.
const MOST: u64 = 1_000;

/// A client that has something of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Its `client_id`.
    pub client_id: String,
    /// What people call it.
    pub name: String,
    /// All that it may do.
    pub scope: Scope,
    /// When it was let in first, of what it still has.
    pub since: Timestamp,
    /// When it was let in last.
    pub last: Timestamp,
}

/// The clients with live grants of this user, the one that was let in last first.
pub async fn list(app: &App, user: &User) -> Result<Vec<Application>, DatabaseError> {
    let live = rows::Entity::find()
        .filter(rows::Column::UserId.eq(user.id))
        .filter(rows::Column::RevokedAt.is_null())
        .filter(rows::Column::ExpiresAt.gt(app.clock.now().micros()))
        .order_by_desc(rows::Column::CreatedAt)
        .limit(MOST)
        .all(app.db.reader())
        .await?;
    let clients = app.clients();
    let mut found: BTreeMap<String, Application> = BTreeMap::new();
    for grant in live {
        let at = Timestamp::from_micros(grant.created_at);
        let known = found.entry(grant.client_id.clone()).or_insert_with(|| Application {
            name: clients
                .find(&grant.client_id)
                .map_or(grant.client_id.clone(), |client| client.row.name.clone()),
            client_id: grant.client_id.clone(),
            scope: Scope::default(),
            since: at,
            last: at,
        });
        let granted = Scope::stored(&grant.scope);
        known.scope = known.scope.iter().chain(granted.iter()).map(str::to_owned).collect();
        known.since = at;
    }
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by_key(|application| std::cmp::Reverse(application.last));
    Ok(found)
}

/// Ends every grant that a client has of this user, and forgets what the user allowed it. False when it had none.
pub async fn remove(
    app: &App,
    principal: Principal<'_>,
    client_id: &str,
    origin: &Origin,
) -> Result<bool, WriteError> {
    let now = app.clock.now();
    principal
        .write_exclusive(app, async |tx, user| {
            let ended = grants::revoke_of_client(app, tx, user.id, client_id, "removed_by_user", now).await?;
            let forgotten = consents::forget(tx, user.id, client_id).await?;
            if ended == 0 && !forgotten {
                return Ok(false);
            }
            let event = Event::new("application.removed").user(user.id).client(client_id);
            event.details(json!({ "grants": ended })).record(app, tx, origin, now).await?;
            Ok(true)
        })
        .await
}
