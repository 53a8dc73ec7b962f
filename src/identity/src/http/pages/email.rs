//! Answers `/account/email` and `/confirm-email`, with which users change the email of their account, and
//! `/undo-email-change`, with which the owner reverts a change that somebody else made.
//!
//! ```text
//!   /account/email ──► a mail to the new email ──► /confirm-email ──► done
//!                                   not signed in: │    ▲
//!                                                  └──► /login
//! ```
//!
//! The page of the mailed link has a button and changes nothing when it is loaded. The button is shown only
//! to a user who is signed in to the account whose email changes. During the sign-in a cookie keeps the
//! link's token. The undo link requires no sign-in, because a thief who changed the email has ended the
//! owner's sessions. Leaves the rules to `accounts::email_change` and `accounts::email_undo`.

use minijinja::{Value, context};
use poem::{IntoResponse as _, Request, Response, http::StatusCode};

use super::{
    DonePage, Form, Page, PageError, PageErrorKind, PageResult,
    account::{require_sign_in, require_sign_in_for_change, signed_in_user},
    account_form::{FormError, form_error, show_form},
    login::Destination,
    see_other,
};
use crate::{
    App,
    accounts::{
        AccountError,
        email_change::{self, PendingEmailChange},
        email_undo,
    },
    http::security,
    sessions::SignedInUser,
};

pub async fn show(app: App, request: Request) -> PageResult {
    let signed_in = require_sign_in(&app, &request, Destination::Email).await?;
    let page = Page::from_request(&app, &request, None);
    let sent = Form::from_query(&request)?.get("sent").is_some();
    let notice = sent.then(|| page.message("email-change-sent")).flatten();
    show_email(&page, &signed_in, notice, "", None)
}

pub async fn submit(app: App, request: Request, form: Form) -> PageResult {
    let signed_in = require_sign_in_for_change(&app, &request, Destination::Email).await?;
    let page = Page::from_request(&app, &request, None);
    let email = form.value_or_empty("email");
    match email_change::request(&app, signed_in.principal(), email, page.context()).await {
        Ok(()) => Ok(see_other("/account/email?sent=yes")),
        Err(cause) => match form_error(&page, &cause) {
            Some(form_error) => show_email(&page, &signed_in, None, email, Some(form_error)),
            None => Err(cause.into()),
        },
    }
}

fn show_email(
    page: &Page,
    signed_in: &SignedInUser,
    notice: Option<Value>,
    email: &str,
    form_error: Option<FormError>,
) -> PageResult {
    let current = signed_in.user.email.as_str();
    let values = context! { here => "email", current, notice, email };
    show_form(page, "pages/account-email.html", values, form_error)
}

/// `GET /confirm-email`: the mailed link, or the way back from the sign-in that it asked for.
pub async fn confirm(app: App, request: Request) -> PageResult {
    let query = Form::from_query(&request)?;
    let token = query
        .get("token")
        .or_else(|| security::pending_confirmation_token(&app, &request))
        .ok_or_else(invalid_confirmation_link)?;
    let page = Page::from_request(&app, &request, None);
    let change = match require_owner(&app, &request, &page, token).await? {
        Owner::SignedIn(owner) => owner.1,
        Owner::Elsewhere(response) => return Ok(response),
    };
    page.show(
        "pages/confirm-email.html",
        context! { token, account => change.user.email, email => change.email },
    )
}

pub async fn submit_confirmation(app: App, request: Request, form: Form) -> PageResult {
    let page = Page::from_request(&app, &request, None);
    let token = form.value_or_empty("token");
    let signed_in = match require_owner(&app, &request, &page, token).await? {
        Owner::SignedIn(owner) => owner.0,
        Owner::Elsewhere(response) => return Ok(response),
    };
    match email_change::confirm(&app, signed_in.principal(), token, page.context()).await {
        Ok(email) => {
            let mut response = page.show_done(DonePage {
                title: page.message("email-changed"),
                text: page.message_with("email-changed-text", &[("email", Value::from(email))]),
                next_path: Destination::Account.path(),
                next_label: page.message("error-to-account"),
                ..DonePage::default()
            })?;
            security::clear_pending_confirmation(&app, &mut response);
            Ok(response)
        }
        Err(AccountError::InvalidLink | AccountError::LinkForOtherAccount) => {
            Err(invalid_confirmation_link())
        }
        Err(cause) => Err(cause.into()),
    }
}

/// Whether the owner of the account whose email a link changes is signed in.
enum Owner {
    /// The owner signed in recently.
    SignedIn(Box<(SignedInUser, PendingEmailChange)>),
    /// The page that says what to do first.
    Elsewhere(Response),
}

/// Finds the owner of the account whose email a link changes. The link does nothing in the session of another
/// account, nor without a session.
async fn require_owner(app: &App, request: &Request, page: &Page, token: &str) -> Result<Owner, PageError> {
    let change = email_change::find_pending(app, token).await?.ok_or_else(invalid_confirmation_link)?;
    let (account, email) = (&change.user.email, &change.email);
    if let Some(SignedInUser { user, .. }) = signed_in_user(app, request).await?
        && user.id != change.user.id
    {
        let values = context! { account, email, signed_in => user.email };
        return Ok(Owner::Elsewhere(page.show("pages/confirm-email-elsewhere.html", values)?));
    }
    match require_sign_in(app, request, Destination::ConfirmEmail).await {
        Ok(signed_in) => Ok(Owner::SignedIn(Box::new((signed_in, change)))),
        Err(PageError::Redirect(sign_in)) => {
            let values = context! { account, email, sign_in };
            let mut response = page.show("pages/confirm-email-sign-in.html", values)?;
            security::set_pending_confirmation(app, &mut response, token);
            Ok(Owner::Elsewhere(response))
        }
        Err(error) => Err(error),
    }
}

/// `GET /undo-email-change`: the link in the notice to the former mailbox.
pub async fn undo(app: App, request: Request) -> PageResult {
    let query = Form::from_query(&request)?;
    let token = query.get("token").ok_or_else(invalid_undo_link)?;
    let email = email_undo::former_email(&app, token).await?.ok_or_else(invalid_undo_link)?;
    let page = Page::from_request(&app, &request, None);
    page.show("pages/undo-email-change.html", context! { token, email })
}

pub async fn submit_undo(app: App, request: Request, form: Form) -> PageResult {
    let page = Page::from_request(&app, &request, None);
    let undone = email_undo::undo(&app, form.value_or_empty("token"), page.context()).await;
    let (status, title, text, email) = match undone {
        Ok(email) => (StatusCode::OK, "email-undone", "email-undone-text", Some(email)),
        Err(AccountError::EmailInUse) => (StatusCode::CONFLICT, "email-in-use", "email-in-use-text", None),
        Err(AccountError::InvalidLink) => return Err(invalid_undo_link()),
        Err(cause) => return Err(cause.into()),
    };
    let response = page.show_done(DonePage {
        title: page.message(title),
        text: page.message_with(text, &[("email", Value::from(email))]),
        next_path: &Destination::Account.login_path(),
        next_label: page.message("sign-in"),
        ..DonePage::default()
    })?;
    Ok(response.with_status(status).into_response())
}

/// A link that undoes nothing any more: the account is found by signing in to it.
fn invalid_undo_link() -> PageError {
    PageError::from(PageErrorKind::InvalidLink).next_link(Destination::Account.login_path(), "sign-in")
}

/// A link that does not work any more: another one is asked for from the account.
fn invalid_confirmation_link() -> PageError {
    PageError::from(PageErrorKind::InvalidLink)
        .next_link(Destination::Account.path().to_owned(), "error-to-account")
}
