//! Answers `/account/totp`: enrolment and removal of the user's own authenticator app.
//!
//! Requires a recent authentication, by the second factor if the account has one (ASVS 6.2.3): see
//! [`Destination::requirement`]. A reload shows a pending enrolment again, to the owner of the account only,
//! until a first code confirms the enrolment. Leaves the rules to `login::totp`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use minijinja::{Value, context};
use poem::{IntoResponse as _, Request, http::StatusCode};

use super::{
    Form, Page, PageError, PageErrorKind, PageResult,
    account::{credential_change, require_sign_in, require_sign_in_for_change},
    login::Destination,
    recovery_codes::{self, SecondFactorEnd},
    see_other,
};
use crate::{
    App,
    login::{
        self,
        totp::{self, Enrolment, TotpError},
    },
    users::User,
};

pub async fn show(app: App, request: Request) -> PageResult {
    let signed_in = require_sign_in(&app, &request, Destination::Totp).await?;
    let page = Page::from_request(&app, &request, None);
    render(&app, &page, &signed_in.user, None).await
}

/// `POST /account/totp`: begins, or begins anew.
pub async fn begin(app: App, request: Request, _: Form) -> PageResult {
    let signed_in = require_sign_in_for_change(&app, &request, Destination::Totp).await?;
    let page = Page::from_request(&app, &request, None);
    match totp::begin_enrolment(&app, signed_in.principal(), page.context()).await {
        Ok(_) | Err(TotpError::AlreadyEnrolled) => Ok(see_other(Destination::Totp.path())),
        Err(cause) => Err(cause.into()),
    }
}

/// `POST /account/totp/confirm`: the first code.
pub async fn confirm(app: App, request: Request, form: Form) -> PageResult {
    let signed_in = require_sign_in_for_change(&app, &request, Destination::Totp).await?;
    let page = Page::from_request(&app, &request, None);
    let typed = form.value_or_empty("code");
    if typed.trim().is_empty() {
        return render(&app, &page, &signed_in.user, Some(("code-needed", typed))).await;
    }
    let change = credential_change(&signed_in, &form, page.context());
    match totp::confirm(&app, change, typed).await {
        Ok(()) => {
            let end =
                SecondFactorEnd { done: "/account?done=totp-on", notice: "totp-turned-on", onward: None };
            recovery_codes::finish_second_factor(&app, &page, change, end).await
        }
        Err(TotpError::WrongCode) => render(&app, &page, &signed_in.user, Some(("totp-wrong", typed))).await,
        // Another tab has confirmed or restarted the enrolment, so the page shows the current state.
        Err(TotpError::NotBegun | TotpError::AlreadyEnrolled) => Ok(see_other(Destination::Totp.path())),
        Err(cause) => Err(cause.into()),
    }
}

pub async fn remove(app: App, request: Request, form: Form) -> PageResult {
    let signed_in = require_sign_in(&app, &request, Destination::Totp).await?;
    let page = Page::from_request(&app, &request, None);
    totp::remove(&app, credential_change(&signed_in, &form, page.context())).await?;
    Ok(see_other("/account?done=totp-off"))
}

/// The page as things stand; `form_error` is what to say about the code that was typed.
async fn render(app: &App, page: &Page, user: &User, form_error: Option<(&str, &str)>) -> PageResult {
    let enrolled = totp::status(app, user).await?.is_some();
    if !enrolled && !login::method_available(app, "totp") {
        return Err(PageErrorKind::NotFound.into());
    }
    let enrolment = if enrolled { None } else { totp::pending_enrolment(app, user).await? };
    let values = context! {
        here => "totp",
        enrolled,
        enrolment => enrolment.as_ref().map(enrolment_values),
        error => form_error.and_then(|(key, _)| page.message(key)),
        typed => form_error.map_or("", |(_, typed)| typed),
    };
    let response = page.show("pages/totp.html", values)?;
    Ok(match form_error {
        Some(_) => response.with_status(StatusCode::BAD_REQUEST).into_response(),
        None => response,
    })
}

/// The key in groups of four, for typing, and as a picture.
fn enrolment_values(enrolment: &Enrolment) -> Value {
    let letters: Vec<char> = enrolment.secret.chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    context! {
        key => groups.join(" "),
        qr => format!("data:image/png;base64,{}", STANDARD.encode(&enrolment.qr_png)),
    }
}

impl From<TotpError> for PageError {
    fn from(cause: TotpError) -> Self {
        match cause {
            TotpError::Limited { retry_after } => Self::retry_after(PageErrorKind::RateLimited, retry_after)
                .next_link("/account/totp".to_owned(), "error-try-again"),
            TotpError::SessionEnded(cause) => cause.into(),
            TotpError::Database(cause) => cause.into(),
            TotpError::Login(cause) => cause.into(),
            TotpError::AlreadyEnrolled | TotpError::NotBegun | TotpError::WrongCode => {
                PageErrorKind::Malformed.into()
            }
        }
    }
}
