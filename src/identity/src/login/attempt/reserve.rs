//! Takes a try before anything is compared, and counts it against account and source.
//!
//! It is a write of its own, committed whatever comes after, so that parallel guesses cannot share a try. What turns
//! out well gives back what was counted.

use std::time::Duration;

use postern_entities::attempts;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};

use super::{
    super::LoginError,
    record_limited,
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
    New(attempts::Model),
}

/// A try that was taken.
pub(super) struct Reserved {
    /// The attempt, without that try.
    pub(super) row: attempts::Model,
    counted: Vec<Use>,
    new: bool,
}

impl Reserved {
    /// Gives back what was counted, in the write of what turned out well.
    pub(super) async fn forgive(&self, tx: &Transaction) -> Result<(), DatabaseError> {
        for taken in &self.counted {
            rate_limit::give_back(tx, taken).await?;
        }
        Ok(())
    }

    /// Undoes it: the answer was not looked at. Of an attempt that began with it nobody knows the secret.
    pub(super) async fn give_back(&self, tx: &Transaction) -> Result<(), DatabaseError> {
        if self.new {
            store::remove(tx, &self.row).await?;
        } else {
            store::give_back(tx, &self.row).await?;
        }
        self.forgive(tx).await
    }
}

/// What came of it.
enum Reservation {
    Reserved(Box<Reserved>),
    Limited(Duration),
    Ended,
}

/// Takes a try of the attempt and counts it.
pub(super) async fn reserve(
    app: &App,
    of: Of<'_>,
    method: &str,
    origin: &Origin,
    now: Timestamp,
) -> Result<Reserved, LoginError> {
    let limits = &app.config.limits;
    let source = rate_limit::source(origin.ip);
    let reservation = app
        .db
        .write(async |tx| -> Result<_, LoginError> {
            let (row, new) = match of {
                Of::New(row) => (attempts::Model { tries_left: row.tries_left - 1, ..row }, true),
                Of::Attempt(bound) => match store::reserve_try(tx, bound, now).await? {
                    Some(row) => (row, false),
                    None => return Ok(Reservation::Ended),
                },
            };
            let mut counted = Vec::new();
            let of_source = Limit { name: "failures_per_source", rate: limits.failures_per_source };
            for (limit, subject) in
                [(of_source, source.as_str()), (failures_of_account(app, method), row.identifier.as_str())]
            {
                match rate_limit::take(tx, limit, subject, now).await? {
                    Taken::Within(taken) => counted.push(taken),
                    Taken::Limited { retry_after, first } => {
                        if first {
                            record_limited(app, tx, limit.name, origin, now).await?;
                        }
                        return Ok(Reservation::Limited(retry_after));
                    }
                }
            }
            if new {
                store::insert(tx, row.clone()).await?;
            }
            Ok(Reservation::Reserved(Box::new(Reserved { row, counted, new })))
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
