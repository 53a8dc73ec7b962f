//! Shows the messages that `postern dev` keeps instead of sending them. The routes exist only when there is such an inbox.

use minijinja::{Value, context};
use poem::{
    Request, Response, Route,
    http::{HeaderValue, header::CACHE_CONTROL},
};
use postern_service::routing::get;

use super::{Answer, Page, Refusal, page};
use crate::{
    App,
    mail::{InboxMessage, Mailer},
};

/// The page asks again by itself, so that a code appears without a script. Seconds.
const REFRESH: HeaderValue = HeaderValue::from_static("3");

/// Adds `/dev/inbox` and `/dev/inbox.json` where mail is kept in memory.
pub fn mount(app: &App, routes: Route) -> Route {
    if received(app).is_none() {
        return routes;
    }
    routes.at("/dev/inbox", get(page(app, show))).at("/dev/inbox.json", get(page(app, list)))
}

fn received(app: &App) -> Option<Vec<InboxMessage>> {
    match &app.mailer {
        Mailer::Inbox(inbox) => Some(inbox.newest_first()),
        _ => None,
    }
}

async fn show(app: App, request: Request) -> Answer {
    let messages: Vec<_> = received(&app).ok_or(Refusal::NotFound)?.into_iter().map(value).collect();
    let mut response = Page::of(&app, &request, None).show("pages/inbox.html", context! { messages })?;
    response.headers_mut().insert("refresh", REFRESH);
    Ok(response)
}

fn value(message: InboxMessage) -> Value {
    let InboxMessage { to, channel, subject, code, link, sent_at } = message;
    context! { to, channel, subject, code, link, sent_at }
}

/// For programs: newest first.
async fn list(app: App, _: Request) -> Answer {
    let messages = received(&app).ok_or(Refusal::NotFound)?;
    let json = serde_json::to_string(&messages).unwrap_or_default();
    Ok(Response::builder().content_type("application/json").header(CACHE_CONTROL, "no-store").body(json))
}
