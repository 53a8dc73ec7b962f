//! Answers which clients have access to an account, and removes that access.

use std::collections::BTreeMap;

use postern_entities::grants as rows;
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};
use serde_json::json;

use crate::{
    App,
    audit::Event,
    authorization::third_party_login_uri,
    claims, consents,
    core::RequestContext,
    grants::{self, EndCause, GrantSelection},
    scope::Scope,
    sessions::{Principal, WriteError},
    users::User,
};

/// The list covers at most this many of the newest grants.
const MAX_GRANTS: u64 = 1_000;

/// A client that has a live grant of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    pub client_id: String,
    /// Display name; the `client_id` if the client was removed.
    pub name: String,
    /// Where a sign-in for it begins (OpenID Connect Core section 4), with the issuer as parameter; none for a client that
    /// has no such place, or is disabled or removed.
    pub start_uri: Option<String>,
    /// The union of the scopes of its live grants.
    pub scope: Scope,
    /// Creation time of the oldest live grant.
    pub first_granted_at: Timestamp,
    /// Creation time of the newest live grant.
    pub last_granted_at: Timestamp,
}

/// The clients that have live grants of this user, ordered by their newest grant.
pub async fn list(app: &App, user: &User) -> Result<Vec<Application>, DatabaseError> {
    let live = rows::Entity::find()
        .filter(rows::Column::UserId.eq(user.id))
        .filter(rows::Column::RevokedAt.is_null())
        .filter(rows::Column::ExpiresAt.gt(app.clock.now()))
        .order_by_desc(rows::Column::CreatedAt)
        .limit(MAX_GRANTS)
        .all(app.db.reader())
        .await?;
    let clients = app.clients();
    let mut found: BTreeMap<String, Application> = BTreeMap::new();
    for grant in live {
        let at = grant.created_at;
        let application = found.entry(grant.client_id.clone()).or_insert_with(|| Application {
            name: clients
                .find(&grant.client_id)
                .map_or(grant.client_id.clone(), |client| client.row.name.clone()),
            start_uri: clients.find(&grant.client_id).and_then(|client| third_party_login_uri(app, client)),
            client_id: grant.client_id.clone(),
            scope: Scope::default(),
            first_granted_at: at,
            last_granted_at: at,
        });
        let of_claims = claims::scopes_of(grant.userinfo_claims.iter().chain(grant.id_token_claims.iter()));
        let of_grant = grant.scope.iter().map(str::to_owned).chain(of_claims.map(str::to_owned));
        application.scope = application.scope.iter().map(str::to_owned).chain(of_grant).collect();
        application.first_granted_at = at;
    }
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by_key(|application| std::cmp::Reverse(application.last_granted_at));
    Ok(found)
}

/// Ends every grant that the client has of this user, and withdraws the stored consent. False if there was
/// neither.
pub async fn remove(
    app: &App,
    principal: Principal<'_>,
    client_id: &str,
    context: &RequestContext,
) -> Result<bool, WriteError> {
    principal
        .write_exclusive(app, context, async |write, user| {
            let ended = grants::end(
                write,
                GrantSelection::OfUserAndClient { user_id: user.id, client_id },
                EndCause::RemovedByUser,
            )
            .await?
            .len();
            let consent_withdrawn = consents::withdraw(write, user.id, client_id).await?;
            if ended == 0 && !consent_withdrawn {
                return Ok(false);
            }
            let event = Event::new("application.removed").user(user.id).client(client_id);
            event.details(json!({ "grants": ended })).record(write).await?;
            Ok(true)
        })
        .await
}
