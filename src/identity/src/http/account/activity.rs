//! Answers `/api/account/activity`: the audit events of the signed-in user's account, in the language of the
//! reader.

use poem::Request;
use poem_openapi::{Object, OpenApi, param::Query, types::Example};
use postern_service::{
    paging::{PageResponse, decode_cursor},
    problem::{Problem, Problems},
};

use crate::{
    App,
    accounts::activity::{self, ActivityEvent},
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

/// Something that happened to the account.
#[derive(Object)]
#[oai(example, skip_serializing_if_is_none, read_only_all, rename = "AccountEvent")]
struct OwnEvent {
    /// When it happened (RFC 3339).
    at: String,
    /// Its kind, for programs. New kinds will come.
    kind: String,
    /// The same in words, in the language of `Accept-Language`.
    text: String,
    /// Whether an administrator did it. Then there is neither `ip` nor `device`.
    by_operator: bool,
    /// The `client_id` of the app that took part.
    client_id: Option<String>,
    /// The name of the app.
    client: Option<String>,
    /// The IP address of the request.
    ip: Option<String>,
    /// The browser and its system, as far as they are known.
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

#[OpenApi(prefix_path = "/api/account", tag = "super::super::Tag::Account")]
impl ActivityApi {
    /// List what happened to the account
    ///
    /// Sign-ins, changes of how the person signs in, apps that got or lost access. The newest comes first.
    #[oai(path = "/activity", method = "get", operation_id = "activity_list")]
    async fn list(
        &self,
        request: &Request,
        token: AccountToken,
        /// `next_cursor` from the page before.
        #[oai(validator(max_length = 200))]
        cursor: Query<Option<String>>,
        /// How many at most. 50 if left out.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
    ) -> Result<NoStoreJson<PageResponse<OwnEvent>>, Problems<400, 401, 403, 503>> {
        let before = cursor.0.as_deref().map(decode_cursor).transpose().map_err(Problem::from)?;
        let limit = u64::from(limit.0.unwrap_or(DEFAULT_LIMIT));
        let page = activity::list(&self.app, &token.user, before, limit).await?;
        let context = request_context(&self.app, request);
        Ok(NoStoreJson(page.map(|act| OwnEvent::from_event(&self.app, &context, act)).into()))
    }
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
