//! `/account/email` and `/confirm-email`: how people change the address of their account; `/undo-email-change`: how its
//! owner takes the change back when it was somebody else.
//!
//! ```text
//!   /account/email ──► a mail to the new address ──► /confirm-email ──► done
//!                                     not signed in: │    ▲
//!                                                    └──► /login
//! ```
//!
//! The mailed link opens a page with a button and does nothing by itself; the button is there only for who is signed in
//! to that very account. While somebody signs in for it, the link's token waits in a cookie. The link that undoes a
//! change asks for no sign-in, because a thief has ended those of the owner.

use minijinja::{Value, context};
use poem::{IntoResponse as _, Request, Response, http::StatusCode};

use super::{
    Answer, Form, Page, PageError,
    account::{enter, enter_to_change, signed_in},
    accounts::{Mistake, mistake, show as show_form},
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

pub async fn show(app: App, request: Request) -> Answer {
    let signed_in = match enter(&app, &request, Destination::Email).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    let page = Page::of(&app, &request, None);
    let sent = Form::of_query(&request)?.get("sent").is_some();
    let notice = sent.then(|| page.message("email-change-sent")).flatten();
    show_email(&page, &signed_in, notice, "", None)
}

pub async fn submit(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let signed_in = match enter_to_change(&app, &request, Destination::Email).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    let page = Page::of(&app, &request, None);
    let email = form.typed("email");
    match email_change::request(&app, signed_in.principal(), email, page.context()).await {
        Ok(()) => Ok(see_other("/account/email?sent=yes")),
        Err(cause) => match mistake(&page, &cause) {
            Some(mistake) => show_email(&page, &signed_in, None, email, Some(mistake)),
            None => Err(cause.into()),
        },
    }
}

fn show_email(
    page: &Page,
    signed_in: &SignedInUser,
    notice: Option<Value>,
    email: &str,
    mistake: Option<Mistake>,
) -> Answer {
    let current = signed_in.user.email.as_str();
    let values = context! { here => "email", current, notice, email };
    show_form(page, "pages/account-email.html", values, mistake)
}

/// `GET /confirm-email`: the mailed link, or the way back from the sign-in that it asked for.
pub async fn confirm(app: App, request: Request) -> Answer {
    let query = Form::of_query(&request)?;
    let token = query.get("token").or_else(|| security::confirming(&app, &request)).ok_or_else(over)?;
    let page = Page::of(&app, &request, None);
    match owner(&app, &request, &page, token).await? {
        Ok((_, change)) => {
            let values = context! { token, account => change.user.email, email => change.email };
            page.show("pages/confirm-email.html", values)
        }
        Err(elsewhere) => Ok(elsewhere),
    }
}

pub async fn submit_confirmation(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let page = Page::of(&app, &request, None);
    let token = form.typed("token");
    let signed_in = match owner(&app, &request, &page, token).await? {
        Ok((signed_in, _)) => signed_in,
        Err(elsewhere) => return Ok(elsewhere),
    };
    match email_change::confirm(&app, signed_in.principal(), token, page.context()).await {
        Ok(email) => {
            let values = context! {
                title => page.message("email-changed"),
                text => page.message_with("email-changed-text", &[("email", Value::from(email))]),
                advice => (),
                onward => Destination::Account.path(),
                label => page.message("error-to-account"),
            };
            let mut response = page.show("pages/done.html", values)?;
            security::clear_confirming(&app, &mut response);
            Ok(response)
        }
        Err(AccountError::InvalidLink | AccountError::LinkForOtherAccount) => Err(over()),
        Err(cause) => Err(cause.into()),
    }
}

/// The owner of the account whose address a link changes, signed in lately, with the change. Otherwise the page that says
/// what to do first: the link does nothing in the session of another account, nor without one.
async fn owner(
    app: &App,
    request: &Request,
    page: &Page,
    token: &str,
) -> Result<Result<(SignedInUser, PendingEmailChange), Response>, PageError> {
    let change = email_change::find_pending(app, token).await?.ok_or_else(over)?;
    let (account, email) = (&change.user.email, &change.email);
    if let Some(SignedInUser { user, .. }) = signed_in(app, request).await?
        && user.id != change.user.id
    {
        let values = context! { account, email, signed_in => user.email };
        return Ok(Err(page.show("pages/confirm-email-elsewhere.html", values)?));
    }
    Ok(match enter(app, request, Destination::ConfirmEmail).await? {
        Ok(signed_in) => Ok((signed_in, change)),
        Err(sign_in) => {
            let values = context! { account, email, sign_in };
            let mut response = page.show("pages/confirm-email-sign-in.html", values)?;
            security::set_confirming(app, &mut response, token);
            Err(response)
        }
    })
}

/// `GET /undo-email-change`: the link in the notice to the former mailbox.
pub async fn undo(app: App, request: Request) -> Answer {
    let query = Form::of_query(&request)?;
    let token = query.get("token").ok_or_else(undo_over)?;
    let email = email_undo::former_email(&app, token).await?.ok_or_else(undo_over)?;
    let page = Page::of(&app, &request, None);
    page.show("pages/undo-email-change.html", context! { token, email })
}

pub async fn submit_undo(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let page = Page::of(&app, &request, None);
    let undone = email_undo::undo(&app, form.typed("token"), page.context()).await;
    let (status, title, text, email) = match undone {
        Ok(email) => (StatusCode::OK, "email-undone", "email-undone-text", Some(email)),
        Err(AccountError::EmailInUse) => (StatusCode::CONFLICT, "email-in-use", "email-in-use-text", None),
        Err(AccountError::InvalidLink) => return Err(undo_over()),
        Err(cause) => return Err(cause.into()),
    };
    let values = context! {
        title => page.message(title),
        text => page.message_with(text, &[("email", Value::from(email))]),
        advice => (),
        onward => "/login?to=account",
        label => page.message("sign-in"),
    };
    let response = page.show("pages/done.html", values)?;
    Ok(response.with_status(status).into_response())
}

/// A link that undoes nothing any more: the account is found by signing in to it.
fn undo_over() -> PageError {
    PageError::from(super::Refusal::LinkOver).way_on("/login?to=account".to_owned(), "sign-in")
}

/// A link that does not work any more: another one is asked for from the account.
fn over() -> PageError {
    PageError::from(super::Refusal::LinkOver)
        .way_on(Destination::Account.path().to_owned(), "error-to-account")
}
