//! Answers `/account/sessions`: the sessions of the user's own account, and their end.

use minijinja::{Value, context};
use poem::Request;

use super::{
    Form, Page, PageErrorKind, PageResult,
    account::{require_sign_in, signed_in_user},
    login::Destination,
    see_other,
};
use crate::{
    App,
    http::request_context,
    readable,
    sessions::{self, Session, SessionKind, SignedInUser},
};

pub async fn show(app: App, request: Request) -> PageResult {
    let SignedInUser { session, user } = require_sign_in(&app, &request, Destination::Sessions).await?;
    sessions::touch(&app, &session).await?;
    let page = Page::from_request(&app, &request, None);
    let live = sessions::live_of_user(&app, user.id).await?;
    let (own, others): (Vec<_>, Vec<_>) = live.iter().partition(|other| other.sid == session.sid);
    let others: Vec<_> = others.into_iter().map(|other| session_values(&app, other)).collect();
    let notice = match Form::from_query(&request)?.get("done") {
        Some("ended") => page.message("session-ended"),
        _ => None,
    };
    let own = own.first().map(|own| session_values(&app, own));
    page.show("pages/sessions.html", context! { here => "sessions", notice, own, others })
}

fn session_values(app: &App, session: &Session) -> Value {
    let clients = app.clients();
    let client = session.client_id.as_deref().and_then(|id| clients.find(id)).map(|it| it.row.name.clone());
    context! {
        sid => session.sid.to_string(),
        api => session.kind == SessionKind::Api,
        client,
        device => session.user_agent.as_deref().map(readable::device_name),
        ip => session.ip.as_deref(),
        since => readable::format_minute(session.created_at),
        seen => readable::format_minute(session.last_seen_at),
    }
}

/// `POST /account/sessions/end`: one, or every other.
pub async fn end(app: App, request: Request, form: Form) -> PageResult {
    let Some(signed_in) = signed_in_user(&app, &request).await? else {
        return Ok(see_other(&Destination::Sessions.login_path()));
    };
    let context = request_context(&app, &request);
    match form.get("sid") {
        Some("others") => drop(sessions::end_others(&app, signed_in.principal(), &context).await?),
        Some(sid) => {
            let sid = sid.parse().map_err(|_| PageErrorKind::Malformed)?;
            // One that has ended meanwhile is as good as ended.
            sessions::end_own(&app, signed_in.principal(), sid, &context).await?;
        }
        None => return Err(PageErrorKind::Malformed.into()),
    }
    Ok(see_other("/account/sessions?done=ended"))
}
