//! Records what happened: one event per act, in the same write as the act.
//!
//! An event names who, what, when and from where, and never holds a secret. Who, where and with what are forgotten when
//! the account is deleted: see `accounts::deletion`.

use postern_entities::audit_events;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Insertion},
};
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait as _};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;

/// Where a request came from, as far as it is proven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Client address: the peer's, or what a trusted proxy says.
    pub ip: Option<std::net::IpAddr>,
    /// `User-Agent`, cut to 256 characters.
    pub user_agent: Option<String>,
    /// Reference the caller was given.
    pub request_id: Option<String>,
}

impl Origin {
    /// A command on one of the machines: there is no address to tell.
    pub fn command() -> Self {
        Self { user_agent: Some("postern command".to_owned()), ..Self::default() }
    }
}

/// One act.
#[derive(Clone, Debug)]
pub struct Event {
    kind: &'static str,
    user_id: Option<Uuid>,
    client_id: Option<String>,
    sid: Option<Uuid>,
    grant_id: Option<Uuid>,
    details: Value,
}

impl Event {
    /// An act, named `noun.verb`, such as `session.started`.
    pub fn new(kind: &'static str) -> Self {
        Self { kind, user_id: None, client_id: None, sid: None, grant_id: None, details: json!({}) }
    }

    /// Whom it concerns.
    #[must_use]
    pub fn user(mut self, id: impl Into<Option<Uuid>>) -> Self {
        self.user_id = id.into();
        self
    }

    /// Which client took part.
    #[must_use]
    pub fn client(mut self, client_id: &str) -> Self {
        self.client_id = Some(client_id.to_owned());
        self
    }

    /// In which session.
    #[must_use]
    pub fn session(mut self, sid: impl Into<Option<Uuid>>) -> Self {
        self.sid = sid.into();
        self
    }

    /// Under which grant.
    #[must_use]
    pub fn grant(mut self, id: impl Into<Option<Uuid>>) -> Self {
        self.grant_id = id.into();
        self
    }

    /// Facts about it; never a secret.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    /// Writes it into the open transaction.
    pub async fn record(
        self,
        app: &App,
        tx: &impl ConnectionTrait,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        tx.execute(&self.insertion(app, origin, now)).await?;
        Ok(())
    }

    /// What writes it, to go with other insertions.
    pub fn insertion(self, app: &App, origin: &Origin, now: Timestamp) -> Insertion {
        Insertion::of(self.row(app, origin, now))
    }

    fn row(self, app: &App, origin: &Origin, now: Timestamp) -> audit_events::ActiveModel {
        audit_events::ActiveModel {
            id: Set(app.random.row_id(now)),
            at: Set(now.micros()),
            kind: Set(self.kind.to_owned()),
            user_id: Set(self.user_id),
            client_id: Set(self.client_id),
            sid: Set(self.sid),
            grant_id: Set(self.grant_id),
            ip: Set(origin.ip.map(|ip| ip.to_string())),
            user_agent: Set(origin.user_agent.clone()),
            request_id: Set(origin.request_id.clone()),
            details: Set(self.details),
        }
    }
}

/// Writes many of one origin into the open transaction, with one statement.
pub async fn record_all(
    app: &App,
    tx: &impl ConnectionTrait,
    events: Vec<Event>,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    if events.is_empty() {
        return Ok(());
    }
    let rows = events.into_iter().map(|event| event.row(app, origin, now));
    audit_events::Entity::insert_many(rows).exec_without_returning(tx).await?;
    Ok(())
}
