//! `/account/delete` and `/account/restore`: the end of one's own account, and the way back from there.
//!
//! Who signs in to a closed account is led to the second page, whatever the sign-in was for, and has a session that opens
//! no other one.

use minijinja::context;
use poem::{Request, Response};
use postern_service::clock::Timestamp;

use super::{
    Answer, Form, Page, PageError, Refusal,
    account::{enter, signed_in},
    login::{Destination, find_pending, onward, page_of},
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

pub async fn show(app: App, request: Request) -> Answer {
    match enter(&app, &request, Destination::Delete).await? {
        Ok(SignedInUser { user, .. }) => {
            let end = app.clock.now() + app.config.registration.deletion_grace.duration();
            let values =
                context! { here => "data", email => user.email, deletion_at => readable::format_minute(end) };
            Page::of(&app, &request, None).show("pages/account-delete.html", values)
        }
        Err(sign_in) => Ok(see_other(&sign_in)),
    }
}

/// `POST /account/delete`: closes the account.
pub async fn close(app: App, mut request: Request) -> Answer {
    Form::read(&app, &mut request).await?;
    let signed_in = match enter(&app, &request, Destination::Delete).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    let page = Page::of(&app, &request, None);
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
    security::clear_session(&app, &mut response);
    Ok(response)
}

/// `GET /account/restore`: for who has signed in to a closed account.
pub async fn show_closed(app: App, request: Request) -> Answer {
    let SignedInUser { user, .. } = match enter_closed(&app, &request).await? {
        Ok(closed) => closed,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let pending = pending(&app, &request, &Form::of_query(&request)?).await;
    let page = match &pending {
        Some(pending) => page_of(&app, &request, pending),
        None => Page::of(&app, &request, None),
    };
    let values = context! {
        email => user.email,
        deletion_at => user.deletion_at.map(|end| readable::format_minute(Timestamp::from_micros(end))),
        request => pending.map(|pending| pending.handle.to_string()),
    };
    page.show("pages/account-restore.html", values)
}

/// `POST /account/restore`: keeps the account, or leaves it closed.
pub async fn restore(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let signed_in = match enter_closed(&app, &request).await? {
        Ok(closed) => closed,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let context = request_context(&app, &request);
    match form.get("keep") {
        Some("yes") => {
            deletion::restore(&app, signed_in.principal(), &context).await?;
            Ok(match pending(&app, &request, &form).await {
                Some(pending) => see_other(&onward(&pending.handle)),
                None => see_other("/account?done=restored"),
            })
        }
        Some("no") => {
            sessions::sign_out(&app, &context, &signed_in, EndCause::SignedOut).await?;
            let mut response = see_other("/logged-out");
            security::clear_session(&app, &mut response);
            Ok(response)
        }
        _ => Err(Refusal::Malformed.into()),
    }
}

/// Who has signed in to a closed account, or where to go instead.
async fn enter_closed(app: &App, request: &Request) -> Result<Result<SignedInUser, Response>, PageError> {
    if signed_in(app, request).await?.is_some() {
        return Ok(Err(see_other(Destination::Account.path())));
    }
    Ok(enter(app, request, Destination::Restore).await?.map_err(|sign_in| see_other(&sign_in)))
}

/// The request for which the sign-in was, while it waits.
async fn pending(app: &App, request: &Request, fields: &Form) -> Option<PendingRequest> {
    find_pending(app, fields.get("request")?, security::browser_secret(app, request)).await.ok()
}
