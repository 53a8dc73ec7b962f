//! Answers what a browser must do next on its way to an authorization code.
//!
//! ```text
//!   begin ──► request::parse ──► interaction::next_step ──► Respond ──► one write: grant, code, audit event
//!                 │                      │
//!                 │ invalid              └──► Login, StepUp, Consent ──► sealed in the URL of a page
//!                 ▼                                                         │ record_*: a row
//!           a page, or an error                resume ◄─────────────────────┘
//!           for the client                        └──► interaction::next_step, as above
//! ```
//!
//! Owns `authorization_requests` and the issuing of codes. Leaves the pages to `http::pages`, authentication
//! to `login`, and the redemption of codes to `tokens`. No page decides the next step: a page records what
//! the user did and redirects the browser to [`resume`]. A request is stored when one of the issuer's forms
//! is posted for it. Opening a link stores nothing, so links cannot fill the database.

pub mod backchannel_logout;
mod claims_parameter;
pub mod error;
mod error_target;
mod explanations;
pub mod interaction;
pub mod logout;
pub mod parameters;
mod past_request;
mod pending;
mod preferences;
mod redirect_uri;
pub mod request;
pub mod request_parameters;
mod response;
mod sealed;
pub mod signed_out_apps;
mod third_party_login;

use postern_service::database::DatabaseError;
use uuid::Uuid;

use self::request::RequestError;
pub use self::{
    claims_parameter::RequestedClaims,
    error::{AuthorizationError, ErrorCode, UntrustedRequest},
    interaction::{AuthorizationStep, InteractionContext, RecordedStep, RequestProgress, next_step},
    parameters::{MalformedParameters, Parameters},
    past_request::client_of_past_request,
    pending::{
        ConsentAnswer, InteractionError, LoginStepRecorder, PendingRequest, RequestNotPending, RequestRow,
        find_pending, record_consent, record_unreachable_acr,
    },
    request::AuthorizationRequest,
    response::{AuthorizationResponse, RenderedResponse},
    sealed::RequestHandle,
    third_party_login::third_party_login_uri,
};
use crate::{
    App,
    clients::subject_for,
    consents,
    core::RequestContext,
    crypto::CryptoError,
    login,
    sessions::{self, SignedInUser},
};

/// The two secrets in a browser's cookies.
#[derive(Clone, Copy)]
pub struct Browser<'a> {
    /// From the session cookie; none when the browser is not signed in.
    pub session_secret: Option<&'a str>,
    /// From the cookie that identifies the browser, signed in or not. Requests are bound to its hash.
    pub browser_secret: &'a str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrowserDestination {
    /// To the login page, for the request with this handle.
    Login(RequestHandle),
    /// To the registration page, from which the login page can be reached.
    Register(RequestHandle),
    /// To the step-up page.
    StepUp(RequestHandle),
    /// To the consent page.
    Consent(RequestHandle),
    /// The redirect URI of the client, with the response.
    Client(AuthorizationResponse),
}

/// Why the browser gets an error page instead of a redirect.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizationPageError {
    /// The client or its redirect URI is not validated.
    #[error(transparent)]
    Untrusted(#[from] UntrustedRequest),
    /// The request is not pending in this browser.
    #[error(transparent)]
    RequestNotPending(#[from] RequestNotPending),
    /// Sealing the request failed.
    #[error("the request could not be sealed")]
    Crypto(#[from] CryptoError),
    /// A database operation failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<InteractionError> for AuthorizationPageError {
    fn from(cause: InteractionError) -> Self {
        match cause {
            InteractionError::RequestNotPending(gone) => gone.into(),
            // Only the recording of a step returns these two, and this conversion is not used there.
            InteractionError::StepOutOfOrder | InteractionError::SessionEnded(_) => {
                RequestNotPending::Unknown.into()
            }
            InteractionError::Database(cause) => cause.into(),
        }
    }
}

/// The outcome of an authorization request that came by POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostOutcome {
    /// The request is sealed in this handle. The browser resumes it by GET.
    Sealed(RequestHandle),
    /// The request is invalid. The client receives an error.
    Rejected(AuthorizationResponse),
}

/// Handles a request that came by GET (RFC 6749 section 4.1.1).
pub async fn begin(
    app: &App,
    parameters: &Parameters,
    browser: Browser<'_>,
    context: &RequestContext,
) -> Result<BrowserDestination, AuthorizationPageError> {
    let (client, request) = match request::parse(app, parameters) {
        Ok(parsed) => parsed,
        Err(rejected) => return Ok(BrowserDestination::Client(error_response(app, rejected, context)?)),
    };
    let progress =
        RequestProgress { client: &client, request: &request, received_at: context.now, recorded_steps: &[] };
    advance(app, progress, browser, None, context).await
}

/// Seals a request that came by POST for the GET that follows. An invalid request is answered at once.
pub fn begin_from_post(
    app: &App,
    parameters: &Parameters,
    context: &RequestContext,
) -> Result<PostOutcome, AuthorizationPageError> {
    match request::parse(app, parameters) {
        Ok((_, request)) => Ok(PostOutcome::Sealed(sealed::seal(app, &request, None, context.now)?)),
        Err(rejected) => Ok(PostOutcome::Rejected(error_response(app, rejected, context)?)),
    }
}

/// Continues a request that is pending in this browser.
pub async fn resume(
    app: &App,
    handle: &RequestHandle,
    browser: Browser<'_>,
    context: &RequestContext,
) -> Result<BrowserDestination, AuthorizationPageError> {
    let pending = pending::find_or_bind(app, handle, browser.browser_secret).await?;
    advance(app, pending.progress(), browser, Some(&pending.handle), context).await
}

/// The next step of a pending request. A page asks this before it renders its form.
pub async fn next_step_of(
    app: &App,
    pending: &PendingRequest,
    signed_in: Option<&SignedInUser>,
) -> Result<AuthorizationStep, DatabaseError> {
    decide(app, pending.progress(), signed_in).await
}

/// Answers the request, or names the page for the next step. `handle` is the request's handle, if it has one.
async fn advance(
    app: &App,
    progress: RequestProgress<'_>,
    browser: Browser<'_>,
    handle: Option<&RequestHandle>,
    context: &RequestContext,
) -> Result<BrowserDestination, AuthorizationPageError> {
    let pending_id = handle.and_then(RequestHandle::row);
    let signed_in = match browser.session_secret {
        Some(secret) => sessions::find(app, secret).await?,
        None => None,
    };
    let page = match (decide(app, progress, signed_in.as_ref()).await?, &signed_in) {
        (AuthorizationStep::Respond(Ok(())), Some(signed_in)) => {
            match response::respond_with_code(app, progress.request, signed_in, pending_id, context).await? {
                Some(response) => return Ok(BrowserDestination::Client(response)),
                None => BrowserDestination::Login,
            }
        }
        (AuthorizationStep::Respond(Err(refusal)), _) => {
            let response =
                response::respond_with_error(app, progress.request, refusal, pending_id, context).await?;
            return Ok(BrowserDestination::Client(response));
        }
        (AuthorizationStep::StepUp, _) => BrowserDestination::StepUp,
        (AuthorizationStep::Consent, _) => BrowserDestination::Consent,
        (AuthorizationStep::Login, _) if begins_with_registration(app, progress, pending_id) => {
            BrowserDestination::Register
        }
        // Defence in depth: no code is issued without a session, whatever the checks decide.
        (AuthorizationStep::Login | AuthorizationStep::Respond(Ok(())), _) => BrowserDestination::Login,
    };
    Ok(page(match handle {
        Some(handle) => handle.clone(),
        None => sealed::seal(app, progress.request, Some(browser.browser_secret), progress.received_at)?,
    }))
}

/// Whether `prompt=create` leads to the registration page. A request that is stored has had a form posted for it,
/// such as that of a registration: then the person has an account and signs in.
fn begins_with_registration(app: &App, progress: RequestProgress<'_>, pending_id: Option<Uuid>) -> bool {
    progress.request.prompt.create && pending_id.is_none() && login::self_registration_allowed(app)
}

/// Gathers the input of the checks and runs them.
async fn decide(
    app: &App,
    progress: RequestProgress<'_>,
    signed_in: Option<&SignedInUser>,
) -> Result<AuthorizationStep, DatabaseError> {
    let client_identity_proven =
        redirect_uri::proves_client_identity(app, progress.client, &progress.request.redirect_uri);
    let stored_consent = match signed_in {
        Some(signed_in) if interaction::stored_consent_may_apply(progress, client_identity_proven) => {
            consents::find(app.db.reader(), signed_in.user.id, progress.client.client_id()).await?
        }
        _ => None,
    };
    let login_method_allowed = signed_in
        .is_none_or(|signed_in| login::first_factor_allowed(app, progress.client, &signed_in.session.amr));
    let required_acr = progress.request.requirement(app, progress.client).min_acr;
    let subject_mismatch = match (signed_in, &progress.request.expected_subject) {
        (Some(signed_in), Some(expected)) => {
            subject_for(&app.vault, progress.client, signed_in.user.subject) != *expected
        }
        _ => false,
    };
    Ok(next_step(&InteractionContext {
        now: app.clock.now(),
        progress,
        client_identity_proven,
        signed_in,
        subject_mismatch,
        stored_consent: stored_consent.as_ref(),
        required_acr,
        login_method_allowed,
    }))
}

/// The response with an error, if the client's redirect URI is validated.
fn error_response(
    app: &App,
    rejected: RequestError,
    context: &RequestContext,
) -> Result<AuthorizationResponse, UntrustedRequest> {
    match rejected {
        RequestError::Untrusted(cause) => Err(cause),
        RequestError::Redirectable { target, error: refusal } => {
            Ok(AuthorizationResponse::with_error(app, target, refusal, context))
        }
    }
}
