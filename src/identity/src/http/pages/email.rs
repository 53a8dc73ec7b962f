//! `/account/email` and `/confirm-email`: how people change the address of their account.
//!
//! ```text
//!   /account/email ──► a mail to the new address ──► /confirm-email ──► done
//! ```
//!
//! The mailed link opens a page with a button and does nothing by itself.

use minijinja::{Value, context};
use poem::Request;

use super::{
    Answer, Form, Page,
    account::{enter, enter_to_change},
    accounts::{Mistake, mistake, show as show_form},
    login::Destination,
    see_other,
};
use crate::{
    App,
    accounts::{AccountError, address},
    http::client_ip::origin,
    sessions::SignedIn,
};

/// `GET /account/email`.
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

/// `POST /account/email`.
pub async fn submit(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let signed_in = match enter_to_change(&app, &request, Destination::Email).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    let page = Page::of(&app, &request, None);
    let email = form.typed("email");
    match address::ask(&app, signed_in.principal(), email, page.language(), &origin(&request)).await {
        Ok(()) => Ok(see_other("/account/email?sent=yes")),
        Err(cause) => match mistake(&page, &cause) {
            Some(mistake) => show_email(&page, &signed_in, None, email, Some(mistake)),
            None => Err(cause.into()),
        },
    }
}

fn show_email(
    page: &Page,
    signed_in: &SignedIn,
    notice: Option<Value>,
    email: &str,
    mistake: Option<Mistake>,
) -> Answer {
    let current = signed_in.user.email.as_str();
    let values = context! { here => "email", current, notice, email };
    show_form(page, "pages/account-email.html", values, mistake)
}

/// `GET /confirm-email`: the mailed link.
pub async fn confirm(app: App, request: Request) -> Answer {
    let query = Form::of_query(&request)?;
    let token = query.get("token").ok_or(AccountError::LinkOver)?;
    let email = address::awaited(&app, token).await?.ok_or_else(over)?;
    let page = Page::of(&app, &request, None);
    page.show("pages/confirm-email.html", context! { token, email })
}

/// `POST /confirm-email`.
pub async fn submit_confirmation(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let page = Page::of(&app, &request, None);
    match address::confirm(&app, form.typed("token"), page.language(), &origin(&request)).await {
        Ok(email) => {
            let values = context! {
                title => page.message("email-changed"),
                text => page.message_with("email-changed-text", &[("email", Value::from(email))]),
                advice => (),
                onward => Destination::Account.path(),
                label => page.message("error-to-account"),
            };
            page.show("pages/done.html", values)
        }
        Err(AccountError::LinkOver) => Err(over()),
        Err(cause) => Err(cause.into()),
    }
}

/// A link that does not work any more: another one is asked for from the account.
fn over() -> super::PageError {
    super::PageError::from(super::Refusal::LinkOver)
        .way_on(Destination::Account.path().to_owned(), "error-to-account")
}
