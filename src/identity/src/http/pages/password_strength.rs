//! Answers `POST /password/strength`: the strength of a new password, for the script of the pages that set
//! one.

use poem::Request;
use serde_json::{Value, json};

use super::{
    Form, Page, PageErrorKind, PageResult, account::signed_in_user, account_form::weakness_message,
    json_response as answer_json,
};
use crate::{
    App,
    accounts::password_strength::{PasswordOwner, assess},
    passwords::{PasswordAssessment, Weakness},
};

/// Takes the form of the page as it stands; answers `score` (0 to 4), `word` and `hint`, or an empty object while too many
/// others wait to be told.
pub async fn show(app: App, request: Request, form: Form) -> PageResult {
    let page = Page::from_request(&app, &request, None);
    let own = signed_in_user(&app, &request).await?;
    let name = form.value_or_empty("name");
    let whose = match (form.get("invitation"), form.get("token"), form.contains("email"), &own) {
        (Some(token), ..) => PasswordOwner::Invitation { token, name },
        (None, Some(token), ..) => PasswordOwner::ResetLink { token },
        (None, None, true, _) => PasswordOwner::Registration { email: form.value_or_empty("email"), name },
        (None, None, false, Some(own)) => PasswordOwner::User(&own.user),
        (None, None, false, None) => return Err(PageErrorKind::Malformed.into()),
    };
    Ok(answer_json(&match assess(&app, form.value_or_empty("password"), whose, page.context()).await? {
        Some(judged) => assessment_body(&page, judged),
        None => json!({}),
    }))
}

fn assessment_body(page: &Page, judged: PasswordAssessment) -> Value {
    let score = displayed_score(judged);
    let text = |message: Option<minijinja::Value>| message.map(|text| text.to_string()).unwrap_or_default();
    json!({
        "score": score,
        "word": text(page.message(&format!("strength-{score}"))),
        "hint": text(judged.weakness.and_then(|weakness| weakness_message(page, weakness))),
    })
}

/// What may not be set is not called good, however hard it is to guess.
fn displayed_score(judged: PasswordAssessment) -> u8 {
    match judged.weakness {
        Some(Weakness::Compromised | Weakness::ContextSpecific) => 0,
        Some(_) => judged.score.min(1),
        None => judged.score,
    }
}
