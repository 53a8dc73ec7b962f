//! Answers `/dev/inbox`: the messages that `postern dev` keeps instead of sending them. The routes exist only
//! if the mailer is such an inbox.

use minijinja::{Value, context};
use poem::{
    Request, Response,
    http::{HeaderValue, header::CACHE_CONTROL},
};

use super::{Page, PageErrorKind, PageResult, PageRoutes};
use crate::{
    App,
    mail::{InboxMessage, Mailer},
};

/// Seconds after which the browser reloads the page, so that a code appears without a script.
const REFRESH: HeaderValue = HeaderValue::from_static("3");

/// Adds `/dev/inbox` and `/dev/inbox.json` where mail is kept in memory.
pub fn mount(app: &App, routes: PageRoutes) -> PageRoutes {
    if inbox_messages(app).is_none() {
        return routes;
    }
    routes.page("/dev/inbox", show).page("/dev/inbox.json", list)
}

fn inbox_messages(app: &App) -> Option<Vec<InboxMessage>> {
    match &app.mailer {
        Mailer::Inbox(inbox) => Some(inbox.newest_first()),
        _ => None,
    }
}

async fn show(app: App, request: Request) -> PageResult {
    let messages: Vec<_> =
        inbox_messages(&app).ok_or(PageErrorKind::NotFound)?.into_iter().map(message_values).collect();
    let mut response =
        Page::from_request(&app, &request, None).show("pages/inbox.html", context! { messages })?;
    response.headers_mut().insert("refresh", REFRESH);
    Ok(response)
}

fn message_values(message: InboxMessage) -> Value {
    let InboxMessage { to, channel, subject, code, link, sent_at } = message;
    context! { to, channel, subject, code, link, sent_at }
}

/// For programs: newest first.
async fn list(app: App, _: Request) -> PageResult {
    let messages = inbox_messages(&app).ok_or(PageErrorKind::NotFound)?;
    let json = serde_json::to_string(&messages).unwrap_or_default();
    Ok(Response::builder().content_type("application/json").header(CACHE_CONTROL, "no-store").body(json))
}
