//! Answers `/account/recovery-codes`: codes that replace a lost second factor, shown once.

use minijinja::{Value, context};
use poem::Request;

use super::{
    Form, Page, PageErrorKind, PageResult,
    account::{credential_change, require_sign_in, require_sign_in_for_change},
    login::Destination,
    see_other,
};
use crate::{
    App,
    accounts::recovery_codes,
    login::{self, credential_change::CredentialChange, recovery_code, second_factor},
};

pub async fn show(app: App, request: Request) -> PageResult {
    let signed_in = require_sign_in(&app, &request, Destination::RecoveryCodes).await?;
    if !login::method_available(&app, "recovery-code") {
        return Err(PageErrorKind::NotFound.into());
    }
    if second_factor::first_device(&app, &signed_in.user).await?.is_none() {
        return Ok(see_other(Destination::Totp.path()));
    }
    let left = recovery_code::remaining(&app, &signed_in.user).await?;
    let page = Page::from_request(&app, &request, None);
    let values = context! { here => "recovery-codes", notice => (), left, codes => () };
    page.show("pages/recovery-codes.html", values)
}

/// `POST /account/recovery-codes`: makes a new set, and shows it in the answer: it cannot be shown again.
pub async fn renew(app: App, request: Request, form: Form) -> PageResult {
    let signed_in = require_sign_in_for_change(&app, &request, Destination::RecoveryCodes).await?;
    let page = Page::from_request(&app, &request, None);
    let codes =
        recovery_codes::replace_set(&app, credential_change(&signed_in, &form, page.context())).await?;
    show_codes(&page, codes, None)
}

/// The last step of a second factor: the account's first recovery codes. An account that has some goes to `done` at once.
pub(super) async fn finish_second_factor(
    app: &App,
    page: &Page,
    change: CredentialChange<'_>,
    (done, notice): (&str, &str),
) -> PageResult {
    let offered = login::method_available(app, "recovery-code");
    if !offered || recovery_code::remaining(app, change.principal.user).await? > 0 {
        return Ok(see_other(done));
    }
    // Whoever else was signed in has been signed out by the change itself.
    let codes = recovery_codes::replace_set(app, CredentialChange { ends_others: false, ..change }).await?;
    show_codes(page, codes, page.message(notice))
}

fn show_codes(page: &Page, codes: Vec<String>, notice: Option<Value>) -> PageResult {
    let values = context! { here => "recovery-codes", notice, left => codes.len(), codes };
    page.show("pages/recovery-codes.html", values)
}
