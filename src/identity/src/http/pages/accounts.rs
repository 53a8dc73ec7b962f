//! `/register`, `/verify-email`, `/forgot-password`, `/reset-password`: how people come by an account and back into it;
//! and `/account/password`, where they set its password while they are signed in.
//!
//! ```text
//!   /register ────────► a mail ──► /verify-email ──► done: sign in
//!   /forgot-password ─► a mail ──► /reset-password ─► done: sign in
//! ```
//!
//! A mailed link opens a page with a button and does nothing by itself: programs that look through mail follow links.

use std::time::Duration;

use minijinja::{Value, context};
use poem::{IntoResponse as _, Request, Response, http::StatusCode};

use super::{Answer, Form, Page, PageError, Refusal, account::enter, login::Destination, see_other};
use crate::{
    App,
    accounts::{
        AccountError, password, recovery,
        registration::{self, NewAccount},
    },
    http::client_ip::origin,
    passwords::{Weakness, rules::LONGEST},
    sessions::SignedIn,
    users::Profile,
};

/// After so long there may be room again.
const SOON: Duration = Duration::from_secs(1);

/// What was wrong, beside which field.
struct Mistake {
    field: &'static str,
    text: Option<Value>,
}

/// `GET /register`.
pub async fn register(app: App, request: Request) -> Answer {
    if !registration::open(&app) {
        return Err(AccountError::Closed.into());
    }
    let page = Page::of(&app, &request, None);
    if Form::of_query(&request)?.get("sent").is_some() {
        return page.show("pages/letter-sent.html", context! { text => page.message("registered-text") });
    }
    show_register(&app, &page, "", "", None)
}

/// `POST /register`.
pub async fn submit_registration(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let page = Page::of(&app, &request, None);
    let (email, name) = (form.typed("email"), form.typed("name"));
    let profile = Profile { name: form.get("name").map(str::to_owned), ..Profile::default() };
    let new = NewAccount { email, password: form.typed("password"), profile };
    match registration::register(&app, new, page.language(), &origin(&request)).await {
        Ok(()) => Ok(see_other("/register?sent=yes")),
        Err(cause) => match mistake(&page, &cause) {
            Some(mistake) => show_register(&app, &page, email, name, Some(mistake)),
            None => Err(cause.into()),
        },
    }
}

fn show_register(app: &App, page: &Page, email: &str, name: &str, mistake: Option<Mistake>) -> Answer {
    let hint = length_hint(page, app.config.password.min_length);
    show(page, "pages/register.html", context! { email, name, hint }, mistake)
}

/// `GET /verify-email`: the mailed link.
pub async fn verify_email(app: App, request: Request) -> Answer {
    let query = Form::of_query(&request)?;
    let token = query.get("token").ok_or_else(registration_over)?;
    show_verification(&Page::of(&app, &request, None), token, None)
}

/// `POST /verify-email`.
pub async fn submit_verification(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let page = Page::of(&app, &request, None);
    let (token, password) = (form.typed("token"), form.typed("password"));
    match registration::verify_email(&app, token, Some(password), &origin(&request)).await {
        Ok(_) => done(&page, "email-verified", "email-verified-text"),
        Err(AccountError::LinkOver) => Err(registration_over()),
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

/// `GET /forgot-password`.
pub async fn forgot(app: App, request: Request) -> Answer {
    if !recovery::possible(&app) {
        return Err(AccountError::NoMail.into());
    }
    let page = Page::of(&app, &request, None);
    if Form::of_query(&request)?.get("sent").is_some() {
        return page.show("pages/letter-sent.html", context! { text => page.message("reset-sent-text") });
    }
    show(&page, "pages/forgot-password.html", context! { email => "" }, None)
}

/// `POST /forgot-password`.
pub async fn submit_forgot(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let page = Page::of(&app, &request, None);
    let email = form.typed("email");
    match recovery::forgot(&app, email, page.language(), &origin(&request)).await {
        Ok(()) => Ok(see_other("/forgot-password?sent=yes")),
        Err(cause) => match mistake(&page, &cause) {
            Some(mistake) => show(&page, "pages/forgot-password.html", context! { email }, Some(mistake)),
            None => Err(cause.into()),
        },
    }
}

/// `GET /reset-password`: the mailed link.
pub async fn reset(app: App, request: Request) -> Answer {
    let query = Form::of_query(&request)?;
    let token = query.get("token").ok_or(AccountError::LinkOver)?;
    if !recovery::works(&app, token).await? {
        return Err(AccountError::LinkOver.into());
    }
    show_reset(&app, &Page::of(&app, &request, None), token, None)
}

/// `POST /reset-password`.
pub async fn submit_reset(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let page = Page::of(&app, &request, None);
    let (token, password) = (form.typed("token"), form.typed("password"));
    match recovery::reset(&app, token, password, page.language(), &origin(&request)).await {
        Ok(()) => done(&page, "password-changed", "password-changed-text"),
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

/// `GET /account/password`.
pub async fn password(app: App, request: Request) -> Answer {
    match enter(&app, &request, Destination::Password).await? {
        Ok(_) => show_password(&app, &Page::of(&app, &request, None), None),
        Err(sign_in) => Ok(see_other(&sign_in)),
    }
}

/// `POST /account/password`.
pub async fn submit_password(app: App, mut request: Request) -> Answer {
    let form = Form::read(&app, &mut request).await?;
    let SignedIn { session, user } = match enter(&app, &request, Destination::Password).await? {
        Ok(signed_in) => signed_in,
        Err(sign_in) => return Ok(see_other(&sign_in)),
    };
    let page = Page::of(&app, &request, None);
    let (typed, origin) = (form.typed("password"), origin(&request));
    match password::change(&app, &user, Some(session.sid), typed, page.language(), &origin).await {
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

fn length_hint(page: &Page, least: usize) -> Option<Value> {
    page.message_with("password-hint", &[("least", Value::from(least))])
}

/// The end of a way: what was done, and a link to sign in.
fn done(page: &Page, title: &str, text: &str) -> Answer {
    page.show("pages/done.html", context! { title => page.message(title), text => page.message(text) })
}

fn show(page: &Page, template: &str, values: Value, mistake: Option<Mistake>) -> Answer {
    let wrong = mistake.is_some();
    let (field, error) = mistake.map(|mistake| (mistake.field, mistake.text)).unzip();
    let response: Response = page.show(template, context! { ..values, ..context! { field, error } })?;
    Ok(if wrong { response.with_status(StatusCode::BAD_REQUEST).into_response() } else { response })
}

/// What is said beside a field; none for what is not about one.
fn mistake(page: &Page, cause: &AccountError) -> Option<Mistake> {
    let (field, key, arguments) = match cause {
        AccountError::MalformedEmail => ("email", "email-malformed", Vec::new()),
        AccountError::WrongPassword => ("password", "verify-password-wrong", Vec::new()),
        AccountError::Profile { field, .. } => (*field, "name-malformed", Vec::new()),
        AccountError::Password(weakness) => {
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
        Weakness::Control => page.message("password-control"),
        Weakness::Context => page.message("password-context"),
        Weakness::Guessable => page.message("password-guessable"),
        Weakness::Breached => page.message("password-breached"),
    }
}

impl From<AccountError> for PageError {
    fn from(cause: AccountError) -> Self {
        match cause {
            AccountError::Closed => Refusal::RegistrationClosed.into(),
            AccountError::NoMail => {
                Self::from(Refusal::NoMail).way_on("/login?to=account".to_owned(), "back-to-sign-in")
            }
            AccountError::LinkOver => {
                Self::from(Refusal::LinkOver).way_on("/forgot-password".to_owned(), "forgot-password")
            }
            AccountError::Login(cause) => cause.into(),
            AccountError::MalformedEmail
            | AccountError::Password(_)
            | AccountError::WrongPassword
            | AccountError::NoAuthenticator
            | AccountError::Profile { .. } => Refusal::Malformed.into(),
            AccountError::Limited { retry_after } => Self::retry_after(Refusal::TooMany, retry_after),
            AccountError::Busy(_) => Self::retry_after(Refusal::Unavailable, SOON),
            AccountError::Database(cause) => cause.into(),
            AccountError::Hash(_) | AccountError::Crypto(_) => Self::internal(&cause),
        }
    }
}
