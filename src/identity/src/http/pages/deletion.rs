//! Answers `/account/delete` and `/account/restore`: the closing of the user's own account, and its
//! restoration within the grace period.
//!
//! A login to a closed account leads to the restore page, whatever the login was for. The session of that
//! login opens no other page.

use minijinja::context;
use poem::Request;

use super::{
    DonePage, Form, Page, PageError, PageErrorKind, PageResult,
    account::{require_sign_in, signed_in_user},
    login::{Destination, find_pending, find_pending_with_page, resume_path},
    see_other, time_element,
};
use crate::{
    App,
    accounts::deletion,
    authorization::PendingRequest,
    grants::EndCause,
    http::{request_context, security},
    readable,
    sessions::{self, SignedInUser},
};

pub async fn show(app: App, request: Request) -> PageResult {
    let SignedInUser { user, .. } = require_sign_in(&app, &request, Destination::Delete).await?;
    let page = Page::from_request(&app, &request, None);
    let end = page.context().now + app.config.registration.deletion_grace.duration();
    let values =
        context! { here => "data", email => user.email, deletion_at => readable::format_minute(end) };
    page.show("pages/account-delete.html", values)
}

/// `POST /account/delete`: closes the account.
pub async fn close(app: App, request: Request, _: Form) -> PageResult {
    let signed_in = require_sign_in(&app, &request, Destination::Delete).await?;
    let page = Page::from_request(&app, &request, None);
    let deletion_at = deletion::close(&app, signed_in.principal(), page.context()).await?;
    let date = [("date", time_element(deletion_at))];
    let mut response = page.show_done(DonePage {
        title: page.message("account-closed"),
        text: page.message_with("account-closed-text", &date),
        next_path: &Destination::Account.login_path(),
        next_label: page.message("sign-in"),
        ..DonePage::default()
    })?;
    security::clear_session_cookie(&app, &mut response);
    Ok(response)
}

/// `GET /account/restore`: for who has signed in to a closed account.
pub async fn show_restore(app: App, request: Request) -> PageResult {
    let SignedInUser { user, .. } = require_closed_account_sign_in(&app, &request).await?;
    let query = Form::from_query(&request)?;
    let (pending, page) = find_pending_with_page(&app, &request, query.get("request")).await?;
    let values = context! {
        email => user.email,
        deletion_at => user.deletion_at.map(readable::format_minute),
        request => pending.map(|pending| pending.handle.to_string()),
    };
    page.show("pages/account-restore.html", values)
}

/// `POST /account/restore`: keeps the account, or leaves it closed.
pub async fn restore(app: App, request: Request, form: Form) -> PageResult {
    let signed_in = require_closed_account_sign_in(&app, &request).await?;
    let context = request_context(&app, &request);
    match form.get("keep") {
        Some("yes") => {
            deletion::restore(&app, signed_in.principal(), &context).await?;
            Ok(match find_continued_request(&app, &request, &form).await {
                Some(pending) => see_other(&resume_path(&pending.handle)),
                None => see_other("/account?done=restored"),
            })
        }
        Some("no") => {
            sessions::sign_out(&app, &context, &signed_in, EndCause::SignedOut).await?;
            let mut response = see_other("/logged-out");
            security::clear_session_cookie(&app, &mut response);
            Ok(response)
        }
        _ => Err(PageErrorKind::Malformed.into()),
    }
}

/// The user who has signed in to a closed account. Everybody else is redirected.
async fn require_closed_account_sign_in(app: &App, request: &Request) -> Result<SignedInUser, PageError> {
    if signed_in_user(app, request).await?.is_some() {
        return Err(PageError::Redirect(Destination::Account.path().to_owned()));
    }
    require_sign_in(app, request, Destination::Restore).await
}

/// The request for which the sign-in was, while it waits.
async fn find_continued_request(app: &App, request: &Request, fields: &Form) -> Option<PendingRequest> {
    find_pending(app, fields.get("request")?, security::browser_secret(app, request)).await.ok()
}
