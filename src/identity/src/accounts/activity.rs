//! Answers what happened to a person's own account, the newest first, from the audit record.
//!
//! Leaves out events that do not concern the account, and every detail that [`ActivityEvent`] has no field
//! for. Where an operator acted, nothing identifies the operator.

use postern_entities::audit_events::{self as rows, Column};
use postern_service::{
    clock::Timestamp,
    database::DatabaseError,
    paging::{Page, rows_to_select},
};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    App,
    core::{OPERATOR, USER},
    users::User,
};

/// Events that clients cause with their tokens, or that anyone can begin: they are many, and no acts of the
/// owner.
const HIDDEN_KINDS: [&str; 5] =
    ["code.redeemed", "grant.ended", "login.begun", "refresh_token.replayed", "refresh_token.rotated"];

/// One event that concerned the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityEvent {
    pub occurred_at: Timestamp,
    /// The kind of the audit event, such as `session.started`.
    pub kind: String,
    /// The login method that the event concerns.
    pub method: Option<String>,
    /// The client that the event concerns.
    pub client_id: Option<String>,
    /// Display name of the client; none for a client that was removed.
    pub client_name: Option<String>,
    /// Whether an operator acted; then `ip` and `user_agent` are none.
    pub by_operator: bool,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
}

/// The position of an event: a page lists the events that are older.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityPosition {
    at: Timestamp,
    id: Uuid,
}

/// The newest first.
pub type ActivityPage = Page<ActivityEvent, ActivityPosition>;

/// At most `limit` events that are older than `before`.
pub async fn list(
    app: &App,
    user: &User,
    before: Option<ActivityPosition>,
    limit: u64,
) -> Result<ActivityPage, DatabaseError> {
    let mut query = rows::Entity::find()
        .filter(Column::UserId.eq(user.id))
        .filter(Column::Kind.is_not_in(HIDDEN_KINDS))
        .order_by_desc(Column::At)
        .order_by_desc(Column::Id)
        .limit(rows_to_select(limit));
    if let Some(ActivityPosition { at, id }) = before {
        let same_instant = Condition::all().add(Column::At.eq(at)).add(Column::Id.lt(id));
        // The index serves the first condition.
        query = query
            .filter(Column::At.lte(at))
            .filter(Condition::any().add(Column::At.lt(at)).add(same_instant));
    }
    let rows = query.all(app.db.reader()).await?;
    let page = Page::from_rows(rows, limit, |last| ActivityPosition { at: last.at, id: last.id });
    Ok(page.map(|row| event_from_row(app, row)))
}

/// Whether an operator did it, or another user.
fn acted_by_other(row: &rows::Model) -> bool {
    match row.actor_kind.as_deref() {
        Some(OPERATOR) => true,
        Some(USER) => row.actor_id != row.user_id.map(|id| id.to_string()),
        _ => false,
    }
}

fn event_from_row(app: &App, row: rows::Model) -> ActivityEvent {
    let by_operator = row.actor_kind.as_deref() == Some(OPERATOR);
    // Somebody else's IP address and browser are not the owner's to see.
    let by_other = acted_by_other(&row);
    let name = |client_id: &str| app.clients().find(client_id).map(|client| client.row.name.clone());
    ActivityEvent {
        occurred_at: row.at,
        method: row.details["method"].as_str().map(str::to_owned),
        client_name: row.client_id.as_deref().and_then(name),
        client_id: row.client_id,
        by_operator,
        ip: row.ip.filter(|_| !by_other),
        user_agent: row.user_agent.filter(|_| !by_other),
        kind: row.kind,
    }
}
