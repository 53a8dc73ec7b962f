//! Defines the kinds of errors that a page can have, and the page of each kind.
//!
//! Every error page says what happened and what to do, and links to the next step. The page shows the
//! request's reference. An operator finds the cause in the log by this reference. The page shows the cause only
//! where the issuer runs on a loopback address: the reader is then the developer of the app.

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

use super::{
    Page,
    login::Destination,
    requesting_client::{noted_client, requesting_client, way_back},
    return_path, security, see_other,
};
use crate::{
    sessions::{SessionEnded, WriteError},
    templates::TemplateError,
};

/// Why a page is not shown or a form not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageErrorKind {
    /// Nothing is at this path.
    NotFound,
    MethodNotAllowed,
    /// A field or a parameter is missing, repeated or malformed.
    Malformed,
    /// The sign-in under way is unknown, over, or another browser's.
    RequestNotPending,
    /// The redirect URI is missing or not registered (RFC 6749 section 3.1.2.4).
    InvalidRedirectUri,
    /// The client is missing, unknown or disabled.
    UnknownClient,
    /// A form came from elsewhere.
    CrossSite,
    /// A form came without the browser cookie.
    BrowserCookieMissing,
    /// A form came from a page of another browser, or of another day.
    InvalidFormToken,
    /// The body is too large.
    BodyTooLarge,
    /// The body is not a form.
    UnsupportedMediaType,
    /// A limit was reached.
    RateLimited,
    /// One's own account, changed too often.
    TooManyChanges,
    /// The login in progress took too many tries, or too long.
    AttemptEnded,
    /// No login method that is switched on may begin a sign-in for this client.
    NoLoginMethod,
    /// Nobody makes an account here.
    RegistrationClosed,
    /// No mail is sent here, so no link can be.
    MailUnavailable,
    /// As many mails were sent as may be, so nobody can register for a time.
    MailQuotaExhausted,
    /// Who makes an account here needs an invitation.
    InvitationRequired,
    /// A mailed link was used, or has ended.
    InvalidLink,
    /// The session ended, and nothing was done.
    SessionEnded,
    /// Not now: the database does not answer.
    Unavailable,
    Internal,
}

impl PageErrorKind {
    /// All of them, for the tests that look at every page.
    pub const ALL: [Self; 23] = [
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Malformed,
        Self::RequestNotPending,
        Self::InvalidRedirectUri,
        Self::UnknownClient,
        Self::CrossSite,
        Self::BrowserCookieMissing,
        Self::InvalidFormToken,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::RateLimited,
        Self::TooManyChanges,
        Self::AttemptEnded,
        Self::NoLoginMethod,
        Self::RegistrationClosed,
        Self::MailUnavailable,
        Self::MailQuotaExhausted,
        Self::InvitationRequired,
        Self::InvalidLink,
        Self::SessionEnded,
        Self::Unavailable,
        Self::Internal,
    ];

    /// Status of the page, and the message keys of its title and of what to do.
    pub const fn status_and_messages(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::NotFound => (S::NOT_FOUND, "error-not-found", "error-not-found-text"),
            Self::MethodNotAllowed => {
                (S::METHOD_NOT_ALLOWED, "error-method-not-allowed", "error-method-not-allowed-text")
            }
            Self::Malformed => (S::BAD_REQUEST, "error-malformed", "error-malformed-text"),
            Self::RequestNotPending => (S::BAD_REQUEST, "error-request-gone", "error-request-gone-text"),
            Self::InvalidRedirectUri => {
                (S::BAD_REQUEST, "error-invalid-redirect-uri", "error-invalid-redirect-uri-text")
            }
            Self::UnknownClient => (S::BAD_REQUEST, "error-unknown-client", "error-unknown-client-text"),
            Self::CrossSite => (S::FORBIDDEN, "error-other-site", "error-other-site-text"),
            Self::BrowserCookieMissing => (S::FORBIDDEN, "error-no-cookie", "error-no-cookie-text"),
            Self::InvalidFormToken => (S::FORBIDDEN, "error-wrong-token", "error-wrong-token-text"),
            Self::BodyTooLarge => (S::PAYLOAD_TOO_LARGE, "error-too-large", "error-too-large-text"),
            Self::UnsupportedMediaType => {
                (S::UNSUPPORTED_MEDIA_TYPE, "error-media-type", "error-media-type-text")
            }
            Self::RateLimited => (S::TOO_MANY_REQUESTS, "error-too-many", "error-too-many-text"),
            Self::TooManyChanges => {
                (S::TOO_MANY_REQUESTS, "error-too-many-changes", "error-too-many-changes-text")
            }
            Self::AttemptEnded => (S::BAD_REQUEST, "error-tries-used-up", "error-tries-used-up-text"),
            Self::NoLoginMethod => (S::FORBIDDEN, "error-no-method", "error-no-method-text"),
            Self::RegistrationClosed => {
                (S::FORBIDDEN, "error-registration-closed", "error-registration-closed-text")
            }
            Self::MailUnavailable => (S::FORBIDDEN, "error-no-mail", "error-no-mail-text"),
            Self::MailQuotaExhausted => {
                (S::SERVICE_UNAVAILABLE, "error-mails-exhausted", "error-mails-exhausted-text")
            }
            Self::InvitationRequired => {
                (S::FORBIDDEN, "error-invitation-needed", "error-invitation-needed-text")
            }
            Self::InvalidLink => (S::BAD_REQUEST, "error-link-over", "error-link-over-text"),
            Self::SessionEnded => (S::FORBIDDEN, "error-signed-out", "error-signed-out-text"),
            Self::Unavailable => (S::SERVICE_UNAVAILABLE, "error-unavailable", "error-unavailable-text"),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "error-internal", "error-internal-text"),
        }
    }

    /// The refusal that says no more than a status; for what the web framework refuses by itself.
    pub fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            status if status.is_client_error() => Self::Malformed,
            _ => Self::Internal,
        }
    }
}

/// Why a handler does not show its own page.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PageError {
    /// An error page is shown.
    #[error("{0:?}")]
    Shown(ErrorPage),
    /// Another page of this issuer comes first, such as the sign-in.
    #[error("redirect to {0}")]
    Redirect(String),
}

/// What an error page says.
#[derive(Clone, Debug)]
pub struct ErrorPage {
    kind: PageErrorKind,
    retry_after: Option<Duration>,
    next_link: Option<(String, &'static str)>,
}

impl PageError {
    /// An error that passes after a time.
    pub fn retry_after(kind: PageErrorKind, wait: Duration) -> Self {
        Self::Shown(ErrorPage { kind, retry_after: Some(wait), next_link: None })
    }

    /// Sets the link to the next step, and the message key of its text. The default is the account page.
    #[must_use]
    pub fn next_link(mut self, path: String, label: &'static str) -> Self {
        if let Self::Shown(error) = &mut self {
            error.next_link = Some((path, label));
        }
        self
    }

    pub fn kind(&self) -> Option<PageErrorKind> {
        match self {
            Self::Shown(error) => Some(error.kind),
            Self::Redirect(_) => None,
        }
    }

    /// An internal error. The cause is logged once, in the same form as for JSON responses.
    pub fn internal(cause: &dyn std::error::Error) -> Self {
        Problem::internal(cause).into()
    }
}

impl From<PageErrorKind> for PageError {
    fn from(kind: PageErrorKind) -> Self {
        Self::Shown(ErrorPage { kind, retry_after: None, next_link: None })
    }
}

/// Reuses the mapping and the logging of JSON problems.
impl From<Problem> for PageError {
    fn from(problem: Problem) -> Self {
        let refusal = PageErrorKind::from_status(problem.kind().status);
        match parse_seconds(problem.as_response().headers().get(RETRY_AFTER)) {
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
        Self::from(PageErrorKind::SessionEnded).next_link(Destination::Account.login_path(), "sign-in")
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

impl From<security::CsrfError> for PageError {
    fn from(cause: security::CsrfError) -> Self {
        tracing::info!(%cause, "a form was refused");
        let error = Self::from(match cause {
            security::CsrfError::CrossSite => PageErrorKind::CrossSite,
            security::CsrfError::BrowserCookieMissing => PageErrorKind::BrowserCookieMissing,
            security::CsrfError::InvalidFormToken => PageErrorKind::InvalidFormToken,
        });
        // The page of the form has a valid token, and what was under way goes on there.
        match return_path::noted_form_page() {
            Some(path) => error.next_link(path, "error-back-to-form"),
            None => error,
        }
    }
}

/// A fallback for an error that no middleware turned into a page: the bare status.
impl ResponseError for PageError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Shown(error) => error.kind.status_and_messages().0,
            Self::Redirect(_) => StatusCode::SEE_OTHER,
        }
    }

    fn as_response(&self) -> Response {
        self.status().into_response()
    }
}

pub fn show(page: &Page, error: &PageError) -> Response {
    let error = match error {
        PageError::Shown(error) => error,
        PageError::Redirect(path) => return see_other(path),
    };
    let (status, title, text) = error.kind.status_and_messages();
    // Nobody's words are repeated: where nothing is, the language leads to the home page.
    let page = match error.kind {
        PageErrorKind::NotFound => page.at_home(),
        _ => page.asking_again(),
    };
    let mut response = match page.show("pages/error.html", values(&page, error, title, text)) {
        Ok(response) => response.with_status(status).into_response(),
        // The built-in template failed as well; the failure is logged already.
        Err(_) => status.into_response(),
    };
    if let Some(wait) = error.retry_after {
        response.headers_mut().insert(RETRY_AFTER, retry_after(wait));
    }
    response
}

fn values(page: &Page, error: &ErrorPage, title: &str, text: &str) -> Value {
    let client = noted_client();
    let way_back = client.as_deref().and_then(|client| {
        let label = page.message_with("error-back-to-client", &[("name", client.row.name.as_str().into())]);
        Some(context! { href => way_back(&page.app, client)?, label })
    });
    let next_link =
        error.next_link.as_ref().map(|(href, label)| context! { href, label => page.message(label) });
    let own_account = || context! { href => "/account", label => page.message("error-to-account") };
    let reference = CurrentRequest::current().map(|request| request.id);
    context! {
        title => page.message(title),
        text => page.message(text),
        wait_minutes => error.retry_after.map(whole_minutes),
        // One way back suffices where nothing better comes next.
        way_back => way_back.clone().filter(|_| next_link.is_some()),
        way_on => next_link.or(way_back).unwrap_or_else(own_account),
        asker => client.as_deref().map(|client| requesting_client(client, None)),
        reference => reference.map(|id| id.to_string()),
        explanation => page.own_explanation(),
    }
}

/// Whole minutes, rounded up.
pub(super) fn whole_minutes(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).div_ceil(60).max(1)
}

fn parse_seconds(header: Option<&HeaderValue>) -> Option<Duration> {
    header?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

/// Turns an error of an endpoint into a page. What the web framework refused by itself keeps what its
/// answer says about methods and time.
pub(super) fn page_for_error(page: &Page, error: poem::Error) -> Response {
    if let Some(error) = error.downcast_ref::<PageError>() {
        return show(page, error);
    }
    if error.is_from_response() {
        return error.into_response();
    }
    let original = error.into_response();
    let mut response = show(page, &PageErrorKind::from_status(original.status()).into());
    for name in [ALLOW, RETRY_AFTER] {
        if let Some(value) = original.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}
