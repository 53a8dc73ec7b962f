//! Shows the pages of a login: the identifier, a response to a challenge, and the choice of a method.

use std::time::Duration;

use minijinja::{Value, context};
use poem::{IntoResponse as _, http::StatusCode};

use super::{
    super::{PageError, PageErrorKind, PageResult, error::whole_minutes},
    flow::{LoginFlow, LoginPurpose, RequiredAction},
};
use crate::{
    App,
    acr::Acr,
    config::CodeDelivery,
    login::{
        self,
        attempt::{AttemptStatus, RESEND_DELAY},
        passkey,
    },
};

/// The method whose response is a password.
pub(super) const PASSWORD: &str = "password";
/// The method whose response a script makes.
pub(super) const PASSKEY: &str = "passkey";
pub(super) const RECOVERY_CODE: &str = "recovery-code";

/// The error of a login form, and the input to show again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LoginFormError<'a> {
    /// Message key of what to say beside the field; none when nothing is wrong.
    pub(super) key: Option<&'static str>,
    /// The user's input, shown again.
    pub(super) typed: &'a str,
    /// Responses that may still be wrong, after a wrong code.
    pub(super) tries_left: Option<u32>,
    /// The id of a passkey that no account has.
    pub(super) unknown_passkey: Option<&'a str>,
}

impl LoginFormError<'_> {
    fn text(&self, flow: &LoginFlow) -> Option<Value> {
        let wrong = flow.page.message(self.key?)?;
        let tries = |left: u32| flow.page.message_with("tries-left", &[("count", Value::from(left))]);
        Some(match self.tries_left.and_then(tries) {
            // Both are HTML already.
            Some(left) => Value::from_safe_string(format!("{wrong} {left}")),
            None => wrong,
        })
    }
}

/// The field for the address, with the methods that may begin.
pub(super) fn show_identifier_form(
    flow: &LoginFlow,
    form_error: LoginFormError<'_>,
    remember: bool,
) -> PageResult {
    let methods: Vec<_> = login::first_factor_methods(&flow.app, &flow.requirement)
        .iter()
        .map(|name| method_values(flow, name))
        .collect();
    if methods.is_empty() {
        return Err(PageErrorKind::NoLoginMethod.into());
    }
    let identifier = match form_error.key {
        Some(_) => form_error.typed,
        None => prefilled_identifier(flow),
    };
    let values = context! {
        identifier,
        methods,
        remember,
        error => form_error.text(flow),
        passkeys => login::first_factor_methods(&flow.app, &flow.requirement).iter().any(|name| name == PASSKEY),
        registers => login::self_registration_allowed(&flow.app),
    };
    show(flow, "pages/login.html", values, form_error.key)
}

/// Whose address is most likely: what the client hints at, or who is signed in already.
fn prefilled_identifier(flow: &LoginFlow) -> &str {
    let hint = match &flow.purpose {
        LoginPurpose::AuthorizationRequest(pending) => pending.request.login_hint.as_deref(),
        LoginPurpose::AccountPage(_) => {
            flow.signed_in.as_ref().map(|signed_in| signed_in.user.email.as_str())
        }
    };
    hint.unwrap_or_default()
}

/// The field for the answer to a method.
pub(super) fn show_challenge(
    flow: &LoginFlow,
    name: &str,
    status: &AttemptStatus,
    form_error: LoginFormError<'_>,
    code_resent: bool,
) -> PageResult {
    let left = status.code_expires_at.map(|end| end - flow.app.clock.now());
    let sent = status.code_expires_at.is_some() && sends_code(&flow.app, name);
    let lost = second_step(flow, status) || status.methods.len() == 1;
    let arguments = [
        ("identifier", Value::from(status.identifier.as_str())),
        ("lifetime", Value::from(flow.app.config.login.code_lifetime.duration().as_secs().div_ceil(60))),
    ];
    let values = context! {
        title => method_text(flow, name, "-title", &[]),
        intro => method_text(flow, name, "-intro", &arguments),
        notice => code_resent.then(|| flow.page.message("code-sent-again")).flatten(),
        method => name,
        identifier => status.identifier.as_str(),
        digits => match name {
            "totp" => 6,
            RECOVERY_CODE => 10,
            _ => 8,
        },
        unknown_passkey => form_error.unknown_passkey,
        rp_id => form_error.unknown_passkey.and_then(|_| passkey::relying_party_id(&flow.app.config)),
        letters => name == RECOVERY_CODE,
        typed => form_error.typed,
        error => form_error.text(flow),
        resend => sent,
        others => status.methods.len() > 1 && !lost,
        lost,
        minutes_left => left.map(whole_minutes),
        seconds_left => left.map(|left| left.as_secs()),
        wait => left.map(|left| resend_wait(flow, left)),
    };
    let template = match name {
        PASSWORD => "pages/password.html",
        PASSKEY => "pages/passkey.html",
        _ => "pages/code.html",
    };
    show(flow, template, values, form_error.key)
}

/// In how many seconds another code is sent, for a code that works for so long from now.
fn resend_wait(flow: &LoginFlow, left: Duration) -> u64 {
    (left + RESEND_DELAY).saturating_sub(flow.app.config.login.code_lifetime.duration()).as_secs()
}

/// The ways to go on: other methods to begin with, or the factors that may follow. At the end are the people who run this
/// service. Before the first factor the page is the same for every email.
pub(super) fn show_method_choice(flow: &LoginFlow, status: &AttemptStatus) -> PageResult {
    let keys = match second_step(flow, status) {
        true => ("another-factor-title", "another-factor-intro"),
        false => ("another-way-title", "another-way-intro"),
    };
    show_ways(flow, keys, status, None)
}

/// What remains to a person who cannot give the answer that is asked for.
pub(super) fn show_remaining_ways(
    flow: &LoginFlow,
    status: &AttemptStatus,
    asked_for: Option<&str>,
) -> PageResult {
    let left = status.methods.iter().any(|name| Some(name.as_str()) != asked_for);
    let intro = if left { "lost-intro" } else { "lost-nothing-left" };
    show_ways(flow, ("lost-title", intro), status, Some(asked_for.unwrap_or_default()))
}

/// `lost` is the method that does not come into question any more.
fn show_ways(
    flow: &LoginFlow,
    (title, intro): (&str, &str),
    status: &AttemptStatus,
    lost: Option<&str>,
) -> PageResult {
    let names = status.methods.iter().filter(|name| Some(name.as_str()) != lost);
    let methods: Vec<_> = names.map(|name| method_values(flow, name)).collect();
    let identifier = [("identifier", Value::from(status.identifier.as_str()))];
    let values = context! {
        title => flow.page.message(title),
        intro => flow.page.message_with(intro, &identifier),
        lost => lost.is_some(),
        methods,
    };
    show(flow, "pages/methods.html", values, None)
}

/// Whether a factor beside the first one is asked for.
fn second_step(flow: &LoginFlow, status: &AttemptStatus) -> bool {
    status.first_factor_verified || flow.required_action == RequiredAction::StepUp
}

/// What is asked for needs a factor that this account does not have.
pub(super) fn show_unreachable_acr(flow: &LoginFlow) -> PageResult {
    let client = flow.client().map(|client| client.row.name.clone());
    let (title, text, set_up, path) = match flow.requirement.min_acr {
        Some(Acr::Phr) => {
            ("no-way-passkey-title", "no-way-passkey-text", "no-way-passkey-set-up", "/account/passkeys")
        }
        _ => ("no-way-title", "no-way-text", "no-way-set-up", "/account/totp"),
    };
    let [title, text, set_up] = [title, text, set_up].map(|key| flow.page.message(key));
    show(flow, "pages/no-way.html", context! { client, title, text, set_up, path }, None)
}

fn show(flow: &LoginFlow, template: &str, values: Value, form_error: Option<&str>) -> PageResult {
    let page = flow.page.shown_at(flow.path());
    let response = page.show(template, context! { ..values, ..flow.values() })?;
    Ok(match form_error {
        Some(_) => response.with_status(StatusCode::BAD_REQUEST).into_response(),
        None => response,
    })
}

/// A method as templates see it: `name, label, hint`.
fn method_values(flow: &LoginFlow, name: &str) -> Value {
    context! { name, label => method_text(flow, name, "", &[]), hint => method_text(flow, name, "-hint", &[]) }
}

/// A text of a method; one that was added without texts has those of `method-other`.
fn method_text(
    flow: &LoginFlow,
    name: &str,
    part: &str,
    arguments: &[(&'static str, Value)],
) -> Option<Value> {
    let key = if sends_code(&flow.app, name) { name.to_owned() } else { format!("{name}-operator") };
    let text = |name: &str| flow.page.message_with(&format!("method-{name}{part}"), arguments);
    text(&key).or_else(|| text("other"))
}

/// Whether a method sends something; a code that an operator hands over was made before.
fn sends_code(app: &App, name: &str) -> bool {
    name != "code" || app.config.login.code_delivery != CodeDelivery::Operator
}

/// For what must be told on a page of its own: how long to wait.
pub(super) fn rate_limited(flow: &LoginFlow, wait: Duration) -> PageError {
    PageError::retry_after(PageErrorKind::RateLimited, wait).next_link(flow.path(), "error-try-again")
}

/// A login in progress that accepts nothing more.
pub(super) fn attempt_ended(flow: &LoginFlow) -> PageError {
    PageError::from(PageErrorKind::AttemptEnded).next_link(flow.start_over_path(), "error-sign-in-again")
}
