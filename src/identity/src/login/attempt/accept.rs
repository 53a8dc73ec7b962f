//! Verifies an answer and accepts its proof.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use async_trait::async_trait;
use postern_entities::attempts;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use serde_json::json;

use super::{
    super::{
        Answer, Challenge, CodeMac, LoginError, LoginMethod, Proof, devices,
        policy::{Decision, Factor, Reached, Shown},
    },
    Asked, Begin, Binding, Draft, From, Start,
    arrival::Arrival,
    asked, context, must_be_next, named, proofs,
    reserve::{By, Of, Reserved, reserve},
    store::{self, Bound, Progress},
};
use crate::{
    app::App,
    audit::{Event, Origin},
    clients::Client,
    login,
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
    /// What the device cookie of a browser holds; none for apps.
    pub device: Option<&'a str>,
    /// Language of the person, for what is sent.
    pub language: &'a str,
    /// Where the request came from.
    pub origin: &'a Origin,
}

impl Verify<'_> {
    fn by<'a>(&'a self, method: &'a dyn LoginMethod) -> By<'a> {
        let device_hash = self.device.map(|_| devices::hash(self.device, self.origin));
        By { method, device_hash, origin: self.origin }
    }
}

/// What came of a right answer.
#[derive(Clone, Debug)]
pub enum Verified<Made = ()> {
    /// The sign-in is complete.
    Done(Box<SignedInNow<Made>>),
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
pub struct SignedInNow<Made = ()> {
    /// Its session. Its `acr` may be less than was asked for when the account has nothing more to show.
    pub session: Session,
    /// Its user, who may have closed the account: then the session is good for keeping it only
    /// ([`sessions::find_closed`]).
    pub user: User,
    /// What the browser's cookie must hold from now on; none for API sign-ins.
    pub cookie_secret: Option<String>,
    /// What its device cookie must hold; none for API sign-ins.
    pub device_secret: Option<String>,
    /// What the [`Completion`] made.
    pub made: Made,
}

/// What else a completed sign-in brings about, in the write that opens its session. `()` is nothing.
#[async_trait]
pub trait Completion: Sync {
    /// What it makes.
    type Made: Send;

    /// Makes it. An error undoes the sign-in.
    async fn complete(
        &self,
        app: &App,
        tx: &Transaction,
        session: &Session,
        user: &User,
    ) -> Result<Self::Made, DatabaseError>;
}

#[async_trait]
impl Completion for () {
    type Made = ();

    async fn complete(&self, _: &App, _: &Transaction, _: &Session, _: &User) -> Result<(), DatabaseError> {
        Ok(())
    }
}

/// Judges an answer. Whoever is refused learns nothing of why, but [`LoginError::Ended`] says that this
/// attempt accepts nothing more.
pub async fn verify<C: Completion>(
    app: &App,
    verify: Verify<'_>,
    completion: &C,
) -> Result<Verified<C::Made>, LoginError> {
    let now = app.clock.now();
    let method = &**app.login_methods.find(app, verify.method)?;
    let bound = Bound::new(verify.client, &verify.binding, verify.attempt);
    let by = verify.by(method);
    let reserved = reserve(app, Of::Attempt(&bound), by, now).await?;
    let user = store::user_of(app, &reserved.row).await?;
    Answered { app, verify: &verify, method, completion, now }.settle(reserved, user).await
}

/// Begins an attempt and judges its answer in one step, for a method that asks for nothing first: one write before the
/// answer is looked at and one after it. Answers the attempt's secret as well, for the factor that may follow.
pub async fn at_once<C: Completion>(
    app: &App,
    begin: Begin<'_>,
    answer: Answer,
    session_kind: SessionKind,
    completion: &C,
) -> Result<(String, Verified<C::Made>), LoginError> {
    let now = app.clock.now();
    let method = &**app.login_methods.find(app, begin.method)?;
    let Start::New { identifier, .. } = begin.start else { return Err(LoginError::NotOffered) };
    if method.challenges() {
        return Err(LoginError::NotOffered);
    }
    let Draft { secret, mut row, user, .. } = named(app, &begin, identifier, now).await?;
    must_be_next(app, method, &row, user.as_ref()).await?;
    row.method = Some(method.name().to_owned());
    let verify = Verify {
        client: begin.client,
        method: begin.method,
        attempt: &secret,
        answer,
        binding: begin.binding,
        session_kind,
        current: None,
        device: None,
        language: begin.language,
        origin: begin.origin,
    };
    let by = verify.by(method);
    let reserved = reserve(app, Of::New(Box::new(row)), by, now).await?;
    let verified = Answered { app, verify: &verify, method, completion, now }.settle(reserved, user).await?;
    Ok((secret, verified))
}

/// An answer that is being looked at.
struct Answered<'a, C> {
    app: &'a App,
    verify: &'a Verify<'a>,
    method: &'a dyn LoginMethod,
    completion: &'a C,
    now: Timestamp,
}

impl<C: Completion> Answered<'_, C> {
    /// Judges it, for the try that was reserved, and writes what follows.
    async fn settle(
        &self,
        mut reserved: Reserved,
        user: Option<User>,
    ) -> Result<Verified<C::Made>, LoginError> {
        let outcome = self.judge(&reserved.row, user.as_ref()).await;
        if let Err(LoginError::Busy) = outcome {
            // Nothing was compared.
            self.app.db.write(async |tx| reserved.give_back(tx).await).await?;
        }
        let user = match &outcome {
            Ok(Proof { user: Some(named), .. }) if reserved.row.identifier.is_empty() => {
                reserved.row.identifier.clone_from(&named.email);
                reserved.row.user_id = Some(named.id);
                Some(named.clone())
            }
            _ => user,
        };
        let outcome = match (outcome, user) {
            (Ok(proof), Some(user)) => self.accept(&reserved, user, proof).await,
            // The code of a decoy is told to nobody; who guesses it has still not named an account.
            (Ok(_), None) => Err(LoginError::Refused),
            (Err(cause), _) => Err(cause),
        };
        if matches!(outcome, Err(LoginError::Refused | LoginError::NotOffered)) {
            self.record_failure(&reserved.row).await?;
        }
        match outcome {
            Err(LoginError::Refused) if reserved.row.tries_left == 0 => Err(LoginError::Ended),
            outcome => outcome,
        }
    }

    async fn judge(&self, row: &attempts::Model, user: Option<&User>) -> Result<Proof, LoginError> {
        let Self { app, verify, method, now, .. } = *self;
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
    async fn accept(
        &self,
        reserved: &Reserved,
        user: User,
        proof: Proof,
    ) -> Result<Verified<C::Made>, LoginError> {
        let Self { app, verify, method, now, .. } = *self;
        let row = &reserved.row;
        let Asked { requirement, step_up_of, remembered } = asked(row)?;
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
        let arrival = completed.then(|| Arrival::prepare(app, verify, &user, now)).transpose()?;
        // A code that stands in for a device is told by mail, too.
        let told = AtomicBool::new(method.kind() == Factor::Recovers);
        let verified = app
            .db
            .write(async |tx| {
                // First, as in every change of what an account signs in with; it may have been disabled, or have got
                // another address, since the attempt began.
                let user = users::hold(tx, user.id).await?.filter(|user| users::may_sign_in(user, now));
                let user = user.filter(|user| user.email == row.identifier).ok_or(LoginError::Refused)?;
                consume(app, tx, row, proof, progress, now).await?;
                reserved.forgive(tx, completed);
                let event = event("login.proof_accepted", row).details(json!({ "methods": methods_used }));
                tx.later(&event.insertion(app, verify.origin, now));
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
                        let device_secret = match arrival {
                            Some(arrival) => {
                                let noted = arrival.record(app, tx, &user, now).await?;
                                told.fetch_or(noted.told, Relaxed);
                                noted.cookie_secret
                            }
                            None => None,
                        };
                        let asked = SessionAsked { step_up_of, remembered };
                        let Opened { session, cookie_secret } =
                            sign_in(app, tx, verify, asked, &user, reached, now).await?;
                        let made = self.completion.complete(app, tx, &session, &user).await?;
                        let now = SignedInNow { session, user, cookie_secret, device_secret, made };
                        Ok(Verified::Done(Box::new(now)))
                    }
                }
            })
            .await;
        if told.into_inner() {
            app.jobs.wake();
        }
        verified
    }

    async fn record_failure(&self, row: &attempts::Model) -> Result<(), DatabaseError> {
        let Self { app, verify, now, .. } = *self;
        let event = event("login.failed", row).details(json!({ "method": verify.method }));
        app.db.write(async |tx| event.record(app, tx, verify.origin, now).await).await
    }
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

/// What was asked of the session.
struct SessionAsked {
    /// It is stepped up.
    step_up_of: Option<uuid::Uuid>,
    /// Whether the browser is to keep it.
    remembered: Option<bool>,
}

/// A new session, or a new life for the one this browser has: its old cookie is dead either way
/// (OWASP ASVS 7.2.4).
async fn sign_in(
    app: &App,
    tx: &Transaction,
    verify: &Verify<'_>,
    asked: SessionAsked,
    user: &User,
    reached: Reached,
    now: Timestamp,
) -> Result<Opened, LoginError> {
    let SessionAsked { step_up_of, remembered } = asked;
    let proven = Proven { auth_time: now, acr: reached.acr.word().to_owned(), amr: reached.amr };
    Ok(match verify.current.filter(|_| verify.session_kind == SessionKind::Browser) {
        Some(current) if current.user.id == user.id => {
            if step_up_of.is_some_and(|sid| sid != current.session.sid) {
                return Err(LoginError::Refused);
            }
            sessions::renew(app, tx, &current.session, proven, remembered, verify.origin, now)
                .await?
                .ok_or(LoginError::Refused)?
        }
        // A step-up goes on with what its session proved, so that session must be the browser's.
        _ if step_up_of.is_some() => return Err(LoginError::Refused),
        current => {
            if let Some(other) = current {
                sessions::end(app, tx, other.session.sid, "replaced", verify.origin, now).await?;
            }
            open(app, tx, verify, user, proven, remembered == Some(true), now)
        }
    })
}

fn open(
    app: &App,
    tx: &Transaction,
    verify: &Verify<'_>,
    user: &User,
    proven: Proven,
    remembered: bool,
    now: Timestamp,
) -> Opened {
    let new = NewSession {
        user_id: user.id,
        kind: verify.session_kind,
        client_id: verify.client.map(|client| client.client_id().to_owned()),
        proven,
        remembered,
        origin: verify.origin.clone(),
    };
    sessions::open(app, tx, new, now)
}

fn event(kind: &'static str, row: &attempts::Model) -> Event {
    let event = Event::new(kind).user(row.user_id);
    match &row.client_id {
        Some(client_id) => event.client(client_id),
        None => event,
    }
}
