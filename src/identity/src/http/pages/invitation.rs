//! Answers `/register?invitation=TOKEN`: the registration of an invited user. Leaves the rules to
//! `accounts::invitations`.

use minijinja::context;
use poem::Request;

use super::{
    Form, Page, PageError, PageErrorKind, PageResult,
    account::signed_in_user,
    account_form::{FormError, form_error, length_hint, show_form},
    login::{Destination, set_sign_in_cookies},
    registration_and_recovery::link_browser,
    see_other,
};
use crate::{
    App,
    accounts::{
        AccountError,
        invitations::{self, InvitationAnswer},
    },
    claims::Profile,
};

/// `GET`: the mailed link. The address is that of the invitation.
pub(super) async fn show(app: &App, request: &Request, token: &str) -> PageResult {
    let email = require_invited_email(app, token).await?;
    let fields = InvitationFields { token, email: &email, name: "" };
    show_invitation(app, &Page::from_request(app, request, None), fields, None)
}

pub(super) async fn submit(app: &App, request: &Request, form: &Form, token: &str) -> PageResult {
    let page = Page::from_request(app, request, None);
    let name = form.value_or_empty("name");
    let profile = Profile::with_name(form.get("name"));
    let current = signed_in_user(app, request).await?;
    let browser = link_browser(app, request, current.as_ref());
    let answer = InvitationAnswer { token, password: form.value_or_empty("password"), profile };
    match invitations::accept(app, answer, browser, page.context()).await {
        Ok(sign_in) => {
            let mut response = see_other(Destination::Account.path());
            set_sign_in_cookies(app, &mut response, &sign_in);
            Ok(response)
        }
        Err(AccountError::InvalidLink) => Err(invalid_invitation()),
        Err(cause) => match form_error(&page, &cause) {
            Some(form_error) => {
                let email = require_invited_email(app, token).await?;
                show_invitation(app, &page, InvitationFields { token, email: &email, name }, Some(form_error))
            }
            None => Err(cause.into()),
        },
    }
}

async fn require_invited_email(app: &App, token: &str) -> Result<String, PageError> {
    invitations::find_invited_email(app, token).await?.ok_or_else(invalid_invitation)
}

/// An invitation that does not work any more may have been used: by somebody with an account.
fn invalid_invitation() -> PageError {
    PageError::from(PageErrorKind::InvalidLink)
        .next_link(Destination::Account.login_path(), "have-an-account")
}

/// The values that the form shows again after an error.
#[derive(Clone, Copy)]
struct InvitationFields<'a> {
    token: &'a str,
    email: &'a str,
    name: &'a str,
}

fn show_invitation(
    app: &App,
    page: &Page,
    fields: InvitationFields<'_>,
    form_error: Option<FormError>,
) -> PageResult {
    let InvitationFields { token, email, name } = fields;
    let hint = length_hint(page, app.config.password.min_length);
    show_form(page, "pages/invitation.html", context! { token, email, name, hint }, form_error)
}
