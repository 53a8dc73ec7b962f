//! Answers what a browser must do next on its way to a code.
//!
//! ```text
//!   begin ──► request::parse ──► interaction::next ──► Respond ──► one write: grant, code, audit
//!                 │                      │
//!                 │ fault                └──► Login, StepUp, Consent ──► sealed in the URL of a page
//!                 ▼                                                         │ record_*: a row
//!           a page, or an error                resume ◄─────────────────────┘
//!           for the client                        └──► interaction::next, as above
//! ```
//!
//! Owns `authorization_requests` and the making of codes. Leaves the pages to `http::pages`, how people
//! prove who they are to `login`, and what a code is good for to `tokens`. No page decides what comes
//! next: it records what happened and sends the browser back to [`resume`]. A request is stored when a form
//! of ours is posted for it, and never because somebody opened a link.

pub mod error;
pub mod interaction;
pub mod logout;
pub mod parameters;
mod pending;
mod redirect_uri;
pub mod request;
mod response;
mod sealed;

use postern_service::database::DatabaseError;

use self::request::Rejected;
pub use self::{
    error::{ErrorCode, Refusal, Untrusted},
    interaction::{Asked, PassedStep, Situation, Step, next},
    parameters::{Malformed, Parameters},
    pending::{
        Gone, InteractionError, Pending, RequestRow, SignInFor, pending, record_consent, record_unreachable,
    },
    request::AuthorizationRequest,
    sealed::RequestHandle,
};
use crate::{
    App,
    audit::Origin,
    consents,
    crypto::CryptoError,
    login,
    sessions::{self, SignedIn},
};

/// Who the browser is.
#[derive(Clone, Copy)]
pub struct Browser<'a> {
    /// Secret of its session cookie.
    pub session_secret: Option<&'a str>,
    /// Secret of the cookie that names it.
    pub browser_secret: &'a str,
}

/// Where the browser goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To sign in for the request with this handle.
    Login(RequestHandle),
    /// To show another factor for it.
    StepUp(RequestHandle),
    /// To allow or deny it.
    Consent(RequestHandle),
    /// Back to the client: an absolute URI.
    Client(String),
}

/// Why there is a page instead.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// Nobody is proven to have asked.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// The request does not wait any more.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// The request could not be sealed.
    #[error("the request could not be sealed")]
    Crypto(#[from] CryptoError),
    /// The database did not do its part.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<InteractionError> for AuthorizeError {
    fn from(cause: InteractionError) -> Self {
        match cause {
            InteractionError::Gone(gone) => gone.into(),
            // Only recording a step says so, and nothing here records one.
            InteractionError::NotAsked | InteractionError::SessionEnded(_) => Gone::Unknown.into(),
            InteractionError::Database(cause) => cause.into(),
        }
    }
}

/// What became of a request that came by POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// It waits under this handle: resume it.
    Kept(RequestHandle),
    /// It is refused, and the client is told at this URI.
    Refused(String),
}

/// Takes a request as it came by GET (RFC 6749 section 4.1.1).
pub async fn begin(
    app: &App,
    parameters: &Parameters,
    browser: Browser<'_>,
    origin: &Origin,
) -> Result<Destination, AuthorizeError> {
    let (client, request) = match request::parse(app, parameters) {
        Ok(parsed) => parsed,
        Err(rejected) => return Ok(Destination::Client(tell_client(app, rejected, origin)?)),
    };
    let asked = Asked { client: &client, request: &request, at: app.clock.now(), passed: &[] };
    advance(app, asked, browser, None, origin).await
}

/// Seals a request that came by POST for the GET that follows. A faulty one is answered at once.
pub fn receive(app: &App, parameters: &Parameters, origin: &Origin) -> Result<Received, AuthorizeError> {
    match request::parse(app, parameters) {
        Ok((_, request)) => Ok(Received::Kept(sealed::seal(app, &request, None, app.clock.now())?)),
        Err(rejected) => Ok(Received::Refused(tell_client(app, rejected, origin)?)),
    }
}

/// Goes on with a request that waits in this browser.
pub async fn resume(
    app: &App,
    handle: &RequestHandle,
    browser: Browser<'_>,
    origin: &Origin,
) -> Result<Destination, AuthorizeError> {
    let pending = pending::find_or_bind(app, handle, browser.browser_secret).await?;
    advance(app, pending.asked(), browser, Some(&pending.handle), origin).await
}

/// What comes next for a request that waits. Pages ask before they show a question.
pub async fn next_of(
    app: &App,
    pending: &Pending,
    signed_in: Option<&SignedIn>,
) -> Result<Step, DatabaseError> {
    decide(app, pending.asked(), signed_in).await
}

/// Does the next step, or says which page does. `handle` is how the request is named, if it is already.
async fn advance(
    app: &App,
    asked: Asked<'_>,
    browser: Browser<'_>,
    handle: Option<&RequestHandle>,
    origin: &Origin,
) -> Result<Destination, AuthorizeError> {
    let waiting = handle.and_then(RequestHandle::row);
    let signed_in = match browser.session_secret {
        Some(secret) => sessions::find(app, secret).await?,
        None => None,
    };
    let page = match (decide(app, asked, signed_in.as_ref()).await?, &signed_in) {
        (Step::Respond(Ok(())), Some(signed_in)) => {
            match response::grant(app, asked.request, signed_in, waiting, origin).await? {
                Some(location) => return Ok(Destination::Client(location)),
                None => Destination::Login,
            }
        }
        (Step::Respond(Err(refusal)), _) => {
            let location = response::refuse(app, asked.request, refusal, waiting, origin).await?;
            return Ok(Destination::Client(location));
        }
        (Step::StepUp, _) => Destination::StepUp,
        (Step::Consent, _) => Destination::Consent,
        // Whatever the questions say, there is no code without a session.
        (Step::Login | Step::Respond(Ok(())), _) => Destination::Login,
    };
    Ok(page(match handle {
        Some(handle) => handle.clone(),
        None => sealed::seal(app, asked.request, Some(browser.browser_secret), asked.at)?,
    }))
}

/// Reads what the questions need to know, and asks them.
async fn decide(app: &App, asked: Asked<'_>, signed_in: Option<&SignedIn>) -> Result<Step, DatabaseError> {
    let client_proven = redirect_uri::proves_client(app, asked.client, &asked.request.redirect_uri);
    let remembered = match signed_in {
        Some(signed_in) if interaction::reads_remembered(asked, client_proven) => {
            consents::find(app.db.reader(), signed_in.user.id, asked.client.client_id()).await?
        }
        _ => None,
    };
    let method_allowed =
        signed_in.is_none_or(|signed_in| login::begun_as_allowed(app, asked.client, &signed_in.session.amr));
    let least_acr = asked.request.requirement(app, asked.client).acr;
    Ok(next(&Situation {
        now: app.clock.now(),
        asked,
        client_proven,
        signed_in,
        remembered: remembered.as_ref(),
        least_acr,
        method_allowed,
    }))
}

/// Where the client is told of a fault, if it may be told.
fn tell_client(app: &App, rejected: Rejected, origin: &Origin) -> Result<String, Untrusted> {
    match rejected {
        Rejected::OnPage(cause) => Err(cause),
        Rejected::ToClient { redirect_uri, state, refusal } => {
            Ok(response::error(app, &redirect_uri, state.as_deref(), refusal, origin))
        }
    }
}
