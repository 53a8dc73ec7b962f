//! Reserves a try before anything is compared, and counts it against the account and the source.
//!
//! The reservation is a write of its own, committed whatever follows, so that parallel guesses cannot share a
//! try. A right response refunds what was counted. Most tries are the first of a new attempt and within every
//! limit: these are one batch of statements, and the reason of a refusal is queried only when there is one.

use std::time::Duration;

use postern_entities::attempts;
use postern_entities::values::Hash256;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, StatementResult, Transaction},
};

use super::{
    super::{
        LoginError, LoginMethod, devices,
        login_throttle::{self, Guess, ThrottleDecision, ThrottleKind},
    },
    record_limited,
    store::{self, AttemptSelector},
    verified_factors,
};
use crate::{
    app::{App, InFlightTry},
    core::{Core, RequestContext, Write},
    crypto,
    rate_limit::{self, Limit, TakeOutcome, TakenUse},
};

/// The attempt of which a try is reserved.
pub(super) enum Target<'a> {
    Stored(&'a AttemptSelector),
    /// An attempt that begins with its response: stored with the try already reserved, unless a limit refuses
    /// it.
    New(Box<attempts::Model>),
}

/// The request that needs a try.
pub(super) struct Requester<'a> {
    /// The method that will judge the response.
    pub(super) method: &'a dyn LoginMethod,
    /// Hash of the device secret, which nobody else on the same network has.
    pub(super) device_hash: Option<Hash256>,
    pub(super) context: &'a RequestContext,
}

/// What was counted for a try, so that the counts can be refunded.
#[derive(Clone)]
pub(super) struct TryCounts {
    /// The attempt, with the reserved try already subtracted.
    pub(super) row: attempts::Model,
    source: Option<TakenUse>,
    guess: Option<Guess>,
    new: bool,
}

/// A try that was reserved.
pub(super) struct ReservedTry {
    pub(super) counts: TryCounts,
    /// The try's registration among those in flight.
    in_flight: InFlightTry,
}

impl TryCounts {
    /// Refunds what was counted, at the end of the write that accepts the response. A completed sign-in also
    /// resets the earlier failures of the same known device.
    pub(super) fn refund_or_reset(&self, tx: &Transaction, completed: bool) {
        if let Some(taken) = &self.source {
            rate_limit::refund(tx, taken);
        }
        match &self.guess {
            Some(guess) if completed && guess.device_is_known() => login_throttle::reset_device(tx, guess),
            Some(guess) => login_throttle::refund(tx, guess),
            None => {}
        }
    }

    /// Undoes the reservation, because the response was not judged. An attempt that began with its response
    /// is removed, because nobody has its secret yet.
    pub(super) async fn undo(&self, tx: &Transaction) -> Result<(), DatabaseError> {
        if self.new {
            store::remove(tx, &self.row).await?;
        } else {
            store::refund_try(tx, &self.row).await?;
        }
        self.refund_or_reset(tx, false);
        Ok(())
    }

    /// Recent failures at this kind of credential, this try included.
    pub(super) fn failures(&self) -> i32 {
        self.guess.as_ref().map_or(0, Guess::failures)
    }
}

impl ReservedTry {
    /// Undoes the reservation of a response that could not be judged: now, or when the database works again.
    pub(super) async fn undo(&mut self, app: &App) {
        let counts = self.counts.clone();
        if app.db.write(async |tx| counts.undo(tx).await).await.is_err() {
            tokio::spawn(undo_later(app.clone(), counts));
        }
        self.mark_refunded();
    }

    /// Lets a waiting try take the refund.
    pub(super) fn mark_refunded(&mut self) {
        self.in_flight.mark_refunded();
    }
}

/// Seconds between attempts to undo a reservation after a database fault.
const UNDO_RETRY_SECONDS: [u64; 7] = [1, 2, 4, 8, 16, 32, 64];

async fn undo_later(app: App, counts: TryCounts) {
    for pause in UNDO_RETRY_SECONDS {
        tokio::time::sleep(Duration::from_secs(pause)).await;
        if app.db.write(async |tx| counts.undo(tx).await).await.is_ok() {
            return;
        }
    }
    tracing::warn!("a try that could not be judged stays counted: the database does not answer");
}

/// The outcome of a reservation.
enum Reservation {
    Reserved(Box<TryCounts>),
    Limited(Duration),
    Ended,
}

/// Reserves a try, in a write of its own, and counts it against the account and the source.
///
/// Guesses from a device that the account knows are counted separately and not against the source, which
/// other people may share. Responses that cannot be guessed are not counted against the account.
pub(super) async fn reserve(
    app: &App,
    target: Target<'_>,
    requester: Requester<'_>,
    now: Timestamp,
) -> Result<ReservedTry, LoginError> {
    let mut place = InFlightTry::register(app, shared_limit_keys(&target, &requester));
    let mut exhausted = false;
    loop {
        let waits = || !exhausted && place.refund_possible();
        match reserve_or_refuse(app, (&target, &requester), waits, now).await {
            Ok(Reservation::Reserved(counts)) => {
                return Ok(ReservedTry { counts: *counts, in_flight: place });
            }
            Ok(Reservation::Ended) => return Err(LoginError::AttemptEnded),
            Ok(Reservation::Limited(retry_after)) => return Err(LoginError::Limited { retry_after }),
            Err(LoginError::Limited { .. }) => exhausted = !place.wait().await,
            Err(cause) => return Err(cause),
        }
    }
}

/// The keys by which tries wait for each other: the source and, where it is known before the attempt is read,
/// the account.
fn shared_limit_keys(target: &Target<'_>, requester: &Requester<'_>) -> Vec<Vec<u8>> {
    let source = crypto::token_hash(&format!("source\n{}", rate_limit::source_of_ip(requester.context.ip)));
    let account = match target {
        Target::New(row) => ThrottleKind::for_method(requester.method, false)
            .map(|guessed| guessed.account_key(&row.identifier)),
        Target::Stored(_) => None,
    };
    account.into_iter().chain([source.to_vec()]).collect()
}

/// Reserves a try if its limits allow it. When `waits` says that the try should wait for others, the refusal
/// is an error, which rolls back what was counted.
async fn reserve_or_refuse(
    app: &App,
    (target, requester): (&Target<'_>, &Requester<'_>),
    waits: impl Fn() -> bool,
    now: Timestamp,
) -> Result<Reservation, LoginError> {
    if let (Target::New(row), None) = (target, &requester.device_hash) {
        match reserve_in_one_batch(app, row, requester, now).await? {
            Some(counts) => return Ok(Reservation::Reserved(Box::new(counts))),
            None if waits() => return Err(LoginError::Limited { retry_after: Duration::ZERO }),
            None => {}
        }
    }
    app.write(requester.context, async |write| match reserve_step_by_step(write, target, requester).await? {
        Reservation::Limited(retry_after) if waits() => Err(LoginError::Limited { retry_after }),
        reservation => Ok(reservation),
    })
    .await
}

async fn reserve_step_by_step(
    write: &Write<'_>,
    target: &Target<'_>,
    requester: &Requester<'_>,
) -> Result<Reservation, LoginError> {
    let (row, new) = match target {
        Target::New(row) => (attempts::Model { tries_left: row.tries_left - 1, ..(**row).clone() }, true),
        Target::Stored(bound) => match store::reserve_try(write, bound).await? {
            Some(row) => (row, false),
            None => return Ok(Reservation::Ended),
        },
    };
    let device = match &requester.device_hash {
        Some(hash) if devices::known(write, row.user_id, *hash, write.now()).await? => Some(&**hash),
        _ => None,
    };
    let (mut source, mut guess) = (None, None);
    let mut limited_for = None;
    if device.is_none() {
        match count_for_source(write).await? {
            TakeOutcome::Within(taken) => source = Some(taken),
            TakeOutcome::Limited { retry_after, .. } => limited_for = Some(retry_after),
        }
    }
    let guessed = ThrottleKind::for_method(requester.method, !verified_factors(&row)?.is_empty())
        .filter(|_| limited_for.is_none());
    if let Some(guessed) = guessed {
        let next = Guess::new(guessed, &row.identifier, device);
        match login_throttle::count(write, next).await? {
            ThrottleDecision::Allowed(free) => guess = Some(free),
            ThrottleDecision::TooEarly { retry_after, first } => {
                if first {
                    record_limited(write, "failures_per_account").await?;
                }
                limited_for = Some(retry_after);
            }
        }
    }
    let counts = TryCounts { row, source, guess, new };
    if let Some(retry_after) = limited_for {
        // A try that is not judged is not counted.
        counts.undo(write).await?;
        return Ok(Reservation::Limited(retry_after));
    }
    if new {
        store::insert(write, counts.row.clone());
    }
    Ok(Reservation::Reserved(Box::new(counts)))
}

/// Reserves the first try of a new attempt from a device without a secret, in one batch. None, and nothing
/// counted, when a limit refuses the try: the caller then reserves step by step. The batch does not wait for
/// the disk, because a try that a power failure loses does no harm.
async fn reserve_in_one_batch(
    app: &App,
    row: &attempts::Model,
    requester: &Requester<'_>,
    now: Timestamp,
) -> Result<Option<TryCounts>, LoginError> {
    let Some(guessed) = ThrottleKind::for_method(requester.method, false) else { return Ok(None) };
    let row = attempts::Model { tries_left: row.tries_left - 1, ..row.clone() };
    let limit = source_limit(app);
    let guess = Guess::new(guessed, &row.identifier, None);
    let taken = rate_limit::take_statement(limit, &rate_limit::source_of_ip(requester.context.ip), now);
    let counted = guess.count_statement(&app.config.limits, now);
    let stored = store::insert_statement(row.clone());
    let within_limits = move |done: &[StatementResult]| match done {
        [StatementResult { row: Some(used), .. }, StatementResult { row: Some(_), .. }, ..] => {
            rate_limit::row_within_limit(limit, used)
        }
        _ => false,
    };
    let done = app.db.write_relaxed(&[&taken, &counted, &stored], within_limits).await?;
    let [StatementResult { row: Some(used), .. }, StatementResult { row: Some(counted), .. }, ..] = &*done
    else {
        return Ok(None);
    };
    // Checked before the caller's remaining quota is reported: the step-by-step path counts this try again,
    // and reports then.
    if !rate_limit::row_within_limit(limit, used) {
        return Ok(None);
    }
    let TakeOutcome::Within(used) = rate_limit::outcome_from_row(limit, used, now)? else { return Ok(None) };
    let guess = guess.with_counts(counted)?;
    Ok(Some(TryCounts { row, source: Some(used), guess: Some(guess), new: true }))
}

fn source_limit(core: &Core) -> Limit {
    Limit { name: "failures_per_source", rate: core.config.limits.failures_per_source }
}

async fn count_for_source(write: &Write<'_>) -> Result<TakeOutcome, LoginError> {
    let limit = source_limit(write.core);
    let taken = rate_limit::take(write, limit, &rate_limit::source_of_ip(write.context.ip)).await?;
    if let TakeOutcome::Limited { first: true, .. } = taken {
        record_limited(write, limit.name).await?;
    }
    Ok(taken)
}
