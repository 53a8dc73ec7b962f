//! Defines an attempt: one sign-in in progress, from the first request to a session.
//!
//! An attempt is identified by a 256-bit secret, which is stored hashed, and is bound to the client and the
//! browser that began it. An attempt survives a restart of the server. For an email without an account, or
//! with a disabled one, everything happens alike and no response is ever accepted.
//!
//! ```text
//!   begin ──► challenge open ──► verify: reserve a try ──► judge ──► accept ──► complete: a session
//!               ▲    │ resend       (committed alone)      │           │
//!               ├────┘                                     ▼           ▼ another factor is required
//!               │                                       rejected     begin the next factor
//!               └──────────────────────────────────────────┴───────────┘
//! ```
//!
//! [`begin_and_verify`] begins an attempt with the response, for a password in one request: the attempt is
//! stored with its first try already reserved.
//!
//! The rules that must not be broken:
//!
//! - A conditional update reserves a try before anything is compared, so that parallel guesses cannot share a
//!   try.
//! - What a proof consumes, the progress of the attempt and the session are one write, so that only one of
//!   several parallel right responses succeeds.
//! - Whether a sign-in is complete follows from the stored factors and [`policy`](super::policy) alone.

mod accept;
mod device_notice;
mod email_proof;
mod reserve;
mod sending;
mod session;
mod status;
mod store;

use std::time::Duration;

use postern_entities::attempts;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Insertion},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

pub use self::{
    accept::{CompletedLogin, LoginOutcome, VerifyParameters, begin_and_verify, verify},
    sending::RESEND_DELAY,
    status::{AttemptStatus, status},
};
pub use crate::app::Completion;

use self::{sending::SendDecision, store::NewChallenge};
use super::{
    Challenge, Context, LoginError, LoginMethod,
    policy::{AuthenticationRequirement, Factor, NextStep, VerifiedFactor},
};
use crate::{
    app::App,
    audit::Event,
    clients::Client,
    core::{RequestContext, Write},
    crypto, mail,
    sessions::SignedInUser,
    users::{self, Email, User},
};

/// The method name of the factor that represents the earlier authentication of a session.
const SESSION_METHOD: &str = "session";

/// How a challenge is begun.
#[derive(Clone, Copy)]
pub enum AttemptStart<'a> {
    /// A new attempt for an email.
    WithIdentifier {
        /// The email as entered.
        identifier: &'a str,
        /// Whether the session outlives the browser ("stay signed in").
        remembered: bool,
    },
    /// A new attempt without an email: the response will name the user (WebAuthn: a discoverable credential).
    Discoverable {
        /// Whether the session outlives the browser ("stay signed in").
        remembered: bool,
    },
    /// The next factor of an attempt, or a resend of its code.
    Continue { attempt: &'a str },
    /// A new attempt of a signed-in user who must reach a higher level; the session's own authentication
    /// counts as the first factor.
    StepUp { signed_in: &'a SignedInUser },
}

/// What an attempt is bound to besides its client. An attempt can only be continued from the same
/// authorization request and browser.
#[derive(Clone, Copy, Default)]
pub struct AttemptBinding<'a> {
    /// The authorization request that the sign-in is for; none for the provider's own pages and the
    /// first-party API.
    pub authorization_request: Option<Uuid>,
    /// The secret in the browser's cookie; none for an app without cookies.
    pub browser_secret: Option<&'a str>,
}

pub struct BeginParameters<'a> {
    /// The requesting client; none for the provider's own pages.
    pub client: Option<&'a Client>,
    /// Name of the login method.
    pub method: &'a str,
    pub start: AttemptStart<'a>,
    pub binding: AttemptBinding<'a>,
    /// What the sign-in must fulfil. Stored with a new attempt; ignored when an attempt continues.
    pub requirement: AuthenticationRequirement,
    /// The device secret as the request carried it, unverified ([`super::devices`]).
    pub device_secret: Option<&'a str>,
    pub context: &'a RequestContext,
    /// The row of a new authorization request, stored in the same write as the challenge and so under the
    /// same limits.
    pub authorization_request_row: Option<Insertion>,
}

/// A challenge that was opened.
#[derive(Clone)]
pub struct ChallengeOpened {
    /// The attempt's secret, which also continues the attempt.
    pub attempt_secret: SecretString,
    /// Time until the challenge expires.
    pub expires_in: Duration,
    /// The method's own members of the answer, such as WebAuthn options.
    pub challenge: serde_json::Map<String, Value>,
}

/// What the attempt was begun for. Stored with the attempt as JSON.
#[derive(Clone, Default, Serialize, Deserialize)]
struct RequestedLogin {
    requirement: AuthenticationRequirement,
    step_up_of: Option<Uuid>,
    /// Whether the session outlives the browser; none where the user had no such choice.
    #[serde(default)]
    remembered: Option<bool>,
}

/// An attempt that a request is working on, with the secret that the database does not have.
struct AttemptDraft {
    secret: SecretString,
    row: attempts::Model,
    user: Option<User>,
    new: bool,
}

/// Opens a challenge: of a new attempt, of the next factor of an attempt, or the same challenge again.
///
/// Takes the same steps whether or not the identifier names an account.
pub async fn begin(app: &App, begin: BeginParameters<'_>) -> Result<ChallengeOpened, LoginError> {
    let now = begin.context.now;
    let method = app.login_methods.find(app, begin.method)?;
    let draft = match begin.start {
        AttemptStart::WithIdentifier { identifier, .. } => {
            draft_for_identifier(app, &begin, identifier, now).await?
        }
        AttemptStart::StepUp { signed_in } => draft_for_step_up(app, &begin, signed_in),
        AttemptStart::Discoverable { .. } => new_draft(app, &begin, "", None, None),
        AttemptStart::Continue { attempt } => draft_from_stored(app, &begin, attempt, now).await?,
    };
    if draft.row.identifier.is_empty() && !method.discoverable() {
        return Err(LoginError::MalformedIdentifier);
    }
    require_next_method(app, &**method, &draft.row, draft.user.as_ref()).await?;
    let mut challenge = {
        let from = RequestDetails { client: begin.client, context: begin.context };
        let cx = context(app, &draft.row, draft.user.as_ref(), from)?;
        method.begin(&cx, draft.user.as_ref()).await?
    };
    let expires_in = match &challenge.code {
        Some(code) => code.expires_at - now,
        None => expires_at(&draft.row) - now,
    };
    let shown = std::mem::take(&mut challenge.public_members);
    let message = challenge.message.take();
    let secret = draft.secret.clone();
    let sent = store_challenge(app, &begin, &**method, draft, challenge).await?;
    if let Some(message) = message.filter(|_| sent) {
        mail::write_to_console(app, &app.mailer, message)
            .map_err(|cause| LoginError::MethodFailed(Box::new(cause)))?;
    }
    Ok(ChallengeOpened { attempt_secret: secret, expires_in, challenge: shown })
}

async fn draft_for_identifier(
    app: &App,
    begin: &BeginParameters<'_>,
    identifier: &str,
    now: Timestamp,
) -> Result<AttemptDraft, LoginError> {
    let email = Email::parse(identifier).map_err(|_| LoginError::MalformedIdentifier)?;
    let user = users::find_by_email(app.db.reader(), &email).await?;
    let user = user.filter(|user| users::may_sign_in(user, now));
    Ok(new_draft(app, begin, email.as_str(), user, None))
}

fn draft_for_step_up(app: &App, begin: &BeginParameters<'_>, signed_in: &SignedInUser) -> AttemptDraft {
    let SignedInUser { session, user } = signed_in;
    let mut draft = new_draft(app, begin, &user.email.clone(), Some(user.clone()), Some(session.sid));
    draft.row.proofs = json!([VerifiedFactor {
        method: SESSION_METHOD.to_owned(),
        amr: session.amr.to_vec(),
        // The session's own factors are not known any more, so they count as the weakest kind.
        factor: Factor::OutOfBand,
        user_verified: false,
        at: session.auth_time,
    }]);
    draft
}

fn new_draft(
    app: &App,
    begin: &BeginParameters<'_>,
    identifier: &str,
    user: Option<User>,
    step_up_of: Option<Uuid>,
) -> AttemptDraft {
    let now = begin.context.now;
    let secret = app.random.token();
    let remembered = match begin.start {
        AttemptStart::WithIdentifier { remembered, .. } | AttemptStart::Discoverable { remembered } => {
            Some(remembered)
        }
        AttemptStart::Continue { .. } | AttemptStart::StepUp { .. } => None,
    };
    let asked = RequestedLogin { requirement: begin.requirement.clone(), step_up_of, remembered };
    let row = attempts::Model {
        attempt_hash: crypto::token_hash(secret.expose_secret()),
        client_id: begin.client.map(|client| client.client_id().to_owned()),
        authorization_request_id: begin.binding.authorization_request,
        browser_hash: begin.binding.browser_secret.map(crypto::token_hash),
        identifier: identifier.to_owned(),
        user_id: user.as_ref().map(|user| user.id),
        requested: json!(asked),
        proofs: json!([]),
        method: None,
        challenge: None,
        code_mac: None,
        code_expires_at: None,
        source_hash: None,
        sent_at: None,
        sends: 0,
        tries_left: i32::from(app.config.login.code_tries),
        created_at: now,
        expires_at: now + app.config.login.attempt_lifetime.duration(),
        completed_at: None,
    };
    AttemptDraft { secret, row, user, new: true }
}

async fn draft_from_stored(
    app: &App,
    begin: &BeginParameters<'_>,
    attempt: &str,
    now: Timestamp,
) -> Result<AttemptDraft, LoginError> {
    let bound = store::AttemptSelector::new(begin.client, &begin.binding, attempt);
    let row = store::find(app, &bound, now).await?.ok_or(LoginError::AttemptEnded)?;
    let user = store::user_of(app, &row).await?;
    Ok(AttemptDraft { secret: attempt.into(), row, user, new: false })
}

/// Requires that the method is the next step by the policy and the verified factors.
async fn require_next_method(
    app: &App,
    method: &dyn LoginMethod,
    row: &attempts::Model,
    user: Option<&User>,
) -> Result<(), LoginError> {
    match super::next_step(app, &requested_login(row)?.requirement, user, &verified_factors(row)?).await? {
        NextStep::FactorRequired(names) if names.iter().any(|name| name == method.name()) => Ok(()),
        _ => Err(LoginError::MethodNotOffered),
    }
}

/// The parts of the request that a login method needs.
#[derive(Clone, Copy)]
struct RequestDetails<'a> {
    client: Option<&'a Client>,
    context: &'a RequestContext,
}

fn context<'a>(
    app: &'a App,
    row: &'a attempts::Model,
    user: Option<&'a User>,
    from: RequestDetails<'a>,
) -> Result<Context<'a>, LoginError> {
    let RequestDetails { client, context } = from;
    Ok(Context {
        app,
        attempt_hash: row.attempt_hash,
        attempt_ends_at: expires_at(row),
        identifier: &row.identifier,
        user,
        first_factor_verified: !verified_factors(row)?.is_empty(),
        client,
        context,
    })
}

/// Counts the request, stores the challenge and enqueues the job that sends it, in one write. True when the
/// code is sent; false when it is withheld.
async fn store_challenge(
    app: &App,
    begin: &BeginParameters<'_>,
    method: &dyn LoginMethod,
    draft: AttemptDraft,
    challenge: Challenge,
) -> Result<bool, LoginError> {
    let AttemptDraft { row, user, new, .. } = draft;
    let job = challenge.job.clone().map(|job| job.seal(app)).transpose()?;
    // A method without a challenge is audited by its response only.
    let event = method.requires_challenge().then(|| begun_event(method, &row, user.as_ref(), new));
    let kept = app
        .write(begin.context, async |write| -> Result<_, LoginError> {
            let sending = if challenge.code.is_some() {
                sending::decide_code(write, &row, begin.device_secret).await?
            } else {
                sending::count_without_code(write).await?
            };
            let (sent, goes) = match sending {
                SendDecision::Send(sent) => (Some(sent), true),
                SendDecision::Withhold(sent) => {
                    tracing::info!(
                        method = method.name(),
                        "no second code is sent: an attempt of the same source for this recipient goes on"
                    );
                    (Some(sent), false)
                }
                SendDecision::NothingToSend => (None, true),
                SendDecision::Limited(retry_after) => return Ok(Err(retry_after)),
            };
            let attempt_hash = row.attempt_hash;
            let opening = NewChallenge { method: method.name(), challenge, sent };
            if !store::open_challenge(write, row, opening, new).await? {
                return Err(store::open_failure(write, attempt_hash).await?);
            }
            if let Some(row) = &begin.authorization_request_row {
                write.defer(row);
            }
            if let Some(job) = job.filter(|_| goes) {
                job.enqueue(write).await?;
            }
            if let Some(event) = event {
                event.record(write).await?;
            }
            Ok(Ok(goes))
        })
        .await?;
    kept.map_err(|retry_after| LoginError::Limited { retry_after })
}

fn begun_event(method: &dyn LoginMethod, row: &attempts::Model, user: Option<&User>, new: bool) -> Event {
    let event = Event::new("login.begun")
        .user(user.map(|user| user.id))
        .details(json!({ "method": method.name(), "resumed": !new }));
    // The provider's own pages sign in without a client.
    match &row.client_id {
        Some(client_id) => event.client(client_id),
        None => event,
    }
}

async fn record_limited(write: &Write<'_>, limit: &'static str) -> Result<(), DatabaseError> {
    let event = Event::new("login.limited").details(json!({ "limit": limit }));
    event.record(write).await
}

/// Ends the live attempts of a user, because the credentials that the user signed in with have changed.
pub async fn end_attempts_of_user(write: &Write<'_>, user_id: Uuid) -> Result<(), DatabaseError> {
    store::end_of_user(write, user_id).await
}

fn requested_login(row: &attempts::Model) -> Result<RequestedLogin, LoginError> {
    from_json_column(&row.requested)
}

fn verified_factors(row: &attempts::Model) -> Result<Vec<VerifiedFactor>, LoginError> {
    from_json_column(&row.proofs)
}

fn from_json_column<T: serde::de::DeserializeOwned>(column: &Value) -> Result<T, LoginError> {
    T::deserialize(column).map_err(|cause| sea_orm::DbErr::Type(cause.to_string()).into())
}

fn expires_at(row: &attempts::Model) -> Timestamp {
    row.expires_at
}

/// Methods by which a signed-in user can step up; empty when the account has no method that would raise the
/// session's level.
pub async fn step_up_methods(
    app: &App,
    signed_in: &SignedInUser,
    requirement: &AuthenticationRequirement,
) -> Result<Vec<String>, LoginError> {
    let shown = VerifiedFactor {
        method: SESSION_METHOD.to_owned(),
        amr: Vec::new(),
        factor: Factor::OutOfBand,
        user_verified: false,
        at: signed_in.session.auth_time,
    };
    Ok(match super::next_step(app, requirement, Some(&signed_in.user), &[shown]).await? {
        NextStep::FactorRequired(names) => {
            names.into_iter().filter(|name| raises_acr(app, name, signed_in)).collect()
        }
        NextStep::Complete(_) | NextStep::InsufficientAcr(_) => Vec::new(),
    })
}

fn raises_acr(app: &App, method: &str, signed_in: &SignedInUser) -> bool {
    let reached = signed_in.session.acr;
    app.login_methods.find(app, method).is_ok_and(|method| method.factor().step_up_acr() > reached)
}
