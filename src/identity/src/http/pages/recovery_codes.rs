//! `/account/recovery-codes`: codes for the day when the device is lost, shown once.

use minijinja::context;
use poem::Request;

use super::{
    Answer, Form, Page,
    account::{credential_change, enter, enter_to_change},
    login::Destination,
    see_other,
};
use crate::{
    App,
    accounts::recovery_codes,
    http::request_context,
    login::{recovery_code, second_factor},
};

pub async fn show(app: App, request: Request) -> Answer {
    let signed_in = match enter(&app, &request, Destination::RecoveryCodes).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    if second_factor::first_device(&app, &signed_in.user).await?.is_none() {
        return Ok(see_other(Destination::Totp.path()));
    }
    let left = recovery_code::remaining(&app, &signed_in.user).await?;
    let page = Page::of(&app, &request, None);
    page.show("pages/recovery-codes.html", context! { here => "recovery-codes", left, codes => () })
}

/// `POST /account/recovery-codes`: makes a new set, and shows it in the answer: it cannot be shown again.
pub async fn renew(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let signed_in = match enter_to_change(&app, &request, Destination::RecoveryCodes).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    let page = Page::of(&app, &request, None);
    let context = request_context(&app, &request);
    let codes = recovery_codes::replace_set(&app, credential_change(&signed_in, &form, &context)).await?;
    page.show("pages/recovery-codes.html", context! { here => "recovery-codes", left => codes.len(), codes })
}
