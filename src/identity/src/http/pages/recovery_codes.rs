//! Answers `/account/recovery-codes`: codes that replace a lost second factor, shown once.

use minijinja::context;
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
    login::{self, recovery_code, second_factor},
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
    page.show("pages/recovery-codes.html", context! { here => "recovery-codes", left, codes => () })
}

/// `POST /account/recovery-codes`: makes a new set, and shows it in the answer: it cannot be shown again.
pub async fn renew(app: App, request: Request, form: Form) -> PageResult {
    let signed_in = require_sign_in_for_change(&app, &request, Destination::RecoveryCodes).await?;
    let page = Page::from_request(&app, &request, None);
    let codes =
        recovery_codes::replace_set(&app, credential_change(&signed_in, &form, page.context())).await?;
    page.show("pages/recovery-codes.html", context! { here => "recovery-codes", left => codes.len(), codes })
}
