//! Defines [`RequestContext`]: who asks, from where, in which language, and when.

use std::{env, net::IpAddr};

use postern_service::clock::Timestamp;
use uuid::Uuid;

use super::Core;

/// Who does something. An audit event names its actor beside the account that the event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Somebody who has not signed in, such as a visitor of the sign-in page.
    Anonymous,
    /// A user, by a session, an access token or a proof that was accepted: the row's id.
    User(Uuid),
    /// A client: its `client_id`. A public client has proven nothing.
    Client(String),
    /// An operator, by a command: the name of the system's user who ran the command, if the environment has one.
    Operator(Option<String>),
    /// Postern itself, in a job.
    System,
}

impl Actor {
    /// The kind of actor, as stored in `audit_events.actor_kind`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User(_) => USER,
            Self::Client(_) => "client",
            Self::Operator(_) => OPERATOR,
            Self::System => "system",
        }
    }

    /// The actor's id, as stored in `audit_events.actor_id`.
    pub fn id(&self) -> Option<String> {
        match self {
            Self::Anonymous | Self::System => None,
            Self::User(id) => Some(id.to_string()),
            Self::Client(client_id) => Some(client_id.clone()),
            Self::Operator(name) => name.clone(),
        }
    }
}

/// The language of texts for which no reader is known.
pub const DEFAULT_LANGUAGE: &str = "en";

/// The stored word of [`Actor::User`].
pub const USER: &str = "user";

/// The stored word of [`Actor::Operator`].
pub const OPERATOR: &str = "operator";

/// The circumstances of one HTTP request, command or run of a job. Made once, where the work begins.
#[derive(Clone, Debug)]
pub struct RequestContext {
    pub actor: Actor,
    /// The client's IP address: the peer's, or what a trusted proxy says.
    pub ip: Option<IpAddr>,
    /// `User-Agent`, cut to 256 characters.
    pub user_agent: Option<String>,
    /// The reference that the caller was given and the log carries.
    pub request_id: Option<String>,
    /// The language of pages and mails that answer the request: one that Postern has texts in.
    pub language: String,
    /// When the work began. The whole request uses this time, so that its parts agree.
    pub now: Timestamp,
}

impl RequestContext {
    /// The context of an operator's command.
    pub fn of_command(core: &Core) -> Self {
        let operator = ["SUDO_USER", "USER", "LOGNAME"]
            .iter()
            .find_map(|name| env::var(name).ok().filter(|name| !name.is_empty()));
        Self::local(core, Actor::Operator(operator))
    }

    /// The context of a run of a job.
    pub fn of_job(core: &Core) -> Self {
        Self::local(core, Actor::System)
    }

    fn local(core: &Core, actor: Actor) -> Self {
        Self {
            actor,
            ip: None,
            user_agent: None,
            request_id: None,
            language: DEFAULT_LANGUAGE.to_owned(),
            now: core.clock.now(),
        }
    }

    /// The same request, once it is known who makes it.
    #[must_use]
    pub fn by(self, actor: Actor) -> Self {
        Self { actor, ..self }
    }
}
