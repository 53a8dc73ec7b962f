//! `POST /password/strength`: how good a new password would be, for the script of the pages that set one.

use minijinja::Value;
use poem::Request;

use super::{Answer, Form, Page, Refusal, account::signed_in, accounts::about, json};
use crate::{
    App,
    accounts::{
        invitations,
        strength::{Whose, judge},
    },
    http::client_ip::origin,
    passwords::{Judged, Weakness},
};

/// Takes the form of the page as it stands; answers `score` (0 to 4), `word` and `hint`.
pub async fn show(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let page = Page::of(&app, &request, None);
    let (typed, origin) = (form.typed("password"), origin(&request));
    let own = signed_in(&app, &request).await?;
    let invited = match form.get("invitation") {
        Some(token) => invitations::invited(&app, token).await?,
        None => None,
    };
    let whose = match (form.get("token"), form.has("email"), &own) {
        _ if let Some(email) = &invited => Whose::New { email, name: form.typed("name") },
        (Some(token), _, _) => Whose::Link { token },
        (None, true, _) => Whose::New { email: form.typed("email"), name: form.typed("name") },
        (None, false, Some(own)) => Whose::Own(&own.user),
        (None, false, None) => return Err(Refusal::Malformed.into()),
    };
    let judged = judge(&app, typed, whose, &origin).await?;
    let score = shown(judged);
    let hint = judged.weakness.and_then(|weakness| about(&page, weakness));
    let word = page.message(&format!("strength-{score}"));
    let text = |value: Option<Value>| value.map(|value| value.to_string()).unwrap_or_default();
    let body = serde_json::json!({ "score": score, "word": text(word), "hint": text(hint) });
    Ok(json(&body))
}

/// What may not be set is not called good, however hard it is to guess.
fn shown(judged: Judged) -> u8 {
    match judged.weakness {
        Some(Weakness::Breached | Weakness::Context) => 0,
        Some(_) => judged.score.min(1),
        None => judged.score,
    }
}
