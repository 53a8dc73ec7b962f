//! Answers `/api/account/activity`: the audit events of the signed-in user's account, in the language of the
//! reader.

use poem::Request;
use poem_openapi::{Object, OpenApi, param::Query, types::Example};
use postern_service::problem::{MALFORMED, Problem, Problems};

use crate::{
    App,
    accounts::activity::{self, ActivityCursor, ActivityEvent},
    core::RequestContext,
    http::{no_store_json::NoStoreJson, presented_token::AccountToken, request_context},
    readable,
};

/// Acts of one answer, unless asked for more or fewer.
const DEFAULT_LIMIT: u32 = 50;

pub struct ActivityApi {
    app: App,
}

impl ActivityApi {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }
}

/// One act that concerned the account.
#[derive(Object)]
#[oai(example, skip_serializing_if_is_none, read_only_all, rename = "AccountEvent")]
struct OwnEvent {
    /// When the event occurred (RFC 3339).
    at: String,
    /// Its kind, for programs; new ones come.
    kind: String,
    /// The same in words, in the language of `Accept-Language`.
    text: String,
    /// Whether an administrator did it; then there is neither `ip` nor `device`.
    by_operator: bool,
    /// The application that took part.
    client_id: Option<String>,
    /// What people call it.
    client: Option<String>,
    /// The IP address of the request.
    ip: Option<String>,
    /// Browser and system, as far as they told.
    device: Option<String>,
}

impl OwnEvent {
    fn from_event(app: &App, context: &RequestContext, act: ActivityEvent) -> Self {
        Self {
            at: act.occurred_at.rfc3339(),
            text: event_text(app, context, &act),
            kind: act.kind,
            by_operator: act.by_operator,
            client_id: act.client_id,
            client: act.client_name,
            ip: act.ip,
            device: act.user_agent.as_deref().map(readable::device_name),
        }
    }
}

impl Example for OwnEvent {
    fn example() -> Self {
        Self {
            at: "2026-11-20T14:57:16.000250Z".to_owned(),
            kind: "session.started".to_owned(),
            text: "Signed in".to_owned(),
            by_operator: false,
            client_id: Some("tasks-web".to_owned()),
            client: Some("Tasks".to_owned()),
            ip: Some("203.0.113.7".to_owned()),
            device: Some("Firefox · Linux".to_owned()),
        }
    }
}

/// One page of the account's events.
#[derive(Object)]
#[oai(example, skip_serializing_if_is_none, read_only_all)]
struct OwnActivity {
    /// The events, the newest first.
    events: Vec<OwnEvent>,
    /// What to send as `before` for older ones; absent when there are none.
    before: Option<String>,
}

impl Example for OwnActivity {
    fn example() -> Self {
        let before = "1795186636000250.019f1e2d3c4b7a6988776655443322aa".to_owned();
        Self { events: vec![OwnEvent::example()], before: Some(before) }
    }
}

#[OpenApi(prefix_path = "/api/account", tag = "super::super::Tag::Account")]
impl ActivityApi {
    /// What happened to the account
    ///
    /// Sign-ins, changes of how one signs in, applications that were let in or shown out. The newest first.
    #[oai(path = "/activity", method = "get", operation_id = "activity_list")]
    async fn list(
        &self,
        request: &Request,
        token: AccountToken,
        /// `before` of the answer that came before this one.
        #[oai(validator(max_length = 100))]
        before: Query<Option<String>>,
        /// How many at most, 50 unless given.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
    ) -> Result<NoStoreJson<OwnActivity>, Problems<400, 401, 403, 503>> {
        let before = before.0.as_deref().map(parse_cursor).transpose()?;
        let limit = u64::from(limit.0.unwrap_or(DEFAULT_LIMIT));
        let found = activity::list(&self.app, &token.user, before, limit).await?;
        let context = request_context(&self.app, request);
        let events =
            found.events.into_iter().map(|act| OwnEvent::from_event(&self.app, &context, act)).collect();
        Ok(NoStoreJson(OwnActivity { events, before: found.next_cursor.map(|before| before.to_string()) }))
    }
}

fn parse_cursor(before: &str) -> Result<ActivityCursor, Problem> {
    before.parse().map_err(|rule| Problem::new(MALFORMED).field("before").detail(format!("`before` {rule}")))
}

/// What to say of an act. One without words of its own is told by its kind.
pub(in crate::http) fn event_text(app: &App, context: &RequestContext, act: &ActivityEvent) -> String {
    let text = |key: &str, arguments: &[_]| app.templates.text(&context.language, key, arguments);
    let method = act.method.as_deref().and_then(|name| text(&format!("activity-method-{name}"), &[]));
    let method = method.or_else(|| text("activity-method-other", &[])).unwrap_or_default();
    let key = format!("activity-{}", act.kind.replace(['.', '_'], "-"));
    text(&key, &[("method", method.into())])
        .or_else(|| text("activity-other", &[("kind", act.kind.as_str().into())]))
        .unwrap_or_else(|| act.kind.clone())
}
