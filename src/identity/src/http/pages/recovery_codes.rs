//! Answers `/account/recovery-codes`: codes that replace a lost second factor, shown once.

use minijinja::context;
use poem::Request;

use super::{
    Form, Page, PageResult,
    account::{credential_change, require_sign_in, require_sign_in_for_change},
    login::Destination,
    see_other,
};
use crate::{
    App,
    accounts::recovery_codes,
    http::request_context,
    login::{recovery_code, second_factor},
};

pub async fn show(app: App, request: Request) -> PageResult {
    let signed_in = match require_sign_in(&app, &request, Destination::RecoveryCodes).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    if second_factor::first_device(&app, &signed_in.user).await?.is_none() {
        return Ok(see_other(Destination::Totp.path()));
    }
    let left = recovery_code::remaining(&app, &signed_in.user).await?;
    let page = Page::from_request(&app, &request, None);
    page.show("pages/recovery-codes.html", context! { here => "recovery-codes", left, codes => () })
}

/// `POST /account/recovery-codes`: makes a new set, and shows it in the answer: it cannot be shown again.
pub async fn renew(app: App, mut request: Request) -> PageResult {
    let form = Form::read(&app, &mut request).await?;
    let signed_in = match require_sign_in_for_change(&app, &request, Destination::RecoveryCodes).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    let page = Page::from_request(&app, &request, None);
    let context = request_context(&app, &request);
    let codes = recovery_codes::replace_set(&app, credential_change(&signed_in, &form, &context)).await?;
    page.show("pages/recovery-codes.html", context! { here => "recovery-codes", left => codes.len(), codes })
}
