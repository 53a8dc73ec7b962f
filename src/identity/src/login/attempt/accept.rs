//! Verifies a response to a challenge and accepts its proof.
//!
//! Owns the order of the steps: reserve a try ([`reserve`]), judge the response, then one write that consumes
//! the proof, records the factor and opens the session when the sign-in is complete. Leaves to [`store`] the
//! statements on attempts, to [`session`](super::session) the session, and to [`device_notice`] the mail
//! about a new device. A rejected response is audited in a write of its own, because a rolled back write
//! would lose the event.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use futures_util::{join, try_join};
use postern_entities::attempts;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, StatementResult},
    settings::{Lifetime, Rate, RateKey},
};
use sea_orm::{FromQueryResult as _, StatementBuilder, sea_query::SelectStatement};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use uuid::Uuid;

use super::{
    super::{
        Challenge, ChallengeResponse, CodeMac, Enrolments, LoginError, LoginMethod, Proof,
        policy::{Factor, NextStep, VerifiedFactor},
    },
    AttemptBinding, AttemptDraft, AttemptStart, BeginParameters, RequestDetails, RequestedLogin, context,
    device_notice::{self, AccountDevice, SignInDevice},
    draft_for_identifier,
    email_proof::EmailProof,
    requested_login, require_next_method,
    reserve::{Requester, ReservedTry, Target, TryCounts, reserve},
    session::{SessionOptions, open_or_renew},
    store::{self, AttemptProgress, AttemptSelector},
    verified_factors,
};
use crate::{
    app::{App, Completion},
    audit::Event,
    clients::Client,
    core::{Actor, RequestContext, Write},
    crypto,
    rate_limit::{self, Limit, TakeOutcome},
    sessions::{OpenedSession, Session, SessionKind, SignedInUser},
    users::{self, User},
};

pub struct VerifyParameters<'a> {
    /// The requesting client; none for the provider's own pages.
    pub client: Option<&'a Client>,
    /// Name of the login method.
    pub method: &'a str,
    pub attempt_secret: &'a str,
    pub response: ChallengeResponse,
    /// What the attempt must be bound to.
    pub binding: AttemptBinding<'a>,
    /// The kind of session that a completed sign-in opens.
    pub session_kind: SessionKind,
    /// The session that this browser has now. It is renewed for the same user, and ended when another user
    /// signs in.
    pub current_session: Option<&'a SignedInUser>,
    /// The device secret as the request carried it, unverified ([`devices`](crate::login::devices)).
    pub device_secret: Option<&'a str>,
    pub context: &'a RequestContext,
}

impl VerifyParameters<'_> {
    fn requester<'a>(&'a self, method: &'a dyn LoginMethod) -> Requester<'a> {
        Requester { method, device_hash: self.device_secret.map(crypto::token_hash), context: self.context }
    }
}

/// The outcome of a right response.
#[derive(Clone)]
pub enum LoginOutcome<Output = ()> {
    Complete(Box<CompletedLogin<Output>>),
    /// Another factor is required; the same attempt continues. Without methods the account must first enrol a
    /// factor elsewhere.
    FactorRequired {
        /// Login methods that may be next.
        methods: Vec<String>,
    },
    /// The sign-in is complete, but its user has closed the account: an app gets no session.
    AccountClosed {
        /// The time at which the account will be deleted.
        deletion_at: Timestamp,
    },
}

#[derive(Clone)]
pub struct CompletedLogin<Output = ()> {
    /// The new or renewed session. Its `acr` is below the requirement when the account has no further factor.
    pub session: Session,
    /// The user. If the user has closed the account, the session is valid for restoring it only
    /// ([`sessions::find_of_closed_account`](crate::sessions::find_of_closed_account)).
    pub user: User,
    /// New secret for the browser's session cookie; none for API sign-ins.
    pub cookie_secret: Option<SecretString>,
    /// The secret by which the account recognises the device from now on.
    pub device_secret: SecretString,
    /// The output of the [`Completion`].
    pub completion_output: Output,
}

/// Verifies a response. A rejected caller does not learn the reason; [`LoginError::AttemptEnded`] says that
/// this attempt accepts no further response.
pub async fn verify<C: Completion>(
    app: &App,
    verify: VerifyParameters<'_>,
    completion: &C,
) -> Result<LoginOutcome<C::Output>, LoginError> {
    let now = verify.context.now;
    let method = &**app.login_methods.find(app, verify.method)?;
    let bound = AttemptSelector::new(verify.client, &verify.binding, verify.attempt_secret);
    let requester = verify.requester(method);
    let reserved = reserve(app, Target::Stored(&bound), requester, now).await?;
    let answered = Verification { app, verify: &verify, method, completion, now };
    match store::user_of(app, &reserved.counts.row).await {
        Ok(user) => answered.conclude(reserved, user).await,
        Err(cause) => Err(answered.undo_if_unjudged(reserved, cause.into()).await),
    }
}

/// Begins an attempt and verifies its response in one step, for a method without a challenge: one write
/// before the response is judged and one after it. Also returns the attempt's secret, for the factor that may
/// follow.
pub async fn begin_and_verify<C: Completion>(
    app: &App,
    begin: BeginParameters<'_>,
    answer: ChallengeResponse,
    session_kind: SessionKind,
    completion: &C,
) -> Result<(SecretString, LoginOutcome<C::Output>), LoginError> {
    let now = begin.context.now;
    let method = &**app.login_methods.find(app, begin.method)?;
    let AttemptStart::WithIdentifier { identifier, .. } = begin.start else {
        return Err(LoginError::MethodNotOffered);
    };
    if method.requires_challenge() {
        return Err(LoginError::MethodNotOffered);
    }
    let AttemptDraft { secret, mut row, user, .. } =
        draft_for_identifier(app, &begin, identifier, now).await?;
    require_next_method(app, method, &row, user.as_ref()).await?;
    row.method = Some(method.name().to_owned());
    let verify = VerifyParameters {
        client: begin.client,
        method: begin.method,
        attempt_secret: secret.expose_secret(),
        response: answer,
        binding: begin.binding,
        session_kind,
        current_session: None,
        device_secret: begin.device_secret,
        context: begin.context,
    };
    let requester = verify.requester(method);
    let reserved = reserve(app, Target::New(Box::new(row)), requester, now).await?;
    let verified =
        Verification { app, verify: &verify, method, completion, now }.conclude(reserved, user).await?;
    Ok((secret, verified))
}

/// Number of wrong second factors after a right password at which the account's owner is notified: more than
/// one typing error.
const SECOND_FACTOR_FAILURES_BEFORE_MAIL: i32 = 3;

const SECOND_FACTOR_MAIL_LIMIT: Limit = Limit {
    name: "second_step_mails",
    rate: Rate { count: NonZeroU32::MIN, period: Lifetime::from_secs(24 * 60 * 60), key: RateKey::Account },
};

/// A response that is being verified.
struct Verification<'a, C> {
    app: &'a App,
    verify: &'a VerifyParameters<'a>,
    method: &'a dyn LoginMethod,
    completion: &'a C,
    now: Timestamp,
}

/// The account's enrolments and the device, read while the response is judged.
struct AccountLookup<'a> {
    enrolments: Enrolments<'a>,
    enrolled: Vec<bool>,
    device: AccountDevice<'a>,
}

impl<C: Completion> Verification<'_, C> {
    /// Judges the response, for the try that was reserved, and writes the consequences.
    async fn conclude(
        &self,
        mut reserved: ReservedTry,
        user: Option<User>,
    ) -> Result<LoginOutcome<C::Output>, LoginError> {
        let arrival = SignInDevice::from_request(self.app, self.verify);
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
            // Boxed, because its size would otherwise be part of every future that signs a user in.
            (Ok(proof), Some(user), Ok(account)) => {
                Box::pin(self.accept(&reserved.counts, (user, account), proof)).await
            }
            (Ok(_), Some(_), Err(cause)) => Err(cause.into()),
            // A decoy's code is sent to nobody; a correct guess at such a code still names no account.
            (Ok(_), None, _) => Err(LoginError::ResponseRejected),
            (Err(cause), ..) => Err(cause),
        };
        match outcome {
            Ok(verified) => {
                reserved.mark_refunded();
                Ok(verified)
            }
            Err(cause @ (LoginError::ResponseRejected | LoginError::MethodNotOffered)) => {
                self.record_failure(&reserved.counts, user.as_ref()).await?;
                let over =
                    matches!(cause, LoginError::ResponseRejected) && reserved.counts.row.tries_left == 0;
                Err(if over { LoginError::AttemptEnded } else { cause })
            }
            Err(cause) => Err(self.undo_if_unjudged(reserved, cause).await),
        }
    }

    /// Undoes the reserved try when a fault or a lack of capacity kept the response from being judged.
    async fn undo_if_unjudged(&self, mut reserved: ReservedTry, cause: LoginError) -> LoginError {
        if matches!(cause, LoginError::HasherBusy | LoginError::Database(_) | LoginError::Crypto(_)) {
            reserved.undo(self.app).await;
        }
        cause
    }

    async fn judge(&self, row: &attempts::Model, user: Option<&User>) -> Result<Proof, LoginError> {
        let Self { app, verify, method, .. } = *self;
        require_next_method(app, method, row, user).await?;
        if row.method.as_deref() != Some(method.name()) && method.requires_challenge() {
            return Err(LoginError::ResponseRejected);
        }
        let code = row.code_mac.clone().zip(row.code_expires_at);
        let challenge = Challenge {
            state: row.challenge.clone(),
            code: code.map(|(mac, expires_at)| CodeMac { mac, expires_at }),
            ..Challenge::default()
        };
        let from = RequestDetails { client: verify.client, context: verify.context };
        method.verify(&context(app, row, user, from)?, &challenge, &verify.response).await
    }

    /// Reads the account while the response is judged, so that a right response need not wait for these
    /// queries. Without a user the same statements run.
    async fn look_up<'b>(
        &'b self,
        user_id: Uuid,
        arrival: &SignInDevice<'b>,
    ) -> Result<AccountLookup<'b>, DatabaseError> {
        let enrolments = Enrolments::for_user(self.app, user_id);
        let (enrolled, device) =
            try_join!(enrolments.fetch(self.app), arrival.look_up(self.app, user_id, self.now))?;
        Ok(AccountLookup { enrolments, enrolled, device })
    }

    /// Consumes the proof, records the factor and, when the sign-in is complete, opens the session: one
    /// write.
    async fn accept(
        &self,
        counts: &TryCounts,
        (user, mut account): (&User, AccountLookup<'_>),
        proof: Proof,
    ) -> Result<LoginOutcome<C::Output>, LoginError> {
        let Self { app, verify, method, .. } = *self;
        let row = &counts.row;
        let RequestedLogin { requirement, step_up_of, remembered } = requested_login(row)?;
        let mut factors = verified_factors(row)?;
        factors.push(VerifiedFactor {
            method: method.name().to_owned(),
            amr: method.amr().iter().chain(&proof.amr).map(|word| (*word).to_owned()).collect(),
            factor: method.factor(),
            user_verified: proof.user_verified,
            at: self.now,
        });
        let decision = account.enrolments.next_step(&account.enrolled, &requirement, &factors);
        let methods_used: Vec<_> = factors.iter().map(|proof| proof.method.clone()).collect();
        let completed = !matches!(decision, NextStep::FactorRequired(_));
        let address_proof = match completed {
            true => EmailProof::from_factors(app, user, &factors)?,
            false => None,
        };
        let progress =
            AttemptProgress { verified_factors: factors, completed, next_tries: app.config.login.code_tries };
        let notice = match completed && !account.device.known {
            true => device_notice::new_device_notice(app, verify, user)?,
            false => None,
        };
        let new_device_notified = AtomicBool::new(false);
        // The proof was right, so the user is the actor of what follows.
        let context = &verify.context.clone().by(Actor::User(user.id));
        let verified = app
            .write(context, async |write| {
                if let Some(other) = verify.current_session.filter(|current| current.user.id != user.id) {
                    // The other user's session ends, so both users' rows are locked, in the order that every
                    // write uses for two users.
                    users::lock_all(write, [other.user.id, user.id]).await?;
                }
                let lock_user = match &address_proof {
                    Some(_) => users::lock_user_statement(user.id),
                    None => users::lock_user_shared_statement(user.id),
                };
                let consumed = consume(write, row, (&lock_user, &account), &proof, &progress).await?;
                let mut user = consumed.ok_or(LoginError::ResponseRejected)?;
                if let Some(notice) = proof.notice {
                    notice.enqueue(write).await?;
                }
                counts.refund_or_reset(write, completed);
                let event = event("login.proof_accepted", row).details(json!({ "methods": methods_used }));
                write.defer(&event.insert_statement(app, context));
                let of_app = verify.session_kind == SessionKind::Api;
                match (decision, user.deletion_at) {
                    (NextStep::FactorRequired(methods), _) => Ok(LoginOutcome::FactorRequired { methods }),
                    // An app gets no tokens below the level that its client requires.
                    (NextStep::InsufficientAcr(_), _) if of_app => {
                        Ok(LoginOutcome::FactorRequired { methods: Vec::new() })
                    }
                    // In a browser the owner may restore the account.
                    (NextStep::Complete(_), Some(deletion_at)) if of_app => {
                        Ok(LoginOutcome::AccountClosed { deletion_at })
                    }
                    (NextStep::InsufficientAcr(reached) | NextStep::Complete(reached), _) => {
                        if let Some(proof) = address_proof
                            && proof.record(write, verify, &mut user).await?
                        {
                            account.device.forget(app, user.id, self.now);
                        }
                        let remembered_device = account.device.remember(write, &user, notice).await?;
                        new_device_notified.fetch_or(remembered_device.notified, Relaxed);
                        let asked = SessionOptions { step_up_of, remembered };
                        let OpenedSession { session, cookie_secret } =
                            open_or_renew(write, verify, asked, &user, reached).await?;
                        let made = self.completion.complete(app, write, &session, &user).await?;
                        let device_secret = remembered_device.secret;
                        let now = CompletedLogin {
                            session,
                            user,
                            cookie_secret,
                            device_secret,
                            completion_output: made,
                        };
                        Ok(LoginOutcome::Complete(Box::new(now)))
                    }
                }
            })
            .await;
        if let Ok(LoginOutcome::Complete(done)) = &verified
            && !new_device_notified.into_inner()
        {
            self.store_language(&done.user).await;
        }
        verified
    }

    /// Stores the language of a sign-in for later notices to the owner, if the language has changed. A
    /// separate write after the sign-in, because the sign-in holds the user's row shared and must not fail by
    /// this update.
    async fn store_language(&self, user: &User) {
        let Self { app, verify, .. } = *self;
        let usual = app.templates.negotiate_language(None, None);
        // An app that names no language is given the default one, which says nothing about the user.
        let said = verify.session_kind == SessionKind::Browser || verify.context.language != usual;
        if !said || user.language.as_deref().unwrap_or(&usual) == verify.context.language {
            return;
        }
        if let Err(cause) = users::set_language(&app.db, user.id, &verify.context.language).await {
            tracing::warn!(%cause, "the language of a sign-in was not kept");
        }
    }

    /// Audits a wrong response. When the password was right and the second factor is wrong again and again,
    /// the account's owner is notified, at most once a day.
    async fn record_failure(&self, counts: &TryCounts, user: Option<&User>) -> Result<(), LoginError> {
        let Self { app, verify, .. } = *self;
        let row = &counts.row;
        let after_password = verified_factors(row)?.iter().any(|proof| proof.factor == Factor::Knowledge);
        let owner =
            user.filter(|_| after_password && counts.failures() >= SECOND_FACTOR_FAILURES_BEFORE_MAIL);
        let notice = owner.map(|user| device_notice::second_factor_notice(app, verify, user)).transpose()?;
        let event = event("login.failed", row).details(json!({ "method": verify.method }));
        app.write(verify.context, async |write| -> Result<(), DatabaseError> {
            event.record(write).await?;
            if let (Some(user), Some(notice)) = (owner, notice)
                && let TakeOutcome::Within(_) =
                    rate_limit::take(write, SECOND_FACTOR_MAIL_LIMIT, &user.id.to_string()).await?
            {
                notice.enqueue(write).await?;
            }
            Ok(())
        })
        .await?;
        Ok(())
    }
}

/// Consumes the proof and returns its user as the row is now. None when a concurrent request was faster, or
/// when the account has changed since it was read: disabled, given another email, or enrolled with another
/// factor.
async fn consume(
    write: &Write<'_>,
    row: &attempts::Model,
    (lock_user, account): (&SelectStatement, &AccountLookup<'_>),
    proof: &Proof,
    progress: &AttemptProgress,
) -> Result<Option<User>, DatabaseError> {
    // The user's row is locked first, as in every change of credentials, so that no deadlock can arise.
    let advance_attempt = store::advance_attempt_statement(row, progress, write.now());
    let mut statements: Vec<&dyn StatementBuilder> = vec![lock_user, &account.enrolments.statement];
    statements.extend(proof.consume_statement.as_ref().map(|consuming| consuming as &dyn StatementBuilder));
    statements.push(&advance_attempt);
    let done = write.batch(&statements).await?;
    let [StatementResult { row: Some(held), .. }, StatementResult { row: Some(enrolled), .. }, changed @ ..] =
        &*done
    else {
        return Ok(None);
    };
    let user = User::from_query_result(held, "")?;
    let good = changed.iter().all(|one| one.rows_affected == 1)
        && account.enrolments.read_row(enrolled)? == account.enrolled
        && users::may_sign_in(&user, write.now())
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
