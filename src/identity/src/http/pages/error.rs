//! Defines the refusals a person can meet, and the page each is.
//!
//! Every one says what happened and what to do about it, and offers a way on. The reference is the
//! request's: with it an operator finds the cause in the log, which the page never tells.

use std::time::Duration;

use minijinja::{Value, context};
use poem::{
    IntoResponse, Response,
    error::ResponseError,
    http::{
        HeaderValue, StatusCode,
        header::{ALLOW, RETRY_AFTER},
    },
};
use postern_service::{
    body::BodyError,
    database::DatabaseError,
    problem::{Problem, retry_after},
    telemetry::CurrentRequest,
};

use super::{Page, security};
use crate::{
    sessions::{SessionEnded, WriteError},
    templates::TemplateError,
};

/// Why a page is not shown, or a form not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing is at this path.
    NotFound,
    /// The path is there, the method is not.
    MethodNotAllowed,
    /// A form or a query lacks something, or repeats it.
    Malformed,
    /// The sign-in under way is unknown, over, or another browser's.
    RequestGone,
    /// The redirect URI is missing or not registered (RFC 6749 section 3.1.2.4).
    InvalidRedirectUri,
    /// The client is missing, unknown or disabled.
    UnknownClient,
    /// A form came from elsewhere.
    OtherSite,
    /// A form came without the browser cookie.
    NoCookie,
    /// A form came from a page of another browser, or of another day.
    WrongToken,
    /// The body is too large.
    TooLarge,
    /// The body is not a form.
    MediaType,
    /// A limit was reached.
    TooMany,
    /// One's own account, changed too often.
    TooManyChanges,
    /// The login in progress took too many tries, or too long.
    TriesUsedUp,
    /// No login method that is switched on may begin a sign-in for this client.
    NoMethod,
    /// Nobody makes an account here.
    RegistrationClosed,
    /// No mail is sent here, so no link can be.
    NoMail,
    /// As many mails were sent as may be, so nobody can register for a time.
    MailsExhausted,
    /// Who makes an account here needs an invitation.
    InvitationNeeded,
    /// A mailed link was used, or has ended.
    LinkOver,
    /// The session ended, and nothing was done.
    SignedOut,
    /// Not now: the database does not answer.
    Unavailable,
    Internal,
}

impl Refusal {
    /// All of them, for the tests that look at every page.
    pub const ALL: [Self; 23] = [
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Malformed,
        Self::RequestGone,
        Self::InvalidRedirectUri,
        Self::UnknownClient,
        Self::OtherSite,
        Self::NoCookie,
        Self::WrongToken,
        Self::TooLarge,
        Self::MediaType,
        Self::TooMany,
        Self::TooManyChanges,
        Self::TriesUsedUp,
        Self::NoMethod,
        Self::RegistrationClosed,
        Self::NoMail,
        Self::MailsExhausted,
        Self::InvitationNeeded,
        Self::LinkOver,
        Self::SignedOut,
        Self::Unavailable,
        Self::Internal,
    ];

    /// Status of the page, and the message keys of its title and of what to do.
    pub const fn page(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::NotFound => (S::NOT_FOUND, "error-not-found", "error-not-found-text"),
            Self::MethodNotAllowed => {
                (S::METHOD_NOT_ALLOWED, "error-method-not-allowed", "error-method-not-allowed-text")
            }
            Self::Malformed => (S::BAD_REQUEST, "error-malformed", "error-malformed-text"),
            Self::RequestGone => (S::BAD_REQUEST, "error-request-gone", "error-request-gone-text"),
            Self::InvalidRedirectUri => {
                (S::BAD_REQUEST, "error-invalid-redirect-uri", "error-invalid-redirect-uri-text")
            }
            Self::UnknownClient => (S::BAD_REQUEST, "error-unknown-client", "error-unknown-client-text"),
            Self::OtherSite => (S::FORBIDDEN, "error-other-site", "error-other-site-text"),
            Self::NoCookie => (S::FORBIDDEN, "error-no-cookie", "error-no-cookie-text"),
            Self::WrongToken => (S::FORBIDDEN, "error-wrong-token", "error-wrong-token-text"),
            Self::TooLarge => (S::PAYLOAD_TOO_LARGE, "error-too-large", "error-too-large-text"),
            Self::MediaType => (S::UNSUPPORTED_MEDIA_TYPE, "error-media-type", "error-media-type-text"),
            Self::TooMany => (S::TOO_MANY_REQUESTS, "error-too-many", "error-too-many-text"),
            Self::TooManyChanges => {
                (S::TOO_MANY_REQUESTS, "error-too-many-changes", "error-too-many-changes-text")
            }
            Self::TriesUsedUp => (S::BAD_REQUEST, "error-tries-used-up", "error-tries-used-up-text"),
            Self::NoMethod => (S::FORBIDDEN, "error-no-method", "error-no-method-text"),
            Self::RegistrationClosed => {
                (S::FORBIDDEN, "error-registration-closed", "error-registration-closed-text")
            }
            Self::NoMail => (S::FORBIDDEN, "error-no-mail", "error-no-mail-text"),
            Self::MailsExhausted => {
                (S::SERVICE_UNAVAILABLE, "error-mails-exhausted", "error-mails-exhausted-text")
            }
            Self::InvitationNeeded => {
                (S::FORBIDDEN, "error-invitation-needed", "error-invitation-needed-text")
            }
            Self::LinkOver => (S::BAD_REQUEST, "error-link-over", "error-link-over-text"),
            Self::SignedOut => (S::FORBIDDEN, "error-signed-out", "error-signed-out-text"),
            Self::Unavailable => (S::SERVICE_UNAVAILABLE, "error-unavailable", "error-unavailable-text"),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "error-internal", "error-internal-text"),
        }
    }

    /// The refusal that says no more than a status; for what the web framework refuses by itself.
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::MediaType,
            StatusCode::TOO_MANY_REQUESTS => Self::TooMany,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            status if status.is_client_error() => Self::Malformed,
            _ => Self::Internal,
        }
    }
}

/// A refusal on its way to becoming a page.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{refusal:?}")]
pub struct PageError {
    refusal: Refusal,
    retry_after: Option<Duration>,
    way_on: Option<(String, &'static str)>,
}

impl PageError {
    /// A refusal that passes after a time.
    pub fn retry_after(refusal: Refusal, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..refusal.into() }
    }

    /// Where to go from here, and the message key of that link.
    #[must_use]
    pub fn way_on(mut self, path: String, label: &'static str) -> Self {
        self.way_on = Some((path, label));
        self
    }

    pub fn refusal(&self) -> Refusal {
        self.refusal
    }

    /// Our own failure; the log learns the cause, in the same line as for JSON answers.
    pub fn internal(cause: &dyn std::error::Error) -> Self {
        Problem::internal(cause).into()
    }
}

impl From<Refusal> for PageError {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, retry_after: None, way_on: None }
    }
}

/// What a JSON answer would have said, for causes that are told apart and logged there.
impl From<Problem> for PageError {
    fn from(problem: Problem) -> Self {
        let refusal = Refusal::of_status(problem.kind().status);
        match seconds(problem.as_response().headers().get(RETRY_AFTER)) {
            Some(wait) => Self::retry_after(refusal, wait),
            None => refusal.into(),
        }
    }
}

impl From<DatabaseError> for PageError {
    fn from(cause: DatabaseError) -> Self {
        Problem::from(cause).into()
    }
}

impl From<SessionEnded> for PageError {
    fn from(_: SessionEnded) -> Self {
        Self::from(Refusal::SignedOut).way_on("/login?to=account".to_owned(), "sign-in")
    }
}

impl From<WriteError> for PageError {
    fn from(cause: WriteError) -> Self {
        match cause {
            WriteError::SessionEnded(cause) => cause.into(),
            WriteError::Database(cause) => cause.into(),
        }
    }
}

impl From<BodyError> for PageError {
    fn from(cause: BodyError) -> Self {
        Problem::from(cause).into()
    }
}

impl From<TemplateError> for PageError {
    fn from(cause: TemplateError) -> Self {
        Self::internal(&cause)
    }
}

impl From<security::ForeignForm> for PageError {
    fn from(cause: security::ForeignForm) -> Self {
        tracing::info!(%cause, "a form was refused");
        match cause {
            security::ForeignForm::OtherSite => Refusal::OtherSite.into(),
            security::ForeignForm::NoCookie => Refusal::NoCookie.into(),
            security::ForeignForm::WrongToken => Refusal::WrongToken.into(),
        }
    }
}

/// The last resort, when nothing turned the error into a page: its status without a word.
impl ResponseError for PageError {
    fn status(&self) -> StatusCode {
        self.refusal.page().0
    }

    fn as_response(&self) -> Response {
        self.status().into_response()
    }
}

pub fn show(page: &Page, error: &PageError) -> Response {
    let (status, title, text) = error.refusal.page();
    let mut response = match page.show("pages/error.html", values(page, error, title, text)) {
        Ok(response) => response.with_status(status).into_response(),
        // Not even the built-in template renders; the log said why.
        Err(_) => status.into_response(),
    };
    if let Some(wait) = error.retry_after {
        response.headers_mut().insert(RETRY_AFTER, retry_after(wait));
    }
    response
}

fn values(page: &Page, error: &PageError, title: &str, text: &str) -> Value {
    let (href, label) = error.way_on.clone().unwrap_or(("/account".to_owned(), "error-to-account"));
    context! {
        title => page.message(title),
        text => page.message(text),
        wait_minutes => error.retry_after.map(minutes),
        way_on => context! { href, label => page.message(label) },
        reference => CurrentRequest::current().map(|context| context.id.to_string()),
    }
}

/// Whole minutes, rounded up.
pub(super) fn minutes(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).div_ceil(60).max(1)
}

fn seconds(header: Option<&HeaderValue>) -> Option<Duration> {
    header?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

/// Turns an error of an endpoint into a page. What the web framework refused by itself keeps what its
/// answer says about methods and time.
pub(super) fn of_endpoint(page: &Page, error: poem::Error) -> Response {
    if let Some(error) = error.downcast_ref::<PageError>() {
        return show(page, error);
    }
    if error.is_from_response() {
        return error.into_response();
    }
    let said = error.into_response();
    let mut response = show(page, &Refusal::of_status(said.status()).into());
    for name in [ALLOW, RETRY_AFTER] {
        if let Some(value) = said.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}
