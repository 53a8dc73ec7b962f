//! Answers `/account/delete` and `/account/restore`: the closing of the user's own account, and its
//! restoration within the grace period.
//!
//! A login to a closed account leads to the restore page, whatever the login was for. The session of that
//! login opens no other page.

use minijinja::context;
use poem::{Request, Response};

use super::{
    Form, Page, PageError, PageErrorKind, PageResult,
    account::{require_sign_in, signed_in_user},
    login::{Destination, find_pending, page_for_request, resume_path},
    see_other,
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
    match require_sign_in(&app, &request, Destination::Delete).await? {
        Ok(SignedInUser { user, .. }) => {
            let end = app.clock.now() + app.config.registration.deletion_grace.duration();
            let values =
                context! { here => "data", email => user.email, deletion_at => readable::format_minute(end) };
            Page::from_request(&app, &request, None).show("pages/account-delete.html", values)
        }
        Err(sign_in) => Ok(see_other(&sign_in)),
    }
}

/// `POST /account/delete`: closes the account.
pub async fn close(app: App, mut request: Request) -> PageResult {
    Form::read(&app, &mut request).await?;
    let signed_in = match require_sign_in(&app, &request, Destination::Delete).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    let page = Page::from_request(&app, &request, None);
    let deletion_at = deletion::close(&app, signed_in.principal(), &request_context(&app, &request)).await?;
    let date = [("date", readable::format_minute(deletion_at).into())];
    let values = context! {
        title => page.message("account-closed"),
        text => page.message_with("account-closed-text", &date),
        advice => (),
        onward => "/login?to=account",
        label => page.message("sign-in"),
    };
    let mut response = page.show("pages/done.html", values)?;
    security::clear_session_cookie(&app, &mut response);
    Ok(response)
}

/// `GET /account/restore`: for who has signed in to a closed account.
pub async fn show_restore(app: App, request: Request) -> PageResult {
    let SignedInUser { user, .. } = match require_closed_account_sign_in(&app, &request).await? {
        Ok(closed) => closed,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let pending = find_continued_request(&app, &request, &Form::from_query(&request)?).await;
    let page = match &pending {
        Some(pending) => page_for_request(&app, &request, pending),
        None => Page::from_request(&app, &request, None),
    };
    let values = context! {
        email => user.email,
        deletion_at => user.deletion_at.map(readable::format_minute),
        request => pending.map(|pending| pending.handle.to_string()),
    };
    page.show("pages/account-restore.html", values)
}

/// `POST /account/restore`: keeps the account, or leaves it closed.
pub async fn restore(app: App, mut request: Request) -> PageResult {
    let form = Form::read(&app, &mut request).await?;
    let signed_in = match require_closed_account_sign_in(&app, &request).await? {
        Ok(closed) => closed,
        Err(elsewhere) => return Ok(elsewhere),
    };
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

/// Who has signed in to a closed account, or where to go instead.
async fn require_closed_account_sign_in(
    app: &App,
    request: &Request,
) -> Result<Result<SignedInUser, Response>, PageError> {
    if signed_in_user(app, request).await?.is_some() {
        return Ok(Err(see_other(Destination::Account.path())));
    }
    Ok(require_sign_in(app, request, Destination::Restore).await?.map_err(|sign_in| see_other(&sign_in)))
}

/// The request for which the sign-in was, while it waits.
async fn find_continued_request(app: &App, request: &Request, fields: &Form) -> Option<PendingRequest> {
    find_pending(app, fields.get("request")?, security::browser_secret(app, request)).await.ok()
}
