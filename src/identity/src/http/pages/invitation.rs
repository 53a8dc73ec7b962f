//! `/register?invitation=TOKEN`: how somebody who was invited makes the account.

use minijinja::context;
use poem::Request;

use super::{
    Answer, Form, Page, PageError, Refusal,
    accounts::{Mistake, length_hint, mistake, show as show_form},
    way::Way,
};
use crate::{
    App,
    accounts::{AccountError, invitations},
    http::request_context,
    users::Profile,
};

/// `GET`: the mailed link. The address is that of the invitation.
pub(super) async fn show(app: &App, request: &Request, token: &str) -> Answer {
    let email = invited(app, token).await?;
    let fields = InvitationFields { token, email: &email, name: "" };
    show_invitation(app, &Page::of(app, request, None), fields, None)
}

pub(super) async fn submit(app: &App, request: &Request, form: &Form, token: &str) -> Answer {
    let page = Page::of(app, request, None);
    let name = form.typed("name");
    let profile = Profile { name: form.get("name").map(str::to_owned), ..Profile::default() };
    let context = request_context(app, request);
    match invitations::accept(app, token, form.typed("password"), profile, &context).await {
        Ok(_) => Way::on(app, request, None).await?.done("email-verified", "invited-text"),
        Err(AccountError::InvalidLink) => Err(over()),
        Err(cause) => match mistake(&page, &cause) {
            Some(mistake) => {
                let email = invited(app, token).await?;
                show_invitation(app, &page, InvitationFields { token, email: &email, name }, Some(mistake))
            }
            None => Err(cause.into()),
        },
    }
}

async fn invited(app: &App, token: &str) -> Result<String, PageError> {
    invitations::find_invited_email(app, token).await?.ok_or_else(over)
}

/// An invitation that does not work any more may have been used: by somebody with an account.
fn over() -> PageError {
    PageError::from(Refusal::LinkOver).way_on("/login?to=account".to_owned(), "have-an-account")
}

/// What the form shows again after a mistake.
#[derive(Clone, Copy)]
struct InvitationFields<'a> {
    token: &'a str,
    email: &'a str,
    name: &'a str,
}

fn show_invitation(app: &App, page: &Page, fields: InvitationFields<'_>, mistake: Option<Mistake>) -> Answer {
    let InvitationFields { token, email, name } = fields;
    let hint = length_hint(page, app.config.password.min_length);
    show_form(page, "pages/invitation.html", context! { token, email, name, hint }, mistake)
}
