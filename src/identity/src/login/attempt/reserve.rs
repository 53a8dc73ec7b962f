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
    proofs, record_limited,
    store::{self, Bound},
};
use crate::{
    app::App,
    audit::Origin,
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

/// A try that was taken.
pub(super) struct Reserved {
    /// The attempt, without that try.
    pub(super) row: attempts::Model,
    counted: Option<Use>,
    guess: Option<Guess>,
    new: bool,
}

impl Reserved {
    /// Gives back what was counted, at the end of the write of what turned out well. A sign-in that it completed makes up
    /// for all that the same device guessed before.
    pub(super) fn forgive(&self, tx: &Transaction, completed: bool) {
        if let Some(taken) = &self.counted {
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
}

/// What came of it.
enum Reservation {
    Reserved(Box<Reserved>),
    Limited(Duration),
    Ended,
}

/// Takes a try of the attempt and counts it: against the source, unless the account knows the device by its secret, and
/// against the account.
pub(super) async fn reserve(
    app: &App,
    of: Of<'_>,
    by: By<'_>,
    now: Timestamp,
) -> Result<Reserved, LoginError> {
    if let (Of::New(row), None) = (&of, &by.device_hash)
        && let Some(reserved) = in_one_batch(app, row, &by, now).await?
    {
        return Ok(reserved);
    }
    let reservation = app
        .db
        .write(async |tx| -> Result<_, LoginError> {
            let (row, new) = match of {
                Of::New(row) => (attempts::Model { tries_left: row.tries_left - 1, ..*row }, true),
                Of::Attempt(bound) => match store::reserve_try(tx, bound, now).await? {
                    Some(row) => (row, false),
                    None => return Ok(Reservation::Ended),
                },
            };
            let device = match &by.device_hash {
                Some(hash) if devices::known(tx, row.user_id, hash, now).await? => Some(hash.as_slice()),
                _ => None,
            };
            let (mut counted, mut guess) = (None, None);
            let mut early = None;
            if device.is_none() {
                match of_source(app, tx, by.origin, now).await? {
                    Taken::Within(taken) => counted = Some(taken),
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
            let reserved = Reserved { row, counted, guess, new };
            if let Some(retry_after) = early {
                // What is not looked at costs nothing.
                reserved.give_back(tx).await?;
                return Ok(Reservation::Limited(retry_after));
            }
            if new {
                store::insert(tx, reserved.row.clone());
            }
            Ok(Reservation::Reserved(Box::new(reserved)))
        })
        .await?;
    match reservation {
        Reservation::Reserved(reserved) => Ok(*reserved),
        Reservation::Limited(retry_after) => Err(LoginError::Limited { retry_after }),
        Reservation::Ended => Err(LoginError::Ended),
    }
}

/// The first try of a new attempt, by a device that nobody knows; nothing, and nothing counted, where it is limited: then
/// it is done again at length. A try lost to a power cut is no loss, so this does not wait for the disk.
async fn in_one_batch(
    app: &App,
    row: &attempts::Model,
    by: &By<'_>,
    now: Timestamp,
) -> Result<Option<Reserved>, LoginError> {
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
    Ok(Some(Reserved { row, counted: Some(used), guess: Some(guess), new: true }))
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
