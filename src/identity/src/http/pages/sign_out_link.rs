//! Answers `/sign-out-everywhere`, the link in notices to the owner of an account. Leaves the rules to
//! `accounts::sign_out_link`.
//!
//! The page has a button and changes nothing when it is loaded, because mail scanners follow links.

use minijinja::context;
use poem::Request;

use super::{DonePage, Form, Page, PageError, PageErrorKind, PageResult, login::Destination};
use crate::{
    App,
    accounts::{AccountError, recovery, sign_out_link},
};

pub async fn show(app: App, request: Request) -> PageResult {
    let query = Form::from_query(&request)?;
    let token = query.get("token").ok_or_else(invalid_link)?;
    let email = sign_out_link::find_recipient(&app, token).await?.ok_or_else(invalid_link)?;
    Page::from_request(&app, &request, None).show("pages/sign-out-everywhere.html", context! { token, email })
}

pub async fn submit(app: App, request: Request, form: Form) -> PageResult {
    let page = Page::from_request(&app, &request, None);
    match sign_out_link::sign_out_everywhere(&app, form.value_or_empty("token"), page.context()).await {
        Ok(()) => {}
        Err(AccountError::InvalidLink) => return Err(invalid_link()),
        Err(cause) => return Err(cause.into()),
    }
    let sign_in = Destination::Account.login_path();
    let (text, next_path, next_label) = if recovery::require_reset(&app).is_ok() {
        ("signed-out-everywhere-password", "/forgot-password", "set-password")
    } else {
        ("signed-out-everywhere-text", &*sign_in, "sign-in")
    };
    page.show_done(DonePage {
        title: page.message("signed-out-everywhere"),
        text: page.message(text),
        next_path,
        next_label: page.message(next_label),
        ..DonePage::default()
    })
}

/// A link that was used or has ended: the devices are listed in the account.
fn invalid_link() -> PageError {
    PageError::from(PageErrorKind::InvalidLink).next_link(Destination::Sessions.login_path(), "sign-in")
}
