//! Verifies an answer and accepts its proof.

use postern_entities::attempts;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use serde_json::json;

use super::{
    super::{
        Answer, Challenge, CodeMac, LoginError, LoginMethod, Proof,
        policy::{Decision, Reached, Shown},
    },
    Asked, Binding, From, asked, context, must_be_next, proofs, record_limited,
    store::{self, Bound, Progress},
};
use crate::{
    app::App,
    audit::{Event, Origin},
    clients::Client,
    login,
    rate_limit::{self, Limit, Taken, Use},
    sessions::{self, NewSession, Opened, Proven, Session, SessionKind, SignedIn},
    users::{self, User},
};

/// Input of [`verify`].
pub struct Verify<'a> {
    /// The client that asks; none for our own pages.
    pub client: Option<&'a Client>,
    /// Name of the method.
    pub method: &'a str,
    /// The attempt's secret.
    pub attempt: &'a str,
    /// What was answered.
    pub answer: Answer,
    /// What the attempt must be bound to.
    pub binding: Binding<'a>,
    /// What a completed sign-in opens.
    pub session_kind: SessionKind,
    /// The session this browser has now: renewed for the same user, ended for another one.
    pub current: Option<&'a SignedIn>,
    /// Language of the person, for what is sent.
    pub language: &'a str,
    /// Where the request came from.
    pub origin: &'a Origin,
}

/// What came of a right answer.
#[derive(Clone, Debug)]
pub enum Verified {
    /// The sign-in is complete.
    Done(Box<SignedInNow>),
    /// Another factor is needed; the same attempt goes on. No methods: the account must enrol one
    /// first, elsewhere.
    More {
        /// Which may follow.
        methods: Vec<String>,
    },
    /// The sign-in is complete, but its user has closed the account: an app gets no session.
    Closed {
        /// When the account is deleted.
        deletion_at: Timestamp,
    },
}

/// A sign-in that was just completed.
#[derive(Clone, Debug)]
pub struct SignedInNow {
    /// Its session. Its `acr` may be less than was asked for when the account has nothing more to show.
    pub session: Session,
    /// Its user, who may have closed the account: then the session is good for keeping it only
    /// ([`sessions::find_closed`]).
    pub user: User,
    /// What the browser's cookie must hold from now on; none for API sign-ins.
    pub cookie_secret: Option<String>,
}

/// A try that was reserved.
struct Reserved {
    row: attempts::Model,
    counted: Vec<Use>,
}

/// What came of reserving one.
enum Reservation {
    Reserved(Box<Reserved>),
    Limited(std::time::Duration),
    Ended,
}

/// Judges an answer. Whoever is refused learns nothing of why, but [`LoginError::Ended`] says that this
/// attempt accepts nothing more.
pub async fn verify(app: &App, verify: Verify<'_>) -> Result<Verified, LoginError> {
    let now = app.clock.now();
    let method = app.login_methods.find(app, verify.method)?;
    let Reserved { row, counted } = reserve(app, &verify, now).await?;
    let user = store::user_of(app, &row).await?;
    let outcome = judge(app, &verify, &**method, &row, user.as_ref(), now).await;
    if let Err(LoginError::Busy) = outcome {
        // Nothing was compared.
        app.db.write(async |tx| store::give_back(tx, &row, &counted).await).await?;
    }
    let (row, user) = match &outcome {
        Ok(Proof { user: Some(named), .. }) if row.identifier.is_empty() => {
            let row = attempts::Model { identifier: named.email.clone(), user_id: Some(named.id), ..row };
            (row, Some(named.clone()))
        }
        _ => (row, user),
    };
    let outcome = match (outcome, user) {
        (Ok(proof), Some(user)) => accept(app, &verify, &**method, &row, user, proof, counted, now).await,
        // The code of a decoy is told to nobody; who guesses it has still not named an account.
        (Ok(_), None) => Err(LoginError::Refused),
        (Err(cause), _) => Err(cause),
    };
    if matches!(outcome, Err(LoginError::Refused | LoginError::NotOffered)) {
        record_failure(app, &verify, &row, now).await?;
    }
    app.jobs.wake();
    match outcome {
        Err(LoginError::Refused) if row.tries_left == 0 => Err(LoginError::Ended),
        outcome => outcome,
    }
}

/// Takes a try of the attempt and counts against account and source, before anything is compared. It
/// commits by itself, whatever comes after.
async fn reserve(app: &App, verify: &Verify<'_>, now: Timestamp) -> Result<Reserved, LoginError> {
    let bound = Bound::new(verify.client, &verify.binding, verify.attempt);
    let limits = &app.config.limits;
    let source = rate_limit::source(verify.origin.ip);
    let reservation = app
        .db
        .write(async |tx| -> Result<_, LoginError> {
            let Some(row) = store::reserve_try(tx, &bound, now).await? else { return Ok(Reservation::Ended) };
            let mut counted = Vec::new();
            let of_source = Limit { name: "failures_per_source", rate: limits.failures_per_source };
            for (limit, subject) in [
                (of_source, source.as_str()),
                (failures_of_account(app, verify.method), row.identifier.as_str()),
            ] {
                // An answer that says itself whose it is guesses at no account.
                if subject.is_empty() {
                    continue;
                }
                match rate_limit::take(tx, limit, subject, now).await? {
                    Taken::Within(taken) => counted.push(taken),
                    Taken::Limited { retry_after, first } => {
                        if first {
                            record_limited(app, tx, limit.name, verify.origin, now).await?;
                        }
                        return Ok(Reservation::Limited(retry_after));
                    }
                }
            }
            Ok(Reservation::Reserved(Box::new(Reserved { row, counted })))
        })
        .await?;
    match reservation {
        Reservation::Reserved(reserved) => Ok(*reserved),
        Reservation::Limited(retry_after) => Err(LoginError::Limited { retry_after }),
        Reservation::Ended => Err(LoginError::Ended),
    }
}

/// What limits the failed proofs of one account, by its address. Guesses at its password are counted by themselves, so
/// that they bar nobody from signing in another way.
pub fn failures_of_account(app: &App, method: &str) -> Limit {
    let name = if method == "password" { "password_failures_per_account" } else { "failures_per_account" };
    Limit { name, rate: app.config.limits.failures_per_account }
}

async fn judge(
    app: &App,
    verify: &Verify<'_>,
    method: &dyn LoginMethod,
    row: &attempts::Model,
    user: Option<&User>,
    now: Timestamp,
) -> Result<Proof, LoginError> {
    must_be_next(app, method, row, user).await?;
    if row.method.as_deref() != Some(method.name()) && method.challenges() {
        return Err(LoginError::Refused);
    }
    let code = row.code_mac.clone().zip(row.code_expires_at);
    let challenge = Challenge {
        memory: row.challenge.clone(),
        code: code.map(|(mac, end)| CodeMac { mac, expires_at: Timestamp::from_micros(end) }),
        ..Challenge::default()
    };
    let from = From { client: verify.client, language: verify.language, origin: verify.origin };
    method.verify(&context(app, row, user, from, now)?, &challenge, &verify.answer).await
}

/// Consumes the proof, records it and opens the session, in one write.
#[expect(clippy::too_many_arguments, reason = "what `verify` has gathered, used here only")]
async fn accept(
    app: &App,
    verify: &Verify<'_>,
    method: &dyn LoginMethod,
    row: &attempts::Model,
    user: User,
    proof: Proof,
    counted: Vec<Use>,
    now: Timestamp,
) -> Result<Verified, LoginError> {
    let Asked { requirement, step_up_of } = asked(row)?;
    let mut shown = proofs(row)?;
    shown.push(Shown {
        method: method.name().to_owned(),
        amr: method.amr().iter().chain(&proof.amr).map(|word| (*word).to_owned()).collect(),
        factor: method.kind(),
        user_verified: proof.user_verified,
        at: now,
    });
    let decision = login::decide(app, &requirement, Some(&user), &shown).await?;
    let methods_used: Vec<_> = shown.iter().map(|proof| proof.method.clone()).collect();
    let completed = !matches!(decision, Decision::More(_));
    let progress = Progress { shown, completed, tries: app.config.login.code_tries };
    app.db
        .write(async |tx| {
            consume(app, tx, row, proof, progress, now).await?;
            for taken in &counted {
                rate_limit::give_back(tx, taken).await?;
            }
            // Disabled since the attempt began: read in the same write.
            let user = users::find(tx, user.id).await?.filter(|user| users::may_sign_in(user, now));
            let user = user.ok_or(LoginError::Refused)?;
            let event = event("login.proof_accepted", row).details(json!({ "methods": methods_used }));
            event.record(app, tx, verify.origin, now).await?;
            let of_app = verify.session_kind == SessionKind::Api;
            match (decision, user.deletion_at) {
                (Decision::More(methods), _) => Ok(Verified::More { methods }),
                // An app gets no tokens below the level its client asks for.
                (Decision::Short(_), _) if of_app => Ok(Verified::More { methods: Vec::new() }),
                // In a browser its owner can keep the account.
                (Decision::Done(_), Some(deletion_at)) if of_app => {
                    Ok(Verified::Closed { deletion_at: Timestamp::from_micros(deletion_at) })
                }
                (Decision::Short(reached) | Decision::Done(reached), _) => {
                    sign_in(app, tx, verify, step_up_of, user, reached, now).await
                }
            }
        })
        .await
}

async fn consume(
    app: &App,
    tx: &Transaction,
    row: &attempts::Model,
    proof: Proof,
    progress: Progress,
    now: Timestamp,
) -> Result<(), LoginError> {
    if let Some(once) = proof.consumes
        && !once.consume(app, tx, now).await?
    {
        return Err(LoginError::Refused);
    }
    if store::advance(tx, row, progress, now).await? { Ok(()) } else { Err(LoginError::Refused) }
}

/// A new session, or a new life for the one this browser has: its old cookie is dead either way
/// (OWASP ASVS 7.2.4).
async fn sign_in(
    app: &App,
    tx: &Transaction,
    verify: &Verify<'_>,
    step_up_of: Option<uuid::Uuid>,
    user: User,
    reached: Reached,
    now: Timestamp,
) -> Result<Verified, LoginError> {
    let proven = Proven { auth_time: now, acr: reached.acr.word().to_owned(), amr: reached.amr };
    let opened = match verify.current.filter(|_| verify.session_kind == SessionKind::Browser) {
        Some(current) if current.user.id == user.id => {
            if step_up_of.is_some_and(|sid| sid != current.session.sid) {
                return Err(LoginError::Refused);
            }
            sessions::renew(app, tx, &current.session, proven, verify.origin, now)
                .await?
                .ok_or(LoginError::Refused)?
        }
        // A step-up goes on with what its session proved, so that session must be the browser's.
        _ if step_up_of.is_some() => return Err(LoginError::Refused),
        current => {
            if let Some(other) = current {
                sessions::end(app, tx, other.session.sid, "replaced", verify.origin, now).await?;
            }
            open(app, tx, verify, &user, proven, now).await?
        }
    };
    let Opened { session, cookie_secret } = opened;
    Ok(Verified::Done(Box::new(SignedInNow { session, user, cookie_secret })))
}

async fn open(
    app: &App,
    tx: &Transaction,
    verify: &Verify<'_>,
    user: &User,
    proven: Proven,
    now: Timestamp,
) -> Result<Opened, DatabaseError> {
    let new = NewSession {
        user_id: user.id,
        kind: verify.session_kind,
        client_id: verify.client.map(|client| client.client_id().to_owned()),
        proven,
        origin: verify.origin.clone(),
    };
    sessions::open(app, tx, new, now).await
}

async fn record_failure(
    app: &App,
    verify: &Verify<'_>,
    row: &attempts::Model,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let event = event("login.failed", row).details(json!({ "method": verify.method }));
    app.db.write(async |tx| event.record(app, tx, verify.origin, now).await).await
}

fn event(kind: &'static str, row: &attempts::Model) -> Event {
    let event = Event::new(kind).user(row.user_id);
    match &row.client_id {
        Some(client_id) => event.client(client_id),
        None => event,
    }
}
