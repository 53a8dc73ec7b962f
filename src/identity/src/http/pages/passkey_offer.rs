//! Answers `/login/passkey`: offers a first passkey after a sign-in without one, and leads on to where the sign-in led.
//!
//! [`interstitial`](super::interstitial) decides who comes here. Leaves enrolment to `login::passkey`.

use minijinja::context;
use poem::{IntoResponse as _, Request, http::StatusCode};

use super::{
    Form, PageResult,
    account::{credential_change, require_sign_in_for_change, signed_in_user},
    interrupted_sign_in::InterruptedSignIn,
    json_response,
    login::Destination,
    passkeys,
    recovery_codes::{self, SecondFactorEnd},
    see_other,
};
use crate::{
    App,
    login::{
        method_available,
        passkey::enrolment::{self, PasskeyError},
    },
};

pub const PATH: &str = "/login/passkey";

pub async fn show(app: App, request: Request) -> PageResult {
    let onward = InterruptedSignIn::from_fields(&app, &request, &Form::from_query(&request)?).await?;
    match signed_in_user(&app, &request).await? {
        Some(signed_in)
            if method_available(&app, "passkey")
                && enrolment::list(&app, &signed_in.user).await?.is_empty() =>
        {
            render(&onward, None)
        }
        _ => Ok(see_other(&onward.path())),
    }
}

/// `POST /login/passkey`, by script: what the browser must be asked.
pub async fn begin(app: App, request: Request, form: Form) -> PageResult {
    let onward = InterruptedSignIn::from_fields(&app, &request, &form).await?;
    let signed_in = require_sign_in_for_change(&app, &request, Destination::ChangePasskeys).await?;
    match enrolment::begin(&app, signed_in.principal(), onward.page.context()).await {
        Ok(options) => Ok(json_response(&serde_json::json!({ "publicKey": options }))),
        Err(cause) => show_error(&onward, cause),
    }
}

/// `POST /login/passkey/confirm`: what the browser answered. Other sessions go on: nothing is wrong with them.
pub async fn confirm(app: App, request: Request, form: Form) -> PageResult {
    let onward = InterruptedSignIn::from_fields(&app, &request, &form).await?;
    let signed_in = require_sign_in_for_change(&app, &request, Destination::ChangePasskeys).await?;
    let answer = serde_json::from_str(form.value_or_empty("answer")).unwrap_or_default();
    let change = credential_change(&signed_in, &form, onward.page.context());
    match enrolment::complete(&app, change, &answer, "").await {
        Ok(_) => {
            let path = onward.path();
            let end = SecondFactorEnd { done: &path, notice: "passkey-added", onward: Some(&onward) };
            recovery_codes::finish_second_factor(&app, &onward.page, change, end).await
        }
        Err(cause) => show_error(&onward, cause),
    }
}

fn show_error(onward: &InterruptedSignIn, cause: PasskeyError) -> PageResult {
    match passkeys::error_message(cause)? {
        Some(key) => Ok(render(onward, Some(key))?.with_status(StatusCode::BAD_REQUEST).into_response()),
        None => Ok(see_other(&onward.path())),
    }
}

fn render(onward: &InterruptedSignIn, form_error: Option<&str>) -> PageResult {
    let error = form_error.and_then(|key| onward.page.message(key));
    onward.page.show("pages/passkey-offer.html", context! { error, ..onward.values() })
}
