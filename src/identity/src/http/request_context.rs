//! Builds the [`RequestContext`] of an HTTP request, once, where the handler begins.

use poem::{
    Request,
    http::{
        HeaderMap,
        header::{ACCEPT_LANGUAGE, USER_AGENT},
    },
};
use postern_service::telemetry::CurrentRequest;

use super::{client_ip::client_ip, security};
use crate::{
    App,
    core::{Actor, RequestContext},
};

/// The longest `User-Agent` that is stored, in characters.
const MAX_USER_AGENT: usize = 256;

/// The context of an unauthenticated request. [`RequestContext::by`] sets the authenticated actor.
pub(crate) fn request_context(app: &App, request: &Request) -> RequestContext {
    context_in_language(app, request, None)
}

/// [`request_context`] in a language that the client requested: `ui_locales` of an authorization request
/// (OpenID Connect Core section 3.1.2.1).
///
/// The order of the languages is decided here: the one chosen in this browser (`pages::language`), `ui_locales`,
/// `Accept-Language`, English. The person's own choice is the most explicit, and a choice that an app's request undid
/// would look broken. The language of the account is not asked: mails have it (`mail::account_language`), because
/// there is no browser to ask, and the browser in front of the person knows better than the last one.
pub(crate) fn context_in_language(app: &App, request: &Request, ui_locales: Option<&str>) -> RequestContext {
    let chosen = security::chosen_language(app, request).map(str::to_owned);
    let accepted = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    RequestContext {
        actor: Actor::Anonymous,
        ip: client_ip(app, request),
        user_agent: user_agent(request.headers()),
        request_id: CurrentRequest::current().map(|current| current.id.to_string()),
        language: chosen.unwrap_or_else(|| app.templates.negotiate_language(ui_locales, accepted)),
        now: app.clock.now(),
    }
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(USER_AGENT)?.to_str().ok()?;
    Some(text.chars().take(MAX_USER_AGENT).collect())
}
