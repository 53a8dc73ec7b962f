//! `/account/activity`: what happened to one's own account.

use minijinja::{Value, context};
use poem::Request;

use super::{Answer, Form, Page, Refusal, account::enter, login::Destination, see_other};
use crate::{
    App,
    accounts::activity::{self, ActivityEvent},
    http::account::activity::words,
    readable,
};

/// Acts of a page.
const SHOWN: u64 = 30;

pub async fn show(app: App, request: Request) -> Answer {
    let signed_in = match enter(&app, &request, Destination::Activity).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    let query = Form::of_query(&request)?;
    let before = query.get("before").map(str::parse).transpose().map_err(|_| Refusal::Malformed)?;
    let page = Page::of(&app, &request, None);
    let found = activity::list(&app, &signed_in.user, before, SHOWN).await?;
    let acts: Vec<_> = found.events.iter().map(|act| shown(&app, page.language(), act)).collect();
    let older = found.next_cursor.map(|before| before.to_string());
    page.show("pages/activity.html", context! { here => "activity", acts, older })
}

fn shown(app: &App, language: &str, act: &ActivityEvent) -> Value {
    context! {
        text => Value::from_safe_string(words(app, language, act)),
        at => readable::format_minute(act.occurred_at),
        client => act.client_name.as_deref().or(act.client_id.as_deref()),
        by_operator => act.by_operator,
        ip => act.ip.as_deref(),
        device => act.user_agent.as_deref().map(readable::device_name),
    }
}
