//! Records audit events: one event for each act, in the same write as the act.
//!
//! An event names the act, the actor, the user and client concerned, the time and the origin of the request, and never
//! contains a secret. The actor is who did it; the user is whose account it is about. When an account is deleted, the personal data of its events is erased: see
//! `accounts::deletion`.

use postern_entities::audit_events;
use postern_service::database::{DatabaseError, Insertion};
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait as _};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::core::{Actor, Core, RequestContext, Write};

/// Rows of one statement: SQLite allows 32,766 parameters.
const BATCH_SIZE: usize = 500;

#[derive(Clone, Debug)]
pub struct Event {
    kind: &'static str,
    actor: Option<Actor>,
    user_id: Option<Uuid>,
    client_id: Option<String>,
    sid: Option<Uuid>,
    grant_id: Option<Uuid>,
    details: Value,
}

impl Event {
    /// An event of a kind named `noun.verb`, such as `session.started`.
    pub fn new(kind: &'static str) -> Self {
        Self {
            kind,
            actor: None,
            user_id: None,
            client_id: None,
            sid: None,
            grant_id: None,
            details: json!({}),
        }
    }

    /// Who did it, where the request has proven more than its context says: a sign-in makes its user the actor.
    #[must_use]
    pub fn actor(mut self, actor: Actor) -> Self {
        self.actor = Some(actor);
        self
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

    pub async fn record(self, write: &Write<'_>) -> Result<(), DatabaseError> {
        write.execute(&self.insert_statement(write.core, write.context)).await?;
        Ok(())
    }

    /// The insertion of the event, for a batch of statements.
    pub fn insert_statement(self, core: &Core, context: &RequestContext) -> Insertion {
        Insertion::from_active_model(self.row(core, context))
    }

    fn row(self, core: &Core, context: &RequestContext) -> audit_events::ActiveModel {
        let actor = self.actor.as_ref().unwrap_or(&context.actor);
        audit_events::ActiveModel {
            id: Set(core.random.row_id(context.now)),
            at: Set(context.now),
            kind: Set(self.kind.to_owned()),
            actor_kind: Set(Some(actor.kind().to_owned())),
            actor_id: Set(actor.id()),
            user_id: Set(self.user_id),
            client_id: Set(self.client_id),
            sid: Set(self.sid),
            grant_id: Set(self.grant_id),
            ip: Set(context.ip.map(|ip| ip.to_string())),
            user_agent: Set(context.user_agent.clone()),
            request_id: Set(context.request_id.clone()),
            details: Set(self.details),
        }
    }
}

/// Records many events in the open write, [`BATCH_SIZE`] of them with one statement.
pub async fn record_all(write: &Write<'_>, events: Vec<Event>) -> Result<(), DatabaseError> {
    let mut events = events.into_iter();
    loop {
        let rows: Vec<_> =
            events.by_ref().take(BATCH_SIZE).map(|event| event.row(write.core, write.context)).collect();
        if rows.is_empty() {
            return Ok(());
        }
        audit_events::Entity::insert_many(rows).exec_without_returning(write).await?;
    }
}
