//! Answers `/account/activity`: the audit events of the user's own account.

use minijinja::{Value, context};
use poem::Request;
use postern_service::paging::{decode_cursor, encode_cursor};

use super::{Form, Page, PageErrorKind, PageResult, account::require_sign_in, login::Destination};
use crate::{
    App,
    accounts::activity::{self, ActivityEvent},
    core::RequestContext,
    http::account::activity::event_text,
    readable,
};

/// Acts of a page.
const PAGE_SIZE: u64 = 30;

pub async fn show(app: App, request: Request) -> PageResult {
    let signed_in = require_sign_in(&app, &request, Destination::Activity).await?;
    let query = Form::from_query(&request)?;
    let before = query.get("cursor").map(decode_cursor).transpose().map_err(|_| PageErrorKind::Malformed)?;
    let page = Page::from_request(&app, &request, None);
    let found = activity::list(&app, &signed_in.user, before, PAGE_SIZE).await?;
    let acts: Vec<_> = found.rows.iter().map(|act| event_values(&app, page.context(), act)).collect();
    let older = found.next.as_ref().map(encode_cursor);
    page.show("pages/activity.html", context! { here => "activity", acts, older })
}

fn event_values(app: &App, context: &RequestContext, act: &ActivityEvent) -> Value {
    context! {
        text => Value::from_safe_string(event_text(app, context, act)),
        at => readable::format_minute(act.occurred_at),
        client => act.client_name.as_deref().or(act.client_id.as_deref()),
        by_operator => act.by_operator,
        ip => act.ip.as_deref(),
        device => act.user_agent.as_deref().map(readable::device_name),
    }
}
