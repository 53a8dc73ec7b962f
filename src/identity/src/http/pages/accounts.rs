//! `/register`, `/verify-email`, `/forgot-password`, `/reset-password`: how people come by an account and back into it;
//! and `/account/password`, where they set its password while they are signed in.
//!
//! ```text
//!   /register ────────► a mail ──► /verify-email ──► done: sign in
//!       ▲  └─ /register/resend ─┘
//!       └─ ?invitation=TOKEN ───────────────────────► done: sign in
//!   /forgot-password ─► a mail ──► /reset-password ─► done: sign in
//! ```
//!
//! A mailed link opens a page with a button and does nothing by itself: programs that look through mail follow links.
//! Who was on the way to an app goes on to it afterwards, where its request still waits in this browser: see [`Way`].

use std::time::Duration;

use minijinja::{Value, context};
use poem::{IntoResponse as _, Request, Response, http::StatusCode};

use super::{
    Answer, Form, Page, PageError, Refusal,
    account::{credential_change, enter, enter_to_change},
    invitation,
    login::Destination,
    see_other,
    way::Way,
};
use crate::{
    App,
    accounts::{
        AccountError, password,
        recovery::{self, ResetRequest},
        registration::{self, RegistrationRequest},
    },
    http::{request_context, security},
    passwords::{Weakness, rules::LONGEST},
    users::Profile,
};

/// After so long there may be room again.
const SOON: Duration = Duration::from_secs(1);

/// What was wrong, beside which field.
pub(super) struct Mistake {
    pub(super) field: &'static str,
    pub(super) text: Option<Value>,
}

/// `GET /register`, also as the link of an invitation.
pub async fn register(app: App, request: Request) -> Answer {
    let query = Form::of_query(&request)?;
    if let Some(token) = query.get("invitation") {
        return invitation::show(&app, &request, token).await;
    }
    registration::require_self_registration(&app)?;
    let way = Way::of(&app, &request, query.get("request")).await?;
    match query.get("sent") {
        Some(sent) => {
            let notice = (sent == "again").then(|| way.page.message("registration-resent")).flatten();
            let email = security::registering(&app, &request).unwrap_or_default();
            show_registered(&way, notice, &email, None)
        }
        None => show_register(&app, &way, "", "", None),
    }
}

pub async fn submit_registration(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    if let Some(token) = form.get("invitation") {
        return invitation::submit(&app, &request, &form, token).await;
    }
    let mut way = Way::of(&app, &request, form.get("request")).await?;
    let row = way.request_row()?;
    let (email, name) = (form.typed("email"), form.typed("name"));
    let profile = Profile { name: form.get("name").map(str::to_owned), ..Profile::default() };
    let waits_in = row.as_ref().map(|row| row.id);
    let new = RegistrationRequest {
        email,
        password: form.typed("password"),
        profile,
        authorization_request_id: waits_in,
    };
    match registration::register(&app, new, way.page.context()).await {
        Ok(()) => {
            way.waits_in(row).await?;
            let mut response = see_other(&way.along("/register?sent=yes"));
            security::set_registering(&app, &mut response, email);
            Ok(response)
        }
        Err(cause) => match mistake(&way.page, &cause) {
            Some(mistake) => show_register(&app, &way, email, name, Some(mistake)),
            None => Err(cause.into()),
        },
    }
}

fn show_register(app: &App, way: &Way, email: &str, name: &str, mistake: Option<Mistake>) -> Answer {
    let hint = length_hint(&way.page, app.config.password.min_length);
    show(&way.page, "pages/register.html", context! { email, name, hint, ..way.values() }, mistake)
}

pub async fn resend(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let way = Way::of(&app, &request, form.get("request")).await?;
    let email = form.typed("email");
    match registration::resend(&app, email, way.page.context()).await {
        Ok(()) => {
            let mut response = see_other(&way.along("/register?sent=again"));
            security::set_registering(&app, &mut response, email);
            Ok(response)
        }
        Err(cause) => match mistake(&way.page, &cause) {
            Some(mistake) => show_registered(&way, None, email, Some(mistake)),
            None => Err(cause.into()),
        },
    }
}

fn show_registered(way: &Way, notice: Option<Value>, email: &str, mistake: Option<Mistake>) -> Answer {
    let values = context! {
        text => way.page.message("registered-text"),
        again => "/register/resend",
        notice, email, ..way.values()
    };
    show(&way.page, "pages/letter-sent.html", values, mistake)
}

/// `GET /verify-email`: the mailed link.
pub async fn verify_email(app: App, request: Request) -> Answer {
    let query = Form::of_query(&request)?;
    let token = query.get("token").ok_or_else(registration_over)?;
    show_verification(&Page::of(&app, &request, None), token, None)
}

pub async fn submit_verification(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let page = Page::of(&app, &request, None);
    let (token, password) = (form.typed("token"), form.typed("password"));
    match registration::verify_email(&app, token, Some(password), &request_context(&app, &request)).await {
        Ok(verified) => {
            let way = Way::on(&app, &request, verified.authorization_request_id).await?;
            let mut response = way.done("email-verified", "email-verified-text")?;
            security::clear_registering(&app, &mut response);
            Ok(response)
        }
        Err(AccountError::InvalidLink) => Err(registration_over()),
        Err(cause) => match mistake(&page, &cause) {
            Some(mistake) => show_verification(&page, token, Some(mistake)),
            None => Err(cause.into()),
        },
    }
}

fn show_verification(page: &Page, token: &str, mistake: Option<Mistake>) -> Answer {
    show(page, "pages/verify-email.html", context! { token }, mistake)
}

/// A link of a registration that does not work any more: it can be asked for again.
fn registration_over() -> PageError {
    PageError::from(Refusal::LinkOver).way_on("/register".to_owned(), "make-an-account")
}

pub async fn forgot(app: App, request: Request) -> Answer {
    if !recovery::reset_available(&app) {
        return Err(AccountError::MailUnavailable.into());
    }
    let query = Form::of_query(&request)?;
    let way = Way::of(&app, &request, query.get("request")).await?;
    if query.get("sent").is_some() {
        let text = way.page.message("reset-sent-text");
        let values = context! { text, again => (), notice => (), ..way.values() };
        return show(&way.page, "pages/letter-sent.html", values, None);
    }
    show_forgot(&way, "", None)
}

pub async fn submit_forgot(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let mut way = Way::of(&app, &request, form.get("request")).await?;
    let row = way.request_row()?;
    let waits_in = row.as_ref().map(|row| row.id);
    let email = form.typed("email");
    let forgot = ResetRequest {
        email,
        authorization_request_id: waits_in,
        device_secret: security::device_secret(&app, &request),
    };
    match recovery::request_reset(&app, forgot, way.page.context()).await {
        Ok(()) => {
            way.waits_in(row).await?;
            Ok(see_other(&way.along("/forgot-password?sent=yes")))
        }
        Err(cause) => match mistake(&way.page, &cause) {
            Some(mistake) => show_forgot(&way, email, Some(mistake)),
            None => Err(cause.into()),
        },
    }
}

fn show_forgot(way: &Way, email: &str, mistake: Option<Mistake>) -> Answer {
    show(&way.page, "pages/forgot-password.html", context! { email, ..way.values() }, mistake)
}

/// `GET /reset-password`: the mailed link.
pub async fn reset(app: App, request: Request) -> Answer {
    let query = Form::of_query(&request)?;
    let token = query.get("token").ok_or(AccountError::InvalidLink)?;
    if !recovery::reset_link_usable(&app, token).await? {
        return Err(AccountError::InvalidLink.into());
    }
    show_reset(&app, &Page::of(&app, &request, None), token, None)
}

pub async fn submit_reset(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let page = Page::of(&app, &request, None);
    let (token, password) = (form.typed("token"), form.typed("password"));
    match recovery::reset(&app, token, password, &request_context(&app, &request)).await {
        Ok(asked) => Way::on(&app, &request, asked).await?.done("password-changed", "password-changed-text"),
        Err(cause) => match mistake(&page, &cause) {
            Some(mistake) => show_reset(&app, &page, token, Some(mistake)),
            None => Err(cause.into()),
        },
    }
}

fn show_reset(app: &App, page: &Page, token: &str, mistake: Option<Mistake>) -> Answer {
    let hint = length_hint(page, app.config.password.min_length);
    show(page, "pages/reset-password.html", context! { token, hint }, mistake)
}

pub async fn password(app: App, request: Request) -> Answer {
    match enter(&app, &request, Destination::Password).await? {
        Ok(_) => show_password(&app, &Page::of(&app, &request, None), None),
        Err(sign_in) => Ok(see_other(&sign_in)),
    }
}

pub async fn submit_password(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let signed_in = match enter_to_change(&app, &request, Destination::Password).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    let page = Page::of(&app, &request, None);
    let context = request_context(&app, &request);
    let change = credential_change(&signed_in, &form, &context);
    match password::change(&app, change, form.typed("password")).await {
        Ok(()) => Ok(see_other("/account?done=password")),
        Err(cause) => match mistake(&page, &cause) {
            Some(mistake) => show_password(&app, &page, Some(mistake)),
            None => Err(cause.into()),
        },
    }
}

fn show_password(app: &App, page: &Page, mistake: Option<Mistake>) -> Answer {
    let hint = length_hint(page, app.config.password.min_length);
    show(page, "pages/account-password.html", context! { here => "password", hint }, mistake)
}

pub(super) fn length_hint(page: &Page, least: usize) -> Option<Value> {
    page.message_with("password-hint", &[("least", Value::from(least))])
}

/// Shows a page with a form, and what was wrong with it.
pub(super) fn show(page: &Page, template: &str, values: Value, mistake: Option<Mistake>) -> Answer {
    let wrong = mistake.is_some();
    let (field, error) = mistake.map(|mistake| (mistake.field, mistake.text)).unzip();
    let response: Response = page.show(template, context! { ..values, ..context! { field, error } })?;
    Ok(if wrong { response.with_status(StatusCode::BAD_REQUEST).into_response() } else { response })
}

/// What is said beside a field; none for what is not about one.
pub(super) fn mistake(page: &Page, cause: &AccountError) -> Option<Mistake> {
    let (field, key, arguments) = match cause {
        AccountError::MalformedEmail => ("email", "email-malformed", Vec::new()),
        AccountError::WrongPassword => ("password", "verify-password-wrong", Vec::new()),
        AccountError::SameEmail => ("email", "email-same", Vec::new()),
        AccountError::InvalidClaim { field, .. } => (*field, malformed(field), Vec::new()),
        AccountError::UnacceptablePassword(weakness) => {
            return Some(Mistake { field: "password", text: about(page, *weakness) });
        }
        _ => return None,
    };
    Some(Mistake { field, text: page.message_with(key, &arguments) })
}

/// What is said about a password that may not be set.
pub(super) fn about(page: &Page, weakness: Weakness) -> Option<Value> {
    match weakness {
        Weakness::TooShort { least } => {
            page.message_with("password-too-short", &[("least", Value::from(least))])
        }
        Weakness::TooLong => page.message_with("password-too-long", &[("most", Value::from(LONGEST))]),
        Weakness::ControlCharacter => page.message("password-control"),
        Weakness::ContextSpecific => page.message("password-context"),
        Weakness::Guessable => page.message("password-guessable"),
        Weakness::Compromised => page.message("password-breached"),
    }
}

/// What is said of a claim that breaks its rule.
fn malformed(claim: &str) -> &'static str {
    match claim {
        "profile" | "picture" | "website" => "web-page-malformed",
        "birthdate" => "birthdate-malformed",
        "zoneinfo" => "zoneinfo-malformed",
        "locale" => "locale-malformed",
        "phone_number" => "phone-number-malformed",
        _ => "name-malformed",
    }
}

impl From<AccountError> for PageError {
    fn from(cause: AccountError) -> Self {
        match cause {
            AccountError::RegistrationClosed => Refusal::RegistrationClosed.into(),
            AccountError::MailUnavailable => {
                Self::from(Refusal::NoMail).way_on("/login?to=account".to_owned(), "back-to-sign-in")
            }
            AccountError::InvitationRequired => Self::from(Refusal::InvitationNeeded)
                .way_on("/login?to=account".to_owned(), "have-an-account"),
            AccountError::InvalidLink => {
                Self::from(Refusal::LinkOver).way_on("/forgot-password".to_owned(), "forgot-password")
            }
            AccountError::Login(cause) => cause.into(),
            AccountError::MalformedEmail
            | AccountError::SameEmail
            | AccountError::UnacceptablePassword(_)
            | AccountError::WrongPassword
            | AccountError::LinkForOtherAccount
            | AccountError::EmailInUse
            | AccountError::NoAuthenticator
            | AccountError::InvalidClaim { .. } => Refusal::Malformed.into(),
            AccountError::RateLimited { retry_after } => Self::retry_after(Refusal::TooMany, retry_after),
            AccountError::MailQuotaExhausted { retry_after } => {
                Self::retry_after(Refusal::MailsExhausted, retry_after)
                    .way_on("/login?to=account".to_owned(), "have-an-account")
            }
            AccountError::TooManyChanges { retry_after } => {
                Self::retry_after(Refusal::TooManyChanges, retry_after)
                    .way_on(Destination::Account.path().to_owned(), "error-to-account")
            }
            AccountError::HasherBusy(_) => Self::retry_after(Refusal::Unavailable, SOON),
            AccountError::SessionEnded(cause) => cause.into(),
            AccountError::Database(cause) => cause.into(),
            AccountError::Hash(_) | AccountError::Crypto(_) => Self::internal(&cause),
        }
    }
}
