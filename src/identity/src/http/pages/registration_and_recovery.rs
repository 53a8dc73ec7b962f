//! Answers `/register`, `/verify-email`, `/forgot-password` and `/reset-password`, with which users get an
//! account or regain access to one, and `/account/password`, with which signed-in users change their
//! password.
//!
//! ```text
//!   /register ────────► a mail ──► /verify-email ──► signed in
//!       ▲  └─ /register/resend ─┘
//!       └─ ?invitation=TOKEN ───────────────────────► signed in
//!   /forgot-password ─► a mail ──► /reset-password ─► signed in, or done: sign in
//! ```
//!
//! The page of a mailed link has a button and changes nothing when it is loaded, because mail scanners follow
//! links. Only the browser that registered needs no button, while nobody has signed in or out there: the secret that it
//! keeps shows that no scanner is there. A user who came from a client continues to that client afterwards, if the
//! client's request is still pending in this browser: see [`Continuation`]. Leaves the rules to `accounts`.

use minijinja::{Value, context};
use poem::Request;
use postern_service::clock::Timestamp;
use secrecy::ExposeSecret as _;

use super::{
    Form, Page, PageError, PageErrorKind, PageResult,
    account::{credential_change, require_sign_in, require_sign_in_for_change, signed_in_user},
    account_form::{FormError, form_error, length_hint, show_form},
    continuation::Continuation,
    invitation,
    login::{Destination, set_sign_in_cookies, typed_identifier},
    see_other,
};
use crate::{
    App,
    accounts::{
        AccountError, password,
        recovery::{self, CompletedReset, ResetRequest},
        registration::{self, RegistrationRequest, WaitingRegistration},
    },
    claims::Profile,
    http::security::{self, BegunRegistration},
    login::link_sign_in::LinkBrowser,
    sessions::SignedInUser,
};

/// `GET /register`, also as the link of an invitation.
pub async fn show_registration(app: App, request: Request) -> PageResult {
    let query = Form::from_query(&request)?;
    if let Some(token) = query.get("invitation") {
        return invitation::show(&app, &request, token).await;
    }
    registration::require_self_registration(&app)?;
    let continuation = Continuation::from_handle(&app, &request, query.get("request")).await?;
    match query.get("sent") {
        Some(sent) => {
            let notice =
                (sent == "again").then(|| continuation.page.message("registration-resent")).flatten();
            let begun = security::begun_registration(&app, &request);
            let email = begun.map(|begun| begun.email).unwrap_or_default();
            show_registration_sent(&continuation, notice, &email, None)
        }
        None => show_registration_form(&app, &continuation, "", "", None),
    }
}

pub async fn submit_registration(app: App, request: Request, form: Form) -> PageResult {
    if let Some(token) = form.get("invitation") {
        return invitation::submit(&app, &request, &form, token).await;
    }
    let mut continuation = Continuation::from_handle(&app, &request, form.get("request")).await?;
    let row = continuation.request_row()?;
    let (email, name) = (form.value_or_empty("email"), form.value_or_empty("name"));
    let profile = Profile::with_name(form.get("name"));
    let waits_in = row.as_ref().map(|row| row.id);
    let secret = app.random.token();
    let begun = BegunRegistration { secret: secret.expose_secret(), email: email.to_owned() };
    let new = RegistrationRequest {
        email,
        password: form.value_or_empty("password"),
        profile,
        authorization_request_id: waits_in,
        browser_secret: Some(begun.secret),
    };
    match registration::register(&app, new, continuation.page.context()).await {
        Ok(()) => {
            continuation.store_request(row).await?;
            let mut response = see_other(&continuation.link_to("/register?sent=yes"));
            security::set_begun_registration(&app, &mut response, &begun);
            Ok(response)
        }
        Err(cause) => match form_error(&continuation.page, &cause) {
            Some(form_error) => show_registration_form(&app, &continuation, email, name, Some(form_error)),
            None => Err(cause.into()),
        },
    }
}

fn show_registration_form(
    app: &App,
    continuation: &Continuation,
    email: &str,
    name: &str,
    form_error: Option<FormError>,
) -> PageResult {
    let hint = length_hint(&continuation.page, app.config.password.min_length);
    show_form(
        &continuation.page,
        "pages/register.html",
        context! { email, name, hint, ..continuation.values() },
        form_error,
    )
}

pub async fn resend_registration(app: App, request: Request, form: Form) -> PageResult {
    let continuation = Continuation::from_handle(&app, &request, form.get("request")).await?;
    let email = form.value_or_empty("email");
    let begun = security::begun_registration(&app, &request);
    let secret = begun.as_ref().map(|begun| begun.secret);
    match registration::resend(&app, email, secret, continuation.page.context()).await {
        Ok(()) => Ok(see_other(&continuation.link_to("/register?sent=again"))),
        Err(cause) => match form_error(&continuation.page, &cause) {
            Some(form_error) => show_registration_sent(&continuation, None, email, Some(form_error)),
            None => Err(cause.into()),
        },
    }
}

fn show_registration_sent(
    continuation: &Continuation,
    notice: Option<Value>,
    email: &str,
    form_error: Option<FormError>,
) -> PageResult {
    let values = context! {
        text => continuation.page.message("registered-text"),
        again => "/register/resend",
        notice, email, ..continuation.values()
    };
    show_form(&continuation.page, "pages/letter-sent.html", values, form_error)
}

/// `GET /verify-email`: the mailed link. The browser that registered is signed in at once; another one is asked for the
/// password.
pub async fn show_email_verification(app: App, request: Request) -> PageResult {
    let query = Form::from_query(&request)?;
    let token = query.get("token").ok_or_else(invalid_registration_link)?;
    let page = Page::from_request(&app, &request, None);
    let signed_in = signed_in_user(&app, &request).await?.is_some();
    let waiting = match registration::find(&app, token, page.context()).await {
        // The link was opened twice, as a double click does.
        Err(AccountError::InvalidLink) if signed_in => return Ok(see_other(Destination::Account.path())),
        found => found.map_err(link_error)?,
    };
    let begun = security::begun_registration(&app, &request);
    let begun_here = begun.is_some_and(|begun| waiting.begun_with(begun.secret));
    // Who is signed in may be somebody else, and would be signed out: a press on a form says that it is meant.
    if !begun_here || signed_in || !security::opened_by_person(&request) {
        return show_verification_form(&page, token, None);
    }
    let authenticated_at = waiting.password_chosen_at().unwrap_or(page.context().now);
    complete_registration(&app, &request, (waiting, authenticated_at)).await
}

pub async fn submit_verification(app: App, request: Request, form: Form) -> PageResult {
    let page = Page::from_request(&app, &request, None);
    let (token, password) = (form.value_or_empty("token"), form.value_or_empty("password"));
    let waiting = registration::find(&app, token, page.context()).await.map_err(link_error)?;
    match waiting.check_password(&app, password, page.context()).await {
        Ok(()) => complete_registration(&app, &request, (waiting, page.context().now)).await,
        Err(cause) => match form_error(&page, &cause) {
            Some(form_error) => show_verification_form(&page, token, Some(form_error)),
            None => Err(link_error(cause)),
        },
    }
}

/// The browser that follows a mailed link, and proves by it now who is there.
pub(super) fn link_browser<'a>(
    app: &App,
    request: &'a Request,
    current: Option<&'a SignedInUser>,
) -> LinkBrowser<'a> {
    LinkBrowser {
        // Every form has been checked for it.
        browser_secret: security::browser_secret(app, request).unwrap_or_default(),
        device_secret: security::device_secret(app, request),
        current_session: current,
        client_id: None,
        authenticated_at: app.clock.now(),
    }
}

/// Makes the account and signs its owner in, who typed the password at this time: on to the app, if it waits in this browser.
async fn complete_registration(
    app: &App,
    request: &Request,
    (waiting, authenticated_at): (WaitingRegistration, Timestamp),
) -> PageResult {
    // Whatever may fail comes first: once the account exists, the link is used up.
    let way = Continuation::from_request_id(app, request, waiting.authorization_request_id()).await?;
    let current = signed_in_user(app, request).await?;
    let mut response = way.go_on("email-verified", "email-verified-text")?;
    let browser = LinkBrowser {
        client_id: way.client_id(),
        authenticated_at,
        ..link_browser(app, request, current.as_ref())
    };
    let sign_in = waiting.complete(app, browser, way.page.context()).await.map_err(link_error)?;
    set_sign_in_cookies(app, &mut response, &sign_in);
    Ok(response)
}

/// What becomes of a link of a registration that does not complete.
fn link_error(cause: AccountError) -> PageError {
    match cause {
        AccountError::InvalidLink => invalid_registration_link(),
        cause => cause.into(),
    }
}

fn show_verification_form(page: &Page, token: &str, form_error: Option<FormError>) -> PageResult {
    show_form(page, "pages/verify-email.html", context! { token }, form_error)
}

/// A link of a registration that does not work any more was used, as a rule. The sign-in leads to the registration too.
fn invalid_registration_link() -> PageError {
    PageError::from(PageErrorKind::InvalidLink)
        .next_link(Destination::Account.login_path(), "have-an-account")
}

pub async fn forgot_password(app: App, request: Request) -> PageResult {
    recovery::require_reset(&app)?;
    let query = Form::from_query(&request)?;
    let continuation = Continuation::from_handle(&app, &request, query.get("request")).await?;
    if query.get("sent").is_some() {
        let text = continuation.page.message("reset-sent-text");
        let values = context! { text, again => (), notice => (), ..continuation.values() };
        return show_form(&continuation.page, "pages/letter-sent.html", values, None);
    }
    let typed = typed_identifier(&app, &request, &query).await;
    show_forgot_password(&continuation, typed.as_deref().unwrap_or_default(), None)
}

pub async fn submit_forgot_password(app: App, request: Request, form: Form) -> PageResult {
    let mut continuation = Continuation::from_handle(&app, &request, form.get("request")).await?;
    let row = continuation.request_row()?;
    let waits_in = row.as_ref().map(|row| row.id);
    let email = form.value_or_empty("email");
    let forgot = ResetRequest {
        email,
        authorization_request_id: waits_in,
        browser_secret: security::browser_secret(&app, &request),
        device_secret: security::device_secret(&app, &request),
    };
    match recovery::request_reset(&app, forgot, continuation.page.context()).await {
        Ok(()) => {
            continuation.store_request(row).await?;
            Ok(see_other(&continuation.link_to("/forgot-password?sent=yes")))
        }
        Err(cause) => match form_error(&continuation.page, &cause) {
            Some(form_error) => show_forgot_password(&continuation, email, Some(form_error)),
            None => Err(cause.into()),
        },
    }
}

fn show_forgot_password(
    continuation: &Continuation,
    email: &str,
    form_error: Option<FormError>,
) -> PageResult {
    show_form(
        &continuation.page,
        "pages/forgot-password.html",
        context! { email, ..continuation.values() },
        form_error,
    )
}

/// `GET /reset-password`: the mailed link.
pub async fn reset_password(app: App, request: Request) -> PageResult {
    let query = Form::from_query(&request)?;
    let token = query.get("token").ok_or(AccountError::InvalidLink)?;
    if !recovery::reset_link_usable(&app, token).await? {
        return Err(AccountError::InvalidLink.into());
    }
    show_reset_password(&app, &Page::from_request(&app, &request, None), token, None)
}

pub async fn submit_reset_password(app: App, request: Request, form: Form) -> PageResult {
    let page = Page::from_request(&app, &request, None);
    let (token, password) = (form.value_or_empty("token"), form.value_or_empty("password"));
    let current = signed_in_user(&app, &request).await?;
    let browser = link_browser(&app, &request, current.as_ref());
    match recovery::reset(&app, (token, password), Some(browser), page.context()).await {
        Ok(CompletedReset { authorization_request_id, sign_in }) => {
            let continuation =
                Continuation::from_request_id(&app, &request, authorization_request_id).await?;
            let Some(sign_in) = sign_in else {
                return continuation.show_completed("password-changed", "password-changed-text");
            };
            let mut response = continuation.go_on("password-changed", "password-changed-text")?;
            set_sign_in_cookies(&app, &mut response, &sign_in);
            Ok(response)
        }
        Err(cause) => match form_error(&page, &cause) {
            Some(form_error) => show_reset_password(&app, &page, token, Some(form_error)),
            None => Err(cause.into()),
        },
    }
}

fn show_reset_password(app: &App, page: &Page, token: &str, form_error: Option<FormError>) -> PageResult {
    let hint = length_hint(page, app.config.password.min_length);
    show_form(page, "pages/reset-password.html", context! { token, hint }, form_error)
}

pub async fn password(app: App, request: Request) -> PageResult {
    require_sign_in(&app, &request, Destination::Password).await?;
    crate::login::require_method(&app, "password").map_err(AccountError::Login)?;
    show_password(&app, &Page::from_request(&app, &request, None), None)
}

pub async fn submit_password(app: App, request: Request, form: Form) -> PageResult {
    let signed_in = require_sign_in_for_change(&app, &request, Destination::Password).await?;
    let page = Page::from_request(&app, &request, None);
    let change = credential_change(&signed_in, &form, page.context());
    match password::change(&app, change, form.value_or_empty("password")).await {
        Ok(()) => Ok(see_other("/account?done=password")),
        Err(cause) => match form_error(&page, &cause) {
            Some(form_error) => show_password(&app, &page, Some(form_error)),
            None => Err(cause.into()),
        },
    }
}

fn show_password(app: &App, page: &Page, form_error: Option<FormError>) -> PageResult {
    let hint = length_hint(page, app.config.password.min_length);
    show_form(page, "pages/account-password.html", context! { here => "password", hint }, form_error)
}
