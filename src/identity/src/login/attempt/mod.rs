//! Takes one sign-in from the first address typed to a session.
//!
//! An attempt is named by a 256-bit secret, stored hashed, and bound to the client and the browser that
//! began it. It survives a restart. For a name that nobody has, or whose account is disabled, everything
//! happens alike and nothing is ever accepted.
//!
//! ```text
//!   begin ──► challenge open ──► verify: reserve a try ──► judge ──► accept ──► done: a session
//!               ▲    │ resend       (committed alone)      │           │
//!               ├────┘                                     ▼           ▼ more is needed
//!               │                                       refused      begin the next factor
//!               └──────────────────────────────────────────┴───────────┘
//! ```
//!
//! [`at_once`] begins with the answer, for a password in one request: the try of the new attempt is taken as it is stored.
//!
//! The rules that must not be broken: a try is reserved by a conditional update before anything is
//! compared, so that parallel guesses cannot share one; what a proof consumes, the attempt's progress
//! and the session are one write, so that of parallel right answers one succeeds; whether a sign-in is
//! done is computed from the proofs kept here and by [`policy`](super::policy) alone.

mod accept;
mod address_proof;
mod arrival;
mod judging;
mod look;
mod reserve;
mod sending;
mod session;
mod store;

use std::time::Duration;

use postern_entities::attempts;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Insertion, Transaction},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

pub use self::{
    accept::{Completion, SignedInNow, Verified, Verify, at_once, verify},
    judging::Judging,
    look::{Look, look},
};

use self::{sending::Sending, store::Opening};
use super::{
    Challenge, Context, LoginError, LoginMethod,
    policy::{Acr, Decision, Factor, Requirement, Shown},
};
use crate::{
    app::App,
    audit::{Event, Origin},
    clients::Client,
    crypto, mail,
    sessions::SignedIn,
    users::{self, Email, User},
};

/// What stands for the earlier sign-in of a session among the proofs.
const SESSION: &str = "session";

/// What an attempt begins from.
#[derive(Clone, Copy)]
pub enum Start<'a> {
    /// Somebody typed an address.
    New {
        /// As typed.
        identifier: &'a str,
        /// Whether the browser is to keep the session.
        remembered: bool,
    },
    /// Somebody whom the answer will name.
    Unnamed {
        /// Whether the browser is to keep the session.
        remembered: bool,
    },
    /// The next factor of an attempt, or its code once more.
    Continue {
        /// The attempt's secret.
        attempt: &'a str,
    },
    /// Somebody who is signed in must prove more; what the session proved counts.
    StepUp {
        /// Their session.
        signed_in: &'a SignedIn,
    },
}

/// What an attempt is bound to besides its client.
#[derive(Clone, Copy, Default)]
pub struct Binding<'a> {
    /// The authorization request it serves.
    pub authorization_request: Option<Uuid>,
    /// The cookie of the browser.
    pub browser_secret: Option<&'a str>,
}

/// Input of [`begin`].
pub struct Begin<'a> {
    /// The client that asks; none for our own pages.
    pub client: Option<&'a Client>,
    /// Name of the method.
    pub method: &'a str,
    /// From what.
    pub start: Start<'a>,
    /// Bound to what.
    pub binding: Binding<'a>,
    /// What the sign-in must reach. Kept with a new attempt; ignored when one continues.
    pub requirement: Requirement,
    /// The secret by which accounts know the device, as it came.
    pub device: Option<&'a str>,
    /// Language of the person, for what is sent.
    pub language: &'a str,
    /// Where the request came from.
    pub origin: &'a Origin,
    /// Stored with the challenge, under the same limits: the row of the authorization request, where it is new.
    pub stores: Option<Insertion>,
}

/// An open challenge.
#[derive(Clone)]
pub struct Begun {
    /// The attempt's secret, which also continues it.
    pub attempt: String,
    /// How long the challenge can be answered.
    pub expires_in: Duration,
    /// Members of the method's own, such as WebAuthn options.
    pub challenge: serde_json::Map<String, Value>,
}

/// What is kept of the wish of whoever began it.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Asked {
    requirement: Requirement,
    /// The session that is stepped up.
    step_up_of: Option<Uuid>,
    /// Whether the browser is to keep the session; none where there was no such choice.
    #[serde(default)]
    remembered: Option<bool>,
}

/// An attempt as it is being worked on.
struct Draft {
    secret: String,
    row: attempts::Model,
    user: Option<User>,
    new: bool,
}

/// Opens a challenge: of a new attempt, of the next factor of one, or the same one once more.
///
/// Takes the same steps whether or not the identifier names an account.
pub async fn begin(app: &App, begin: Begin<'_>) -> Result<Begun, LoginError> {
    let now = app.clock.now();
    let method = app.login_methods.find(app, begin.method)?;
    let draft = match begin.start {
        Start::New { identifier, .. } => named(app, &begin, identifier, now).await?,
        Start::StepUp { signed_in } => stepping_up(app, &begin, signed_in, now),
        Start::Unnamed { .. } => new_draft(app, &begin, "", None, None, now),
        Start::Continue { attempt } => continued(app, &begin, attempt, now).await?,
    };
    if draft.row.identifier.is_empty() && !method.names_its_user() {
        return Err(LoginError::MalformedIdentifier);
    }
    must_be_next(app, &**method, &draft.row, draft.user.as_ref()).await?;
    let mut challenge = {
        let from = From { client: begin.client, language: begin.language, origin: begin.origin };
        let cx = context(app, &draft.row, draft.user.as_ref(), from, now)?;
        method.begin(&cx, draft.user.as_ref()).await?
    };
    let expires_in = match &challenge.code {
        Some(code) => code.expires_at - now,
        None => ends_at(&draft.row) - now,
    };
    let shown = std::mem::take(&mut challenge.shown);
    let message = challenge.message.take();
    let secret = draft.secret.clone();
    let sent = keep(app, &begin, &**method, draft, challenge, now).await?;
    app.jobs.wake();
    if let Some(message) = message.filter(|_| sent) {
        mail::tell(app, message).map_err(|cause| LoginError::Method(Box::new(cause)))?;
    }
    Ok(Begun { attempt: secret, expires_in, challenge: shown })
}

async fn named(app: &App, begin: &Begin<'_>, identifier: &str, now: Timestamp) -> Result<Draft, LoginError> {
    let email = Email::parse(identifier).map_err(|_| LoginError::MalformedIdentifier)?;
    let user = users::find_by_email(app.db.reader(), &email).await?;
    let user = user.filter(|user| users::may_sign_in(user, now));
    Ok(new_draft(app, begin, email.as_str(), user, None, now))
}

fn stepping_up(app: &App, begin: &Begin<'_>, signed_in: &SignedIn, now: Timestamp) -> Draft {
    let SignedIn { session, user } = signed_in;
    let mut draft = new_draft(app, begin, &user.email.clone(), Some(user.clone()), Some(session.sid), now);
    let amr = serde_json::from_value(session.amr.clone()).unwrap_or_default();
    draft.row.proofs = json!([Shown {
        method: SESSION.to_owned(),
        amr,
        // Whatever it was, it counts as the least there is.
        factor: Factor::Reads,
        user_verified: false,
        at: Timestamp::from_micros(session.auth_time),
    }]);
    draft
}

fn new_draft(
    app: &App,
    begin: &Begin<'_>,
    identifier: &str,
    user: Option<User>,
    step_up_of: Option<Uuid>,
    now: Timestamp,
) -> Draft {
    let secret = app.random.token();
    let remembered = match begin.start {
        Start::New { remembered, .. } | Start::Unnamed { remembered } => Some(remembered),
        Start::Continue { .. } | Start::StepUp { .. } => None,
    };
    let asked = Asked { requirement: begin.requirement.clone(), step_up_of, remembered };
    let row = attempts::Model {
        attempt_hash: crypto::token_hash(&secret),
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
        created_at: now.micros(),
        expires_at: (now + app.config.login.attempt_lifetime.duration()).micros(),
        completed_at: None,
    };
    Draft { secret, row, user, new: true }
}

async fn continued(app: &App, begin: &Begin<'_>, attempt: &str, now: Timestamp) -> Result<Draft, LoginError> {
    let bound = store::Bound::new(begin.client, &begin.binding, attempt);
    let row = store::find(app, &bound, now).await?.ok_or(LoginError::Ended)?;
    let user = store::user_of(app, &row).await?;
    Ok(Draft { secret: attempt.to_owned(), row, user, new: false })
}

/// The method must be what comes next, by the policy and the proofs so far.
async fn must_be_next(
    app: &App,
    method: &dyn LoginMethod,
    row: &attempts::Model,
    user: Option<&User>,
) -> Result<(), LoginError> {
    match super::decide(app, &asked(row)?.requirement, user, &proofs(row)?).await? {
        Decision::More(names) if names.iter().any(|name| name == method.name()) => Ok(()),
        _ => Err(LoginError::NotOffered),
    }
}

/// What a request says of whoever sent it.
#[derive(Clone, Copy)]
struct From<'a> {
    client: Option<&'a Client>,
    language: &'a str,
    origin: &'a Origin,
}

fn context<'a>(
    app: &'a App,
    row: &'a attempts::Model,
    user: Option<&'a User>,
    from: From<'a>,
    now: Timestamp,
) -> Result<Context<'a>, LoginError> {
    let From { client, language, origin } = from;
    Ok(Context {
        app,
        attempt_hash: &row.attempt_hash,
        attempt_ends_at: ends_at(row),
        identifier: &row.identifier,
        user,
        proven: !proofs(row)?.is_empty(),
        client,
        language,
        origin,
        now,
    })
}

/// Counts, keeps the challenge and enqueues what it sends, in one write. Whether it is sent.
async fn keep(
    app: &App,
    begin: &Begin<'_>,
    method: &dyn LoginMethod,
    draft: Draft,
    challenge: Challenge,
    now: Timestamp,
) -> Result<bool, LoginError> {
    let Draft { row, user, new, .. } = draft;
    let job = challenge.job.clone().map(|job| job.seal(app)).transpose()?;
    // Where nothing is sent or made, only the answer is worth a record.
    let event = method.challenges().then(|| begun(method, &row, user.as_ref(), new));
    let kept = app
        .db
        .write(async |tx| -> Result<_, LoginError> {
            let sending = if challenge.code.is_some() {
                sending::of_code(app, tx, &row, (begin.device, begin.origin), now).await?
            } else {
                sending::nothing(app, tx, begin.origin, now).await?
            };
            let (sent, goes) = match sending {
                Sending::Code(sent) => (Some(sent), true),
                Sending::Withheld(sent) => {
                    tracing::info!(
                        method = method.name(),
                        "no second code is sent: an attempt of the same source for this recipient goes on"
                    );
                    (Some(sent), false)
                }
                Sending::Nothing => (None, true),
                Sending::Limited(retry_after) => return Ok(Err(retry_after)),
            };
            let attempt_hash = row.attempt_hash.clone();
            let opening = Opening { method: method.name(), challenge, sent };
            if !store::open_challenge(tx, row, opening, new, now).await? {
                return Err(store::why_not_opened(tx, attempt_hash, now).await?);
            }
            if let Some(row) = &begin.stores {
                tx.later(row);
            }
            if let Some(job) = job.filter(|_| goes) {
                job.enqueue(tx).await?;
            }
            if let Some(event) = event {
                event.record(app, tx, begin.origin, now).await?;
            }
            Ok(Ok(goes))
        })
        .await?;
    kept.map_err(|retry_after| LoginError::Limited { retry_after })
}

fn begun(method: &dyn LoginMethod, row: &attempts::Model, user: Option<&User>, new: bool) -> Event {
    let event = Event::new("login.begun")
        .user(user.map(|user| user.id))
        .details(json!({ "method": method.name(), "resumed": !new }));
    // Our own pages sign in without a client.
    match &row.client_id {
        Some(client_id) => event.client(client_id),
        None => event,
    }
}

async fn record_limited(
    app: &App,
    tx: &Transaction,
    limit: &'static str,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let event = Event::new("login.limited").details(json!({ "limit": limit }));
    event.record(app, tx, origin, now).await
}

/// Ends the attempts of a user that go on, because what they signed in with was changed.
pub async fn end_of_user(tx: &Transaction, user_id: Uuid, now: Timestamp) -> Result<(), DatabaseError> {
    store::end_of_user(tx, user_id, now).await
}

fn asked(row: &attempts::Model) -> Result<Asked, LoginError> {
    read(&row.requested)
}

fn proofs(row: &attempts::Model) -> Result<Vec<Shown>, LoginError> {
    read(&row.proofs)
}

fn read<T: serde::de::DeserializeOwned>(column: &Value) -> Result<T, LoginError> {
    T::deserialize(column).map_err(|cause| sea_orm::DbErr::Type(cause.to_string()).into())
}

fn ends_at(row: &attempts::Model) -> Timestamp {
    Timestamp::from_micros(row.expires_at)
}

/// Methods that may follow for a session that must prove more; empty when the account has none that would prove more than
/// the session does already.
pub async fn step_up_methods(
    app: &App,
    signed_in: &SignedIn,
    requirement: &Requirement,
) -> Result<Vec<String>, LoginError> {
    let shown = Shown {
        method: SESSION.to_owned(),
        amr: Vec::new(),
        factor: Factor::Reads,
        user_verified: false,
        at: Timestamp::from_micros(signed_in.session.auth_time),
    };
    Ok(match super::decide(app, requirement, Some(&signed_in.user), &[shown]).await? {
        Decision::More(names) => names.into_iter().filter(|name| lifts(app, name, signed_in)).collect(),
        Decision::Done(_) | Decision::Short(_) => Vec::new(),
    })
}

fn lifts(app: &App, method: &str, signed_in: &SignedIn) -> bool {
    let level = signed_in.session.acr.parse().unwrap_or(Acr::Aal1);
    app.login_methods.find(app, method).is_ok_and(|method| method.kind().lifts_to() > level)
}
