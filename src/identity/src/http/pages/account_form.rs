//! Shows the forms of registration, recovery and the account again with what was wrong, and turns the errors of `accounts` into
//! pages.

use std::time::Duration;

use minijinja::{Value, context};
use poem::{IntoResponse as _, Response, http::StatusCode};

use super::{Page, PageError, PageErrorKind, PageResult, login::Destination};
use crate::{
    accounts::AccountError,
    claims,
    login::LoginError,
    passwords::{Weakness, rules::LONGEST},
};

/// After so long there may be room again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// What was wrong, beside which field.
pub(super) struct FormError {
    pub(super) field: &'static str,
    pub(super) text: Option<Value>,
}

pub(super) fn length_hint(page: &Page, least: usize) -> Option<Value> {
    page.message_with("password-hint", &[("least", Value::from(least))])
}

/// Shows a page with a form, and what was wrong with it.
pub(super) fn show_form(
    page: &Page,
    template: &str,
    values: Value,
    form_error: Option<FormError>,
) -> PageResult {
    let wrong = form_error.is_some();
    let page = if wrong { &page.asking_again() } else { page };
    let (field, error) = form_error.map(|form_error| (form_error.field, form_error.text)).unzip();
    let response: Response = page.show(template, context! { ..values, ..context! { field, error } })?;
    Ok(if wrong { response.with_status(StatusCode::BAD_REQUEST).into_response() } else { response })
}

/// What is said beside a field; none for what is not about one.
pub(super) fn form_error(page: &Page, cause: &AccountError) -> Option<FormError> {
    let (field, key, arguments) = match cause {
        AccountError::MalformedEmail => ("email", "email-malformed", Vec::new()),
        AccountError::WrongPassword => ("password", "verify-password-wrong", Vec::new()),
        AccountError::SameEmail => ("email", "email-same", Vec::new()),
        AccountError::InvalidClaim { field, .. } => (*field, claims::rule_of(field)?.message, Vec::new()),
        AccountError::UnacceptablePassword(weakness) => {
            return Some(FormError { field: "password", text: weakness_message(page, *weakness) });
        }
        _ => return None,
    };
    Some(FormError { field, text: page.message_with(key, &arguments) })
}

/// What is said about a password that may not be set.
pub(super) fn weakness_message(page: &Page, weakness: Weakness) -> Option<Value> {
    match weakness {
        Weakness::TooShort { least } => {
            page.message_with("password-too-short", &[("least", Value::from(least))])
        }
        Weakness::TooLong => page.message_with("password-too-long", &[("most", Value::from(LONGEST))]),
        Weakness::ControlCharacter => page.message("password-control"),
        Weakness::ContextSpecific => page.message("password-context"),
        Weakness::Guessable => page.message("password-guessable"),
        Weakness::Compromised => page.message("password-breached"),
    }
}

impl From<AccountError> for PageError {
    fn from(cause: AccountError) -> Self {
        match cause {
            AccountError::RegistrationClosed => PageErrorKind::RegistrationClosed.into(),
            AccountError::MailUnavailable => Self::from(PageErrorKind::MailUnavailable)
                .next_link(Destination::Account.login_path(), "back-to-sign-in"),
            AccountError::InvitationRequired => Self::from(PageErrorKind::InvitationRequired)
                .next_link(Destination::Account.login_path(), "have-an-account"),
            AccountError::InvalidLink => Self::from(PageErrorKind::InvalidLink)
                .next_link("/forgot-password".to_owned(), "forgot-password"),
            // Where a login method is switched off there is no page about it.
            AccountError::Login(LoginError::MethodNotOffered) => PageErrorKind::NotFound.into(),
            AccountError::Login(cause) => cause.into(),
            AccountError::MalformedEmail
            | AccountError::SameEmail
            | AccountError::UnacceptablePassword(_)
            | AccountError::WrongPassword
            | AccountError::PasswordRequired
            | AccountError::LinkForOtherAccount
            | AccountError::EmailInUse
            | AccountError::NoAuthenticator
            | AccountError::InvalidClaim { .. } => PageErrorKind::Malformed.into(),
            AccountError::RateLimited { retry_after } => {
                Self::retry_after(PageErrorKind::RateLimited, retry_after)
            }
            AccountError::MailQuotaExhausted { retry_after } => {
                Self::retry_after(PageErrorKind::MailQuotaExhausted, retry_after)
                    .next_link(Destination::Account.login_path(), "have-an-account")
            }
            AccountError::TooManyChanges { retry_after } => {
                Self::retry_after(PageErrorKind::TooManyChanges, retry_after)
                    .next_link(Destination::Account.path().to_owned(), "error-to-account")
            }
            AccountError::HasherBusy(_) => Self::retry_after(PageErrorKind::Unavailable, RETRY_DELAY),
            AccountError::SessionEnded(cause) => cause.into(),
            AccountError::Database(cause) => cause.into(),
            AccountError::Hash(_) | AccountError::Crypto(_) => Self::internal(&cause),
        }
    }
}
