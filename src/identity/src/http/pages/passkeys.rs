//! Answers `/account/passkeys`: enrolment, names and removal of the user's own passkeys.
//!
//! A signed-in user sees and renames passkeys. Adding and removing one requires a recent authentication, by
//! the second factor if the account has one. A browser creates a passkey by script. Without scripts the page
//! says so, and everything else on the page works. Leaves WebAuthn to `login::passkey`.

use minijinja::{Value, context};
use poem::{IntoResponse as _, Request, http::StatusCode};

use super::{
    Form, Page, PageError, PageErrorKind, PageResult,
    account::{credential_change, require_sign_in, require_sign_in_for_change},
    json_response,
    login::{Destination, RequiredAction, required_action_for_page},
    recovery_codes::{self, SecondFactorEnd},
    see_other,
};
use crate::{
    App,
    login::{
        self,
        passkey::enrolment::{self, PasskeyError},
    },
    readable,
    sessions::SignedInUser,
};

const PATH: &str = "/account/passkeys";

pub async fn show(app: App, request: Request) -> PageResult {
    let signed_in = require_sign_in(&app, &request, Destination::Passkeys).await?;
    let done = match Form::from_query(&request)?.get("done") {
        Some("added") => Some("passkey-added"),
        Some("renamed") => Some("passkey-renamed"),
        Some("removed") => Some("passkey-removed"),
        _ => None,
    };
    let page = Page::from_request(&app, &request, None);
    render(&app, &page, &signed_in, done, None).await
}

/// `POST /account/passkeys`, by script: what the browser must be asked.
pub async fn begin(app: App, request: Request, _: Form) -> PageResult {
    let signed_in = require_sign_in_for_change(&app, &request, Destination::ChangePasskeys).await?;
    let page = Page::from_request(&app, &request, None);
    match enrolment::begin(&app, signed_in.principal(), page.context()).await {
        Ok(options) => Ok(json_response(&serde_json::json!({ "publicKey": options }))),
        Err(cause) => show_error(&app, &page, &signed_in, cause).await,
    }
}

/// `POST /account/passkeys/confirm`: what the browser answered.
pub async fn confirm(app: App, request: Request, form: Form) -> PageResult {
    let signed_in = require_sign_in_for_change(&app, &request, Destination::ChangePasskeys).await?;
    let answer = serde_json::from_str(form.value_or_empty("answer")).unwrap_or_default();
    let page = Page::from_request(&app, &request, None);
    let change = credential_change(&signed_in, &form, page.context());
    match enrolment::complete(&app, change, &answer, "").await {
        Ok(_) => {
            let done = format!("{PATH}?done=added");
            let end = SecondFactorEnd { done: &done, notice: "passkey-added", onward: None };
            recovery_codes::finish_second_factor(&app, &page, change, end).await
        }
        Err(cause) => show_error(&app, &page, &signed_in, cause).await,
    }
}

pub async fn rename(app: App, request: Request, form: Form) -> PageResult {
    let signed_in = require_sign_in_for_change(&app, &request, Destination::Passkeys).await?;
    let page = Page::from_request(&app, &request, None);
    let (principal, id) = (signed_in.principal(), parse_id(&form)?);
    match enrolment::rename(&app, principal, id, form.value_or_empty("name"), page.context()).await {
        Ok(()) => Ok(see_other(&format!("{PATH}?done=renamed"))),
        Err(cause) => show_error(&app, &page, &signed_in, cause).await,
    }
}

pub async fn remove(app: App, request: Request, form: Form) -> PageResult {
    let signed_in = require_sign_in(&app, &request, Destination::ChangePasskeys).await?;
    let page = Page::from_request(&app, &request, None);
    let change = credential_change(&signed_in, &form, page.context());
    match enrolment::remove(&app, change, parse_id(&form)?).await {
        Ok(()) => Ok(see_other(&format!("{PATH}?done=removed"))),
        Err(cause) => show_error(&app, &page, &signed_in, cause).await,
    }
}

fn parse_id(form: &Form) -> Result<uuid::Uuid, PageError> {
    Ok(form.value_or_empty("id").parse().map_err(|_| PageErrorKind::Malformed)?)
}

async fn show_error(app: &App, page: &Page, signed_in: &SignedInUser, cause: PasskeyError) -> PageResult {
    let Some(key) = error_message(cause)? else { return Ok(see_other(PATH)) };
    let response = render(app, page, signed_in, None, Some(key)).await?;
    Ok(response.with_status(StatusCode::BAD_REQUEST).into_response())
}

/// Message key of what went wrong; none for a passkey that was removed in another tab meanwhile.
pub(super) fn error_message(cause: PasskeyError) -> Result<Option<&'static str>, PageError> {
    Ok(Some(match cause {
        PasskeyError::NotBegun => "passkey-took-too-long",
        PasskeyError::RegistrationRejected(_) => "passkey-not-made",
        PasskeyError::AlreadyRegistered => "passkey-registered",
        PasskeyError::TooMany => "passkey-too-many",
        PasskeyError::InvalidName => "passkey-name-rule",
        PasskeyError::UnknownPasskey => return Ok(None),
        PasskeyError::Login(cause) => return Err(cause.into()),
    }))
}

async fn render(
    app: &App,
    page: &Page,
    signed_in: &SignedInUser,
    done: Option<&str>,
    form_error: Option<&str>,
) -> PageResult {
    let rows = enrolment::list(app, &signed_in.user).await?;
    if rows.is_empty() && !login::method_available(app, "passkey") {
        return Err(PageErrorKind::NotFound.into());
    }
    let signal = enrolment::signal_values(app, &signed_in.user, &rows);
    let passkeys: Vec<Value> = rows
        .into_iter()
        .map(|row| {
            context! {
                id => row.id.to_string(),
                name => row.name,
                made => readable::format_day(row.created_at),
                used => row.last_used_at.map(readable::format_day),
                flagged => row.flagged_at.map(readable::format_day),
            }
        })
        .collect();
    // Asked first, so that nothing that was typed is lost on the way to a newer sign-in.
    let (_, needed) = required_action_for_page(app, Destination::ChangePasskeys, Some(signed_in)).await?;
    let values = context! {
        here => "passkeys",
        confirm => (needed != RequiredAction::Nothing).then(|| Destination::ChangePasskeys.login_path()),
        notice => done.and_then(|key| page.message(key)),
        error => form_error.and_then(|key| page.message(key)),
        signal => signal.map(signal_values),
        passkeys,
    };
    page.show("pages/passkeys.html", values)
}

fn signal_values(signal: enrolment::SignalValues) -> Value {
    let enrolment::SignalValues { rp_id, user_id, accepted, name, display_name } = signal;
    context! { rp_id, user_id, accepted, name, display_name }
}
