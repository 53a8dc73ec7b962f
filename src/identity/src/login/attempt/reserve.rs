//! Takes a try before anything is compared, and counts it against account and source.
//!
//! It is a write of its own, committed whatever comes after, so that parallel guesses cannot share a try. What turns
//! out well gives back what was counted. Most tries are the first of a new attempt and within every limit: these are one
//! batch, and the reasons of a refusal are asked for only where there is one.

use std::time::Duration;

use postern_entities::attempts;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Done, Transaction},
};

use super::{
    super::{
        LoginError, LoginMethod, devices,
        guesses::{self, Counted, Guess, Guessed},
    },
    judging::Place,
    proofs, record_limited,
    store::{self, Bound},
};
use crate::{
    app::App,
    audit::Origin,
    crypto,
    rate_limit::{self, Limit, Taken, Use},
};

/// Of which attempt a try is taken.
pub(super) enum Of<'a> {
    /// Of one that goes on.
    Attempt(&'a Bound),
    /// Of one that begins with its answer: it is stored with the try taken, unless it is limited.
    New(Box<attempts::Model>),
}

/// With what.
pub(super) struct By<'a> {
    /// The method that looks at the answer.
    pub(super) method: &'a dyn LoginMethod,
    /// What names the device: a secret of its own, which nobody else at the same address has.
    pub(super) device_hash: Option<Vec<u8>>,
    /// Where it comes from.
    pub(super) origin: &'a Origin,
}

/// What was counted for a try.
#[derive(Clone)]
pub(super) struct Counts {
    /// The attempt, without that try.
    pub(super) row: attempts::Model,
    source: Option<Use>,
    guess: Option<Guess>,
    new: bool,
}

/// A try that was taken.
pub(super) struct Reserved {
    pub(super) counts: Counts,
    /// Among the tries that are being judged.
    place: Place,
}

impl Counts {
    /// Gives back what was counted, at the end of the write of what turned out well. A sign-in that it completed makes up
    /// for all that the same device guessed before.
    pub(super) fn forgive(&self, tx: &Transaction, completed: bool) {
        if let Some(taken) = &self.source {
            rate_limit::give_back(tx, taken);
        }
        match &self.guess {
            Some(guess) if completed && guess.of_known_device() => guesses::forget_of_device(tx, guess),
            Some(guess) => guesses::take_back(tx, guess),
            None => {}
        }
    }

    /// Undoes it: the answer was not looked at. Of an attempt that began with it nobody knows the secret.
    pub(super) async fn give_back(&self, tx: &Transaction) -> Result<(), DatabaseError> {
        if self.new {
            store::remove(tx, &self.row).await?;
        } else {
            store::give_back(tx, &self.row).await?;
        }
        self.forgive(tx, false);
        Ok(())
    }

    /// How many guesses of this kind were wrong lately, with this one.
    pub(super) fn guesses(&self) -> i32 {
        self.guess.as_ref().map_or(0, Guess::made)
    }
}

impl Reserved {
    /// Undoes it where the answer could not be judged, now or when the database answers again.
    pub(super) async fn give_back(&mut self, app: &App) {
        let counts = self.counts.clone();
        if app.db.write(async |tx| counts.give_back(tx).await).await.is_err() {
            tokio::spawn(give_back_later(app.clone(), counts));
        }
        self.is_given_back();
    }

    /// Lets somebody in who waits for it.
    pub(super) fn is_given_back(&mut self) {
        self.place.gives_back();
    }
}

/// Waits between tries to give back what was counted before a fault.
const PAUSES: [u64; 7] = [1, 2, 4, 8, 16, 32, 64];

async fn give_back_later(app: App, counts: Counts) {
    for pause in PAUSES {
        tokio::time::sleep(Duration::from_secs(pause)).await;
        if app.db.write(async |tx| counts.give_back(tx).await).await.is_ok() {
            return;
        }
    }
    tracing::warn!("a try that could not be judged stays counted: the database does not answer");
}

/// What came of it.
enum Reservation {
    Reserved(Box<Counts>),
    Limited(Duration),
    Ended,
}

/// Takes a try, in a write of its own, and counts it against account and source.
///
/// Guesses of a device that the account knows are counted apart and not against the source, where others may guess as
/// well. What cannot be guessed is not counted against the account.
pub(super) async fn reserve(
    app: &App,
    of: Of<'_>,
    by: By<'_>,
    now: Timestamp,
) -> Result<Reserved, LoginError> {
    let mut place = Place::take(app, keys(&of, &by));
    let mut exhausted = false;
    loop {
        let waits = || !exhausted && place.may_come_free();
        match reserve_or_refuse(app, (&of, &by), waits, now).await {
            Ok(Reservation::Reserved(counts)) => {
                return Ok(Reserved { counts: *counts, place });
            }
            Ok(Reservation::Ended) => return Err(LoginError::Ended),
            Ok(Reservation::Limited(retry_after)) => return Err(LoginError::Limited { retry_after }),
            Err(LoginError::Limited { .. }) => exhausted = !place.wait().await,
            Err(cause) => return Err(cause),
        }
    }
}

/// By what tries wait for each other: their source and, where it is known beforehand, their account.
fn keys(of: &Of<'_>, by: &By<'_>) -> Vec<Vec<u8>> {
    let source = crypto::token_hash(&format!("source\n{}", rate_limit::source(by.origin.ip)));
    let account = match of {
        Of::New(row) => Guessed::of(by.method, false).map(|guessed| guessed.account(&row.identifier)),
        Of::Attempt(_) => None,
    };
    account.into_iter().chain([source]).collect()
}

/// Takes a try if its limits allow it. One that then `waits` for others is refused by an error, which undoes what was
/// counted: it leaves no trace.
async fn reserve_or_refuse(
    app: &App,
    (of, by): (&Of<'_>, &By<'_>),
    waits: impl Fn() -> bool,
    now: Timestamp,
) -> Result<Reservation, LoginError> {
    if let (Of::New(row), None) = (of, &by.device_hash) {
        match in_one_batch(app, row, by, now).await? {
            Some(counts) => return Ok(Reservation::Reserved(Box::new(counts))),
            None if waits() => return Err(LoginError::Limited { retry_after: Duration::ZERO }),
            None => {}
        }
    }
    app.db
        .write(async |tx| match at_length(app, tx, of, by, now).await? {
            Reservation::Limited(retry_after) if waits() => Err(LoginError::Limited { retry_after }),
            reservation => Ok(reservation),
        })
        .await
}

async fn at_length(
    app: &App,
    tx: &Transaction,
    of: &Of<'_>,
    by: &By<'_>,
    now: Timestamp,
) -> Result<Reservation, LoginError> {
    let (row, new) = match of {
        Of::New(row) => (attempts::Model { tries_left: row.tries_left - 1, ..(**row).clone() }, true),
        Of::Attempt(bound) => match store::reserve_try(tx, bound, now).await? {
            Some(row) => (row, false),
            None => return Ok(Reservation::Ended),
        },
    };
    let device = match &by.device_hash {
        Some(hash) if devices::known(tx, row.user_id, hash, now).await? => Some(hash.as_slice()),
        _ => None,
    };
    let (mut source, mut guess) = (None, None);
    let mut early = None;
    if device.is_none() {
        match of_source(app, tx, by.origin, now).await? {
            Taken::Within(taken) => source = Some(taken),
            Taken::Limited { retry_after, .. } => early = Some(retry_after),
        }
    }
    let guessed = Guessed::of(by.method, !proofs(&row)?.is_empty()).filter(|_| early.is_none());
    if let Some(guessed) = guessed {
        let next = Guess::new(guessed, &row.identifier, device);
        match guesses::count(app, tx, next, now).await? {
            Counted::Free(free) => guess = Some(free),
            Counted::Early { retry_after, first } => {
                if first {
                    record_limited(app, tx, "failures_per_account", by.origin, now).await?;
                }
                early = Some(retry_after);
            }
        }
    }
    let counts = Counts { row, source, guess, new };
    if let Some(retry_after) = early {
        // What is not looked at costs nothing.
        counts.give_back(tx).await?;
        return Ok(Reservation::Limited(retry_after));
    }
    if new {
        store::insert(tx, counts.row.clone());
    }
    Ok(Reservation::Reserved(Box::new(counts)))
}

/// The first try of a new attempt, by a device that nobody knows; nothing, and nothing counted, where it is limited: then
/// it is done again at length. A try lost to a power cut is no loss, so this does not wait for the disk.
async fn in_one_batch(
    app: &App,
    row: &attempts::Model,
    by: &By<'_>,
    now: Timestamp,
) -> Result<Option<Counts>, LoginError> {
    let Some(guessed) = Guessed::of(by.method, false) else { return Ok(None) };
    let row = attempts::Model { tries_left: row.tries_left - 1, ..row.clone() };
    let limit = per_source(app);
    let guess = Guess::new(guessed, &row.identifier, None);
    let taken = rate_limit::insertion(limit, &rate_limit::source(by.origin.ip), now);
    let counted = guess.insertion(&app.config.limits, now);
    let stored = store::insertion(row.clone());
    let free = move |done: &[Done]| match done {
        [Done { row: Some(used), .. }, Done { row: Some(_), .. }, ..] => rate_limit::within(limit, used),
        _ => false,
    };
    let done = app.db.write_lightly(&[&taken, &counted, &stored], free).await?;
    let [Done { row: Some(used), .. }, Done { row: Some(counted), .. }, ..] = &*done else { return Ok(None) };
    // Before it is judged, which tells the caller what is left: it is counted again.
    if !rate_limit::within(limit, used) {
        return Ok(None);
    }
    let Taken::Within(used) = rate_limit::judge(limit, used, now)? else { return Ok(None) };
    let guess = guess.counted(counted)?;
    Ok(Some(Counts { row, source: Some(used), guess: Some(guess), new: true }))
}

fn per_source(app: &App) -> Limit {
    Limit { name: "failures_per_source", rate: app.config.limits.failures_per_source }
}

async fn of_source(
    app: &App,
    tx: &Transaction,
    origin: &Origin,
    now: Timestamp,
) -> Result<Taken, LoginError> {
    let limit = per_source(app);
    let taken = rate_limit::take(tx, limit, &rate_limit::source(origin.ip), now).await?;
    if let Taken::Limited { first: true, .. } = taken {
        record_limited(app, tx, limit.name, origin, now).await?;
    }
    Ok(taken)
}
