//! `/account/sessions`: where one is signed in, and the way to end it.

use minijinja::{Value, context};
use poem::Request;
use postern_service::clock::Timestamp;

use super::{
    Answer, Form, Page, Refusal,
    account::{enter, signed_in},
    login::Destination,
    see_other,
};
use crate::{
    App,
    http::client_ip::origin,
    sessions::{self, Session, SessionKind, SignedIn},
};

/// `GET /account/sessions`.
pub async fn show(app: App, request: Request) -> Answer {
    let SignedIn { session, user } = match enter(&app, &request, Destination::Sessions).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    sessions::touch(&app, &session).await?;
    let page = Page::of(&app, &request, None);
    let live = sessions::live_of_user(&app, user.id).await?;
    let (own, others): (Vec<_>, Vec<_>) = live.iter().partition(|other| other.sid == session.sid);
    let others: Vec<_> = others.into_iter().map(|other| shown(&app, other)).collect();
    let notice = match Form::of_query(&request)?.get("done") {
        Some("ended") => page.message("session-ended"),
        _ => None,
    };
    let own = own.first().map(|own| shown(&app, own));
    page.show("pages/sessions.html", context! { here => "sessions", notice, own, others })
}

fn shown(app: &App, session: &Session) -> Value {
    let clients = app.clients();
    let client = session.client_id.as_deref().and_then(|id| clients.find(id)).map(|it| it.row.name.clone());
    let time = |micros| minute(Timestamp::from_micros(micros));
    context! {
        sid => session.sid.to_string(),
        api => session.kind == SessionKind::Api.word(),
        client,
        device => session.user_agent.as_deref().map(device),
        ip => session.ip.as_deref(),
        since => time(session.created_at),
        seen => time(session.last_seen_at),
    }
}

/// A moment as people read it, in UTC: `2026-01-01 00:00 UTC`.
fn minute(at: Timestamp) -> String {
    let text = at.rfc3339().replace('T', " ");
    format!("{} UTC", text.get(..16).unwrap_or(&text))
}

/// Browser and system, as far as a user agent tells: for recognition, not for statistics.
fn device(user_agent: &str) -> String {
    let first = |known: &[(&str, &'static str)]| {
        known.iter().find(|(part, _)| user_agent.contains(part)).map(|(_, name)| *name)
    };
    let browser = first(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = first(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} · {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => user_agent.chars().take(60).collect(),
    }
}

/// `POST /account/sessions/end`: one, or every other.
pub async fn end(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let Some(SignedIn { session, user }) = signed_in(&app, &request).await? else {
        return Ok(see_other("/login?to=sessions"));
    };
    let origin = origin(&request);
    match form.get("sid") {
        Some("others") => drop(sessions::end_others(&app, &user, Some(session.sid), &origin).await?),
        Some(sid) => {
            let sid = sid.parse().map_err(|_| Refusal::Malformed)?;
            // One that has ended meanwhile is as good as ended.
            sessions::end_own(&app, &user, sid, &origin).await?;
        }
        None => return Err(Refusal::Malformed.into()),
    }
    Ok(see_other("/account/sessions?done=ended"))
}

#[cfg(test)]
mod tests {
    use super::device;

    #[test]
    fn a_device_is_recognised_by_browser_and_system() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/149.0 Safari/537.36 Edg/149.0";
        let safari =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile/15E148 Safari/604.1";
        assert_eq!(
            [firefox, edge, safari].map(device),
            ["Firefox · Linux", "Edge · Windows", "Safari · iPhone"]
        );
        assert_eq!(device("curl/8.1"), "curl/8.1");
    }
}
