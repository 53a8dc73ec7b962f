//! Answers what happened to one's own account, the newest first, from the audit record.
//!
//! Only what concerns the account, and of the facts only those named in [`Act`]. Where an operator acted, nothing is
//! told of the operator.

use std::{fmt, str::FromStr};

use postern_entities::audit_events::{self as rows, Column};
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use uuid::Uuid;

use crate::{App, audit::Origin, users::User};

/// What clients do with what they were granted, and what strangers can begin: many, and no acts of the account.
const UNTOLD: [&str; 4] = ["code.redeemed", "login.begun", "refresh_token.replayed", "refresh_token.rotated"];

/// What only operators do.
const OF_OPERATORS: [&str; 5] =
    ["login.operator_code_created", "user.added", "user.disabled", "user.enabled", "user.unlocked"];

/// One act that concerned the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// When.
    pub at: Timestamp,
    /// Its kind, such as `session.started`.
    pub kind: String,
    /// The login method it was about.
    pub method: Option<String>,
    /// The client that took part.
    pub client_id: Option<String>,
    /// What people call it.
    pub client: Option<String>,
    /// Whether an operator did it; then there is neither address nor user agent.
    pub by_operator: bool,
    /// From which address.
    pub ip: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
}

/// The act after which older ones follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    at: i64,
    id: Uuid,
}

/// A text is no [`Before`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the `before` of an earlier answer")]
pub struct NotBefore;

impl fmt::Display for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at, self.id.simple())
    }
}

impl FromStr for Before {
    type Err = NotBefore;

    fn from_str(text: &str) -> Result<Self, NotBefore> {
        let (at, id) = text.split_once('.').ok_or(NotBefore)?;
        Ok(Self { at: at.parse().map_err(|_| NotBefore)?, id: id.parse().map_err(|_| NotBefore)? })
    }
}

/// A part of the record.
#[derive(Clone, Debug)]
pub struct Activity {
    /// The newest first.
    pub acts: Vec<Act>,
    /// Where older ones begin; none when there are no more.
    pub older: Option<Before>,
}

/// At most `limit` acts, those older than `before`.
pub async fn list(
    app: &App,
    user: &User,
    before: Option<Before>,
    limit: u64,
) -> Result<Activity, DatabaseError> {
    let mut query = rows::Entity::find()
        .filter(Column::UserId.eq(user.id))
        .filter(Column::Kind.is_not_in(UNTOLD))
        .order_by_desc(Column::At)
        .order_by_desc(Column::Id)
        .limit(limit + 1);
    if let Some(Before { at, id }) = before {
        let same = Condition::all().add(Column::At.eq(at)).add(Column::Id.lt(id));
        // The first condition is the one that an index finds.
        query = query.filter(Column::At.lte(at)).filter(Condition::any().add(Column::At.lt(at)).add(same));
    }
    let mut found = query.all(app.db.reader()).await?;
    let more = found.len() as u64 > limit;
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let older = found.last().filter(|_| more).map(|last| Before { at: last.at, id: last.id });
    Ok(Activity { acts: found.into_iter().map(|row| act(app, row)).collect(), older })
}

fn act(app: &App, row: rows::Model) -> Act {
    let command = Origin::command().user_agent;
    // No request says that it is a command: it has an address and a reference.
    let by_command = row.user_agent == command && row.ip.is_none() && row.request_id.is_none();
    let by_operator = OF_OPERATORS.contains(&row.kind.as_str()) || by_command;
    let name = |client_id: &str| app.clients().find(client_id).map(|client| client.row.name.clone());
    Act {
        at: Timestamp::from_micros(row.at),
        method: row.details["method"].as_str().map(str::to_owned),
        client: row.client_id.as_deref().and_then(name),
        client_id: row.client_id,
        by_operator,
        ip: row.ip.filter(|_| !by_operator),
        user_agent: row.user_agent.filter(|_| !by_operator),
        kind: row.kind,
    }
}
