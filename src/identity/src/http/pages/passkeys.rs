//! `/account/passkeys`: sets up, names and removes the passkeys of one's own account.
//!
//! Who is signed in sees and names them; who proved lately who they are, by a second factor if there is one, adds and
//! removes them. A browser makes a passkey by script: without scripts the page says
//! so, and everything else on it works.

use minijinja::{Value, context};
use poem::{IntoResponse as _, Request, Response, http::StatusCode};
use postern_service::clock::Timestamp;

use super::{
    Answer, Form, Page, PageError, Refusal,
    account::{credential_change, enter, enter_to_change},
    json,
    login::Destination,
    see_other,
};
use crate::{
    App,
    http::request_context,
    login::passkey::enrolment::{self, PasskeyError},
    readable,
    users::User,
};

const PATH: &str = "/account/passkeys";

pub async fn show(app: App, request: Request) -> Answer {
    let signed_in = match enter(&app, &request, Destination::Passkeys).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    let done = match Form::of_query(&request)?.get("done") {
        Some("added") => Some("passkey-added"),
        Some("renamed") => Some("passkey-renamed"),
        Some("removed") => Some("passkey-removed"),
        _ => None,
    };
    render(&app, &request, &signed_in.user, done, None).await
}

/// `POST /account/passkeys`, by script: what the browser must be asked.
pub async fn begin(app: App, mut request: Request) -> Answer {
    Form::read(&app, &mut request).await?;
    let signed_in = match enter_to_change(&app, &request, Destination::ChangePasskeys).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    match enrolment::begin(&app, signed_in.principal(), &request_context(&app, &request)).await {
        Ok(options) => Ok(json(&serde_json::json!({ "publicKey": options }))),
        Err(cause) => refuse(&app, &request, &signed_in.user, cause).await,
    }
}

/// `POST /account/passkeys/confirm`: what the browser answered.
pub async fn confirm(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let signed_in = match enter_to_change(&app, &request, Destination::ChangePasskeys).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    let answer = serde_json::from_str(form.typed("answer")).unwrap_or_default();
    let context = request_context(&app, &request);
    let change = credential_change(&signed_in, &form, &context);
    match enrolment::complete(&app, change, &answer, form.typed("name")).await {
        Ok(_) => Ok(see_other(&format!("{PATH}?done=added"))),
        Err(cause) => refuse(&app, &request, &signed_in.user, cause).await,
    }
}

pub async fn rename(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let signed_in = match enter_to_change(&app, &request, Destination::Passkeys).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    let context = request_context(&app, &request);
    let (principal, id) = (signed_in.principal(), id_of(&form)?);
    match enrolment::rename(&app, principal, id, form.typed("name"), &context).await {
        Ok(()) => Ok(see_other(&format!("{PATH}?done=renamed"))),
        Err(cause) => refuse(&app, &request, &signed_in.user, cause).await,
    }
}

pub async fn remove(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let signed_in = match enter(&app, &request, Destination::ChangePasskeys).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    let context = request_context(&app, &request);
    let change = credential_change(&signed_in, &form, &context);
    match enrolment::remove(&app, change, id_of(&form)?).await {
        Ok(()) => Ok(see_other(&format!("{PATH}?done=removed"))),
        Err(cause) => refuse(&app, &request, &signed_in.user, cause).await,
    }
}

fn id_of(form: &Form) -> Result<uuid::Uuid, PageError> {
    Ok(form.typed("id").parse().map_err(|_| Refusal::Malformed)?)
}

async fn refuse(app: &App, request: &Request, user: &User, cause: PasskeyError) -> Answer {
    let key = match cause {
        PasskeyError::NotBegun => "passkey-took-too-long",
        PasskeyError::RegistrationRejected(_) => "passkey-not-made",
        PasskeyError::AlreadyRegistered => "passkey-registered",
        PasskeyError::TooMany => "passkey-too-many",
        PasskeyError::InvalidName => "passkey-name-rule",
        // Removed meanwhile, in another tab.
        PasskeyError::UnknownPasskey => return Ok(see_other(PATH)),
        PasskeyError::Login(cause) => return Err(cause.into()),
    };
    let page: Response = render(app, request, user, None, Some(key)).await?;
    Ok(page.with_status(StatusCode::BAD_REQUEST).into_response())
}

async fn render(
    app: &App,
    request: &Request,
    user: &User,
    done: Option<&str>,
    mistake: Option<&str>,
) -> Answer {
    let page = Page::of(app, request, None);
    let day = |micros| readable::format_day(Timestamp::from_micros(micros));
    let passkeys: Vec<Value> = enrolment::list(app, user)
        .await?
        .into_iter()
        .map(|row| {
            context! {
                id => row.id.to_string(),
                name => row.name,
                made => day(row.created_at),
                used => row.last_used_at.map(day),
                flagged => row.flagged_at.map(day),
            }
        })
        .collect();
    let values = context! {
        here => "passkeys",
        notice => done.and_then(|key| page.message(key)),
        error => mistake.and_then(|key| page.message(key)),
        passkeys,
    };
    page.show("pages/passkeys.html", values)
}
