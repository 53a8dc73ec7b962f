//! Verifies an answer and accepts its proof.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use async_trait::async_trait;
use futures_util::{join, try_join};
use postern_entities::attempts;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Done, Transaction},
    settings::{Lifetime, Per, Rate},
};
use sea_orm::{FromQueryResult as _, StatementBuilder, sea_query::SelectStatement};
use serde_json::json;
use uuid::Uuid;

use super::{
    super::{
        Answer, Challenge, CodeMac, Enrolments, LoginError, LoginMethod, Proof,
        policy::{Decision, Factor, Shown},
    },
    Asked, Begin, Binding, Draft, From, Start,
    address_proof::AddressProof,
    arrival::{self, Arrival, Device},
    asked, context, must_be_next, named, proofs,
    reserve::{By, Counts, Of, Reserved, reserve},
    session::{SessionAsked, sign_in},
    store::{self, Bound, Progress},
};
use crate::{
    app::App,
    audit::{Event, Origin},
    clients::Client,
    crypto,
    rate_limit::{self, Limit, Taken},
    sessions::{Opened, Session, SessionKind, SignedIn},
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
    /// The secret by which accounts know the device, as it came.
    pub device: Option<&'a str>,
    /// Language of the person, for what is sent.
    pub language: &'a str,
    /// Where the request came from.
    pub origin: &'a Origin,
}

impl Verify<'_> {
    fn by<'a>(&'a self, method: &'a dyn LoginMethod) -> By<'a> {
        By { method, device_hash: self.device.map(crypto::token_hash), origin: self.origin }
    }
}

/// What came of a right answer.
#[derive(Clone)]
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
#[derive(Clone)]
pub struct SignedInNow<Made = ()> {
    /// Its session. Its `acr` may be less than was asked for when the account has nothing more to show.
    pub session: Session,
    /// Its user, who may have closed the account: then the session is good for keeping it only
    /// ([`sessions::find_closed`]).
    pub user: User,
    /// What the browser's cookie must hold from now on; none for API sign-ins.
    pub cookie_secret: Option<String>,
    /// By what its account knows the device from now on.
    pub device_secret: String,
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
    let answered = Answered { app, verify: &verify, method, completion, now };
    match store::user_of(app, &reserved.counts.row).await {
        Ok(user) => answered.settle(reserved, user).await,
        Err(cause) => Err(answered.unjudged(reserved, cause.into()).await),
    }
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
        device: begin.device,
        language: begin.language,
        origin: begin.origin,
    };
    let by = verify.by(method);
    let reserved = reserve(app, Of::New(Box::new(row)), by, now).await?;
    let verified = Answered { app, verify: &verify, method, completion, now }.settle(reserved, user).await?;
    Ok((secret, verified))
}

/// So many wrong second steps after a right password are told to the owner of the account: not the first slip of a finger.
const SECOND_STEPS_BEFORE_MAIL: i32 = 3;

const SECOND_STEP_MAILS: Limit = Limit {
    name: "second_step_mails",
    rate: Rate { count: NonZeroU32::MIN, period: Lifetime::from_secs(24 * 60 * 60), per: Per::Account },
};

/// An answer that is being looked at.
struct Answered<'a, C> {
    app: &'a App,
    verify: &'a Verify<'a>,
    method: &'a dyn LoginMethod,
    completion: &'a C,
    now: Timestamp,
}

/// What was read of the account that an answer is for.
struct Account<'a> {
    enrolments: Enrolments<'a>,
    enrolled: Vec<bool>,
    device: Device<'a>,
}

impl<C: Completion> Answered<'_, C> {
    /// Judges it, for the try that was reserved, and writes what follows.
    async fn settle(
        &self,
        mut reserved: Reserved,
        user: Option<User>,
    ) -> Result<Verified<C::Made>, LoginError> {
        let arrival = Arrival::of(self.app, self.verify);
        let id = user.as_ref().map_or(Uuid::nil(), |user| user.id);
        let row = &mut reserved.counts.row;
        let (outcome, account) = join!(self.judge(row, user.as_ref()), self.look_up(id, &arrival));
        let (user, account) = match &outcome {
            Ok(Proof { user: Some(named), .. }) if row.identifier.is_empty() => {
                row.identifier.clone_from(&named.email);
                row.user_id = Some(named.id);
                (Some(named.clone()), self.look_up(named.id, &arrival).await)
            }
            _ => (user, account),
        };
        let outcome = match (outcome, &user, account) {
            // Boxed, or else its size would be part of every future that signs somebody in.
            (Ok(proof), Some(user), Ok(account)) => {
                Box::pin(self.accept(&reserved.counts, (user, account), proof)).await
            }
            (Ok(_), Some(_), Err(cause)) => Err(cause.into()),
            // The code of a decoy is told to nobody; who guesses it has still not named an account.
            (Ok(_), None, _) => Err(LoginError::Refused),
            (Err(cause), ..) => Err(cause),
        };
        match outcome {
            Ok(verified) => {
                reserved.is_given_back();
                Ok(verified)
            }
            Err(cause @ (LoginError::Refused | LoginError::NotOffered)) => {
                self.record_failure(&reserved.counts, user.as_ref()).await?;
                let over = matches!(cause, LoginError::Refused) && reserved.counts.row.tries_left == 0;
                Err(if over { LoginError::Ended } else { cause })
            }
            Err(cause) => Err(self.unjudged(reserved, cause).await),
        }
    }

    /// Gives the try back where a fault, or a lack of room, kept it from being judged.
    async fn unjudged(&self, mut reserved: Reserved, cause: LoginError) -> LoginError {
        if matches!(cause, LoginError::Busy | LoginError::Database(_) | LoginError::Crypto(_)) {
            reserved.give_back(self.app).await;
        }
        cause
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

    /// What is asked of an account while an answer is judged, so that a right one need not wait for it. The same statements
    /// run for nobody.
    async fn look_up<'b>(
        &'b self,
        user_id: Uuid,
        arrival: &Arrival<'b>,
    ) -> Result<Account<'b>, DatabaseError> {
        let enrolments = Enrolments::of(self.app, user_id);
        let (enrolled, device) =
            try_join!(enrolments.ask(self.app), arrival.look_up(self.app, user_id, self.now))?;
        Ok(Account { enrolments, enrolled, device })
    }

    /// Consumes the proof, records it and opens the session, in one write.
    async fn accept(
        &self,
        counts: &Counts,
        (user, mut account): (&User, Account<'_>),
        proof: Proof,
    ) -> Result<Verified<C::Made>, LoginError> {
        let Self { app, verify, method, now, .. } = *self;
        let row = &counts.row;
        let Asked { requirement, step_up_of, remembered } = asked(row)?;
        let mut shown = proofs(row)?;
        shown.push(Shown {
            method: method.name().to_owned(),
            amr: method.amr().iter().chain(&proof.amr).map(|word| (*word).to_owned()).collect(),
            factor: method.kind(),
            user_verified: proof.user_verified,
            at: now,
        });
        let decision = account.enrolments.decide(&account.enrolled, &requirement, &shown);
        let methods_used: Vec<_> = shown.iter().map(|proof| proof.method.clone()).collect();
        let completed = !matches!(decision, Decision::More(_));
        let address_proof = match completed {
            true => AddressProof::of(app, user, &shown)?,
            false => None,
        };
        let progress = Progress { shown, completed, tries: app.config.login.code_tries };
        let notice = match completed && !account.device.known {
            true => arrival::notice(app, verify, user, now)?,
            false => None,
        };
        let told = AtomicBool::new(proof.notice.is_some());
        let strange = AtomicBool::new(false);
        let verified = app
            .db
            .write(async |tx| {
                if let Some(other) = verify.current.filter(|current| current.user.id != user.id) {
                    // Its session ends, so both are held, and in the order in which everybody holds two.
                    users::lock_all(tx, [other.user.id, user.id]).await?;
                }
                let holding = match &address_proof {
                    Some(_) => users::holding_to_change(user.id),
                    None => users::holding(user.id),
                };
                let consumed = consume(tx, row, (&holding, &account), &proof, &progress, now).await?;
                let mut user = consumed.ok_or(LoginError::Refused)?;
                if let Some(notice) = proof.notice {
                    notice.enqueue(tx).await?;
                }
                counts.forgive(tx, completed);
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
                        if let Some(proof) = address_proof
                            && proof.record(app, tx, verify, &mut user, now).await?
                        {
                            account.device.is_forgotten(app, user.id, now);
                            told.store(true, Relaxed);
                        }
                        let noted = account.device.record(app, tx, &user, notice, now).await?;
                        told.fetch_or(noted.told, Relaxed);
                        strange.fetch_or(noted.told, Relaxed);
                        let asked = SessionAsked { step_up_of, remembered };
                        let Opened { session, cookie_secret } =
                            sign_in(app, tx, verify, asked, &user, reached, now).await?;
                        let made = self.completion.complete(app, tx, &session, &user).await?;
                        let device_secret = noted.secret;
                        let now = SignedInNow { session, user, cookie_secret, device_secret, made };
                        Ok(Verified::Done(Box::new(now)))
                    }
                }
            })
            .await;
        if told.into_inner() {
            app.jobs.wake();
        }
        if let Ok(Verified::Done(done)) = &verified
            && !strange.into_inner()
        {
            self.keep_language(&done.user).await;
        }
        verified
    }

    /// Keeps the language of a sign-in for the notices to the owner, where it is another one than before. In a write of its
    /// own, after the sign-in: that holds the user's row shared, and must not fail by this.
    async fn keep_language(&self, user: &User) {
        let Self { app, verify, .. } = *self;
        let usual = app.templates.language(None, None);
        // An app that names no language is read as the usual one.
        let said = verify.session_kind == SessionKind::Browser || verify.language != usual;
        if !said || user.language.as_deref().unwrap_or(&usual) == verify.language {
            return;
        }
        if let Err(cause) = users::set_language(&app.db, user.id, verify.language).await {
            tracing::warn!(%cause, "the language of a sign-in was not kept");
        }
    }

    /// Records a wrong answer. Who has the password and fails at the second step again and again is told of to the owner,
    /// once a day.
    async fn record_failure(&self, counts: &Counts, user: Option<&User>) -> Result<(), LoginError> {
        let Self { app, verify, now, .. } = *self;
        let row = &counts.row;
        let after_password = proofs(row)?.iter().any(|proof| proof.factor == Factor::Knows);
        let owner = user.filter(|_| after_password && counts.guesses() >= SECOND_STEPS_BEFORE_MAIL);
        let notice = owner.map(|user| arrival::second_step_notice(app, verify, user, now)).transpose()?;
        let event = event("login.failed", row).details(json!({ "method": verify.method }));
        let told = app
            .db
            .write(async |tx| -> Result<bool, DatabaseError> {
                event.record(app, tx, verify.origin, now).await?;
                if let (Some(user), Some(notice)) = (owner, notice)
                    && let Taken::Within(_) =
                        rate_limit::take(tx, SECOND_STEP_MAILS, &user.id.to_string(), now).await?
                {
                    notice.enqueue(tx).await?;
                    return Ok(true);
                }
                Ok(false)
            })
            .await?;
        if told {
            app.jobs.wake();
        }
        Ok(())
    }
}

/// Consumes what was shown, and answers whose it is as they are now; nothing where somebody was faster, or where the
/// account is not what was looked up any more: it may have been disabled, have got another address or another factor.
async fn consume(
    tx: &Transaction,
    row: &attempts::Model,
    (holding, account): (&SelectStatement, &Account<'_>),
    proof: &Proof,
    progress: &Progress,
    now: Timestamp,
) -> Result<Option<User>, DatabaseError> {
    // First, as in every change of what an account signs in with.
    let advancing = store::advancing(row, progress, now);
    let mut statements: Vec<&dyn StatementBuilder> = vec![holding, &account.enrolments.query];
    statements.extend(proof.consumes.as_ref().map(|consuming| consuming as &dyn StatementBuilder));
    statements.push(&advancing);
    let done = tx.together(&statements).await?;
    let [Done { row: Some(held), .. }, Done { row: Some(enrolled), .. }, changed @ ..] = &*done else {
        return Ok(None);
    };
    let user = User::from_query_result(held, "")?;
    let good = changed.iter().all(|one| one.rows_affected == 1)
        && account.enrolments.read(enrolled)? == account.enrolled
        && users::may_sign_in(&user, now)
        && user.email == row.identifier;
    Ok(good.then_some(user))
}

fn event(kind: &'static str, row: &attempts::Model) -> Event {
    let event = Event::new(kind).user(row.user_id);
    match &row.client_id {
        Some(client_id) => event.client(client_id),
        None => event,
    }
}
