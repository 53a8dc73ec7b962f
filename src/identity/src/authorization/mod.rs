//! Answers what a browser must do next on its way to a code.
//!
//! ```text
//!   begin ──► request::parse ──► interaction::next ──► Respond ──► one write: grant, code, audit
//!                 │                      │
//!                 │ fault                └──► Login, StepUp, Consent ──► pending (a row), a page
//!                 ▼                                                         │ record_*
//!           a page, or an error                resume ◄─────────────────────┘
//!           for the client                        └──► interaction::next, as above
//! ```
//!
//! Owns `authorization_requests` and the making of codes. Leaves the pages to `http::pages`, how people
//! prove who they are to `login`, and what a code is good for to `tokens`. No page decides what comes
//! next: it records what happened and sends the browser back to [`resume`]. Nothing is stored for a
//! request that can be answered at first sight.

pub mod error;
pub mod interaction;
pub mod logout;
pub mod parameters;
mod pending;
mod redirect_uri;
pub mod request;
mod response;

use postern_service::database::DatabaseError;
use uuid::Uuid;

use self::request::Rejected;
pub use self::{
    error::{ErrorCode, Refusal, Untrusted},
    interaction::{Asked, PassedStep, Situation, Step, next},
    parameters::{Malformed, Parameters},
    pending::{Gone, InteractionError, Pending, SignInFor, pending, record_consent, record_unreachable},
    request::AuthorizationRequest,
};
use crate::{
    App,
    audit::Origin,
    consents, login,
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
    /// To sign in for the request with this id.
    Login(Uuid),
    /// To show another factor for it.
    StepUp(Uuid),
    /// To allow or deny it.
    Consent(Uuid),
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
    /// The database did not do its part.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<InteractionError> for AuthorizeError {
    fn from(cause: InteractionError) -> Self {
        match cause {
            InteractionError::Gone(gone) => gone.into(),
            // Only recording a step says so, and nothing here records one.
            InteractionError::NotAsked => Gone::Unknown.into(),
            InteractionError::Database(cause) => cause.into(),
        }
    }
}

/// What became of a request that came by POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// It waits under this id: resume it.
    Kept(Uuid),
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

/// Keeps a request that came by POST for the GET that follows. A faulty one is answered at once.
pub async fn receive(
    app: &App,
    parameters: &Parameters,
    origin: &Origin,
) -> Result<Received, AuthorizeError> {
    match request::parse(app, parameters) {
        Ok((_, request)) => Ok(Received::Kept(pending::keep(app, &request, None, app.clock.now()).await?)),
        Err(rejected) => Ok(Received::Refused(tell_client(app, rejected, origin)?)),
    }
}

/// Goes on with a request that waits in this browser.
pub async fn resume(
    app: &App,
    id: Uuid,
    browser: Browser<'_>,
    origin: &Origin,
) -> Result<Destination, AuthorizeError> {
    let pending = pending::find_or_bind(app, id, browser.browser_secret).await?;
    advance(app, pending.asked(), browser, Some(id), origin).await
}

/// What comes next for a request that waits. Pages ask before they show a question.
pub async fn next_of(
    app: &App,
    pending: &Pending,
    signed_in: Option<&SignedIn>,
) -> Result<Step, DatabaseError> {
    decide(app, pending.asked(), signed_in).await
}

/// Does the next step, or says which page does. `waiting` is the row, if there is one already.
async fn advance(
    app: &App,
    asked: Asked<'_>,
    browser: Browser<'_>,
    waiting: Option<Uuid>,
    origin: &Origin,
) -> Result<Destination, AuthorizeError> {
    let signed_in = match browser.session_secret {
        Some(secret) => sessions::find(app, secret).await?,
        None => None,
    };
    let page = match (decide(app, asked, signed_in.as_ref()).await?, &signed_in) {
        (Step::Respond(Ok(())), Some(signed_in)) => {
            let location = response::grant(app, asked.request, signed_in, waiting, origin).await?;
            return Ok(Destination::Client(location));
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
    let id = match waiting {
        Some(id) => id,
        None => pending::keep(app, asked.request, Some(browser.browser_secret), asked.at).await?,
    };
    Ok(page(id))
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
    let method_allowed = signed_in
        .is_none_or(|signed_in| login::begun_as_allowed(app, asked.client, &signed_in.session.amr));
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
