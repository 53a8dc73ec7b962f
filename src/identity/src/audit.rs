//! Records audit events: one event for each act, in the same write as the act.
//!
//! An event names the act, the user and client concerned, the time and the origin of the request, and never
//! contains a secret. When an account is deleted, the personal data of its events is erased: see
//! `accounts::deletion`.

use postern_entities::audit_events;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Insertion},
};
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait as _};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;

/// The origin of a request, as far as it is authenticated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The peer's IP, or the IP that a trusted proxy reports.
    pub ip: Option<std::net::IpAddr>,
    pub user_agent: Option<String>,
    /// The request id that was returned to the caller.
    pub request_id: Option<String>,
}

impl Origin {
    /// The origin of a command on the operator's machine, which has no IP.
    pub fn command() -> Self {
        Self { user_agent: Some("postern command".to_owned()), ..Self::default() }
    }
}

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
    /// An event of a kind named `noun.verb`, such as `session.started`.
    pub fn new(kind: &'static str) -> Self {
        Self { kind, user_id: None, client_id: None, sid: None, grant_id: None, details: json!({}) }
    }

    /// The user whose account the event concerns.
    #[must_use]
    pub fn user(mut self, id: impl Into<Option<Uuid>>) -> Self {
        self.user_id = id.into();
        self
    }

    /// The client that took part.
    #[must_use]
    pub fn client(mut self, client_id: &str) -> Self {
        self.client_id = Some(client_id.to_owned());
        self
    }

    #[must_use]
    pub fn session(mut self, sid: impl Into<Option<Uuid>>) -> Self {
        self.sid = sid.into();
        self
    }

    #[must_use]
    pub fn grant(mut self, id: impl Into<Option<Uuid>>) -> Self {
        self.grant_id = id.into();
        self
    }

    /// Further facts; never a secret.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    pub async fn record(
        self,
        app: &App,
        tx: &impl ConnectionTrait,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        tx.execute(&self.insert_statement(app, origin, now)).await?;
        Ok(())
    }

    /// The insertion of the event, for a batch of statements.
    pub fn insert_statement(self, app: &App, origin: &Origin, now: Timestamp) -> Insertion {
        Insertion::from_active_model(self.row(app, origin, now))
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

/// Records many events of one origin in the open transaction, with one statement.
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
