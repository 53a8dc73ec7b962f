//! Slows down whoever guesses at one account, and locks nobody out for it.
//!
//! After `limits.failures_before_delay` guesses the next one waits, and each further one twice as long. All devices that
//! the account does not know wait together, so that guesses from many addresses and on several nodes share one budget. A
//! device that it knows ([`super::devices`]) waits for its own guesses only: strangers cannot keep it out.
//!
//! A guess is counted before it is looked at, by one conditional upsert that lets nobody through before `free_at`; one
//! that turns out right, or that a fault kept from being looked at, is taken back. A guess that comes too early is not looked at and changes nothing of the wait.
//!
//! Guesses at a password, at a code that was sent, and at the second factor of who has shown a first one are counted apart:
//! what a stranger does to one of them bars nobody from another. What cannot be guessed, a key that signs for our origin, is not counted at all.

use std::time::Duration;

use postern_entities::guesses::{self, Column};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryResult, QueryTrait as _,
    sea_query::{CaseStatement, Expr, ExprTrait as _, InsertStatement, OnConflict, Query},
};

use super::{LoginMethod, policy::Factor};
use crate::{app::App, config::LimitSettings, crypto};

/// A guess.
#[derive(Clone, Debug)]
pub(super) struct Guess {
    account: Vec<u8>,
    device: Vec<u8>,
    /// When the one after it is free, once it is counted.
    free_at: i64,
    /// How many were made with it, once it is counted.
    made: i32,
}

impl Guess {
    /// One that is to be counted. `device` is one that the account knows.
    pub(super) fn new(guessed: Guessed, identifier: &str, device: Option<&[u8]>) -> Self {
        let device = device.unwrap_or_default().to_vec();
        Self { account: guessed.account(identifier), device, free_at: 0, made: 0 }
    }

    /// What counts it. It returns the row that [`counted`](Self::counted) reads, and none for a guess that comes too early.
    ///
    /// Without a wait `free_at` is zero and not now: of guesses at once, the one that is written later may have begun
    /// earlier.
    pub(super) fn insertion(&self, limits: &LimitSettings, now: Timestamp) -> InsertStatement {
        let waits = Waits::of(limits);
        let forget_after =
            limits.failures_forgotten_after.duration().max(limits.longest_failure_delay.duration());
        let forget_at = (now + forget_after).micros();
        let (now, after_one) = (now.micros(), waits.after_one(now));
        let stored = |column: Column| Expr::col((guesses::Entity, column));
        let forgotten = || stored(Column::ForgetAt).lte(now);
        let made = || stored(Column::Made).add(1);
        let doublings = || made().sub(waits.before);
        let free_at = CaseStatement::new()
            .case(forgotten(), after_one)
            .case(made().lt(waits.before), 0_i64)
            .case(doublings().gte(waits.doublings), now.saturating_add(waits.longest))
            .finally(Expr::val(waits.first).left_shift(doublings()).add(now));
        let again = OnConflict::columns([Column::Account, Column::Device])
            .value(Column::Made, CaseStatement::new().case(forgotten(), 1).finally(made()))
            .value(Column::FreeAt, free_at)
            .values([(Column::ForgetAt, forget_at.into()), (Column::Refused, 0.into())])
            .action_and_where(stored(Column::FreeAt).lte(now))
            .to_owned();
        let first = [
            self.account.clone().into(),
            self.device.clone().into(),
            1.into(),
            0.into(),
            after_one.into(),
            forget_at.into(),
        ];
        Query::insert()
            .into_table(guesses::Entity)
            .columns([
                Column::Account,
                Column::Device,
                Column::Made,
                Column::Refused,
                Column::FreeAt,
                Column::ForgetAt,
            ])
            .values_panic(first)
            .on_conflict(again)
            .returning(Query::returning().columns([Column::FreeAt, Column::Made]))
            .to_owned()
    }

    /// This guess, counted.
    pub(super) fn counted(self, row: &QueryResult) -> Result<Self, DatabaseError> {
        Ok(Self { free_at: row.try_get_by_index(0)?, made: row.try_get_by_index(1)?, ..self })
    }

    /// How many were made and not taken back, with this one.
    pub(super) fn made(&self) -> i32 {
        self.made
    }

    /// Whether it is counted for a device of its own.
    pub(super) fn of_known_device(&self) -> bool {
        !self.device.is_empty()
    }
}

/// What came of counting one.
pub(super) enum Counted {
    /// It may be looked at.
    Free(Guess),
    /// It comes too early.
    Early {
        /// Until one is looked at.
        retry_after: Duration,
        /// Whether it is the first one that is refused in this wait: the one to record.
        first: bool,
    },
}

/// What is guessed at an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guessed {
    /// Its password.
    Password,
    /// A code.
    Code,
    /// A second factor, after a first one was shown.
    Second,
}

impl Guessed {
    const ALL: [Self; 3] = [Self::Password, Self::Code, Self::Second];

    /// What answers to a method guess; nothing where guessing is hopeless.
    pub(super) fn of(method: &dyn LoginMethod, proven: bool) -> Option<Self> {
        match method.kind() {
            Factor::Has { phishing_resistant: true } => None,
            _ if proven => Some(Self::Second),
            _ if method.name() == "password" => Some(Self::Password),
            _ => Some(Self::Code),
        }
    }

    /// The account's name for it, whether or not somebody has the address.
    pub(super) fn account(self, identifier: &str) -> Vec<u8> {
        let word = match self {
            Self::Password => "password",
            Self::Code => "code",
            Self::Second => "second",
        };
        crypto::token_hash(&format!("{word}\n{identifier}"))
    }
}

/// The waits of the settings, in microseconds.
struct Waits {
    before: i32,
    first: i64,
    longest: i64,
    /// After so many doublings the wait is the longest.
    doublings: i32,
}

impl Waits {
    fn of(limits: &LimitSettings) -> Self {
        let micros = |wait: Duration| i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        let (first, longest) =
            (micros(limits.failure_delay.duration()), micros(limits.longest_failure_delay.duration()));
        let doublings = (0..62).find(|&times| first.checked_shl(times).is_none_or(|wait| wait >= longest));
        let doublings = doublings.map_or(62, u32::cast_signed);
        Self { before: i32::from(limits.failures_before_delay.get()), first, longest, doublings }
    }

    /// When the second guess is free.
    fn after_one(&self, now: Timestamp) -> i64 {
        match (self.before, self.doublings) {
            (1, 0) => now.micros() + self.longest,
            (1, _) => now.micros() + self.first,
            _ => 0,
        }
    }
}

/// Counts a guess in the open write, which must commit also when it comes too early.
pub(super) async fn count(
    app: &App,
    tx: &Transaction,
    guess: Guess,
    now: Timestamp,
) -> Result<Counted, DatabaseError> {
    if let Some(row) = tx.query_one(&guess.insertion(&app.config.limits, now)).await? {
        return Ok(Counted::Free(guess.counted(&row)?));
    }
    let refused = guesses::Entity::update_many()
        .col_expr(Column::Refused, Expr::col(Column::Refused).add(1))
        .filter(Column::Account.eq(guess.account))
        .filter(Column::Device.eq(guess.device))
        .exec_with_returning(tx)
        .await?;
    let waiting = refused
        .into_iter()
        .next()
        .ok_or_else(|| DbErr::RecordNotFound("a guess that was just refused".to_owned()))?;
    metrics::counter!("postern_limited_total", "limit" => "failures_per_account").increment(1);
    Ok(Counted::Early {
        retry_after: Timestamp::from_micros(waiting.free_at) - now,
        first: waiting.refused == 1,
    })
}

/// Takes a guess back, at the end of the write, that turned out right or was not looked at, and the wait it began with it.
pub(super) fn take_back(tx: &Transaction, guess: &Guess) {
    let began = Expr::col(Column::FreeAt).eq(guess.free_at);
    let free_at = CaseStatement::new().case(began, 0_i64).finally(Expr::col(Column::FreeAt));
    let less = guesses::Entity::update_many()
        .col_expr(Column::Made, Expr::col(Column::Made).sub(1))
        .col_expr(Column::FreeAt, free_at.into())
        .filter(Column::Account.eq(guess.account.clone()))
        .filter(Column::Device.eq(guess.device.clone()))
        .filter(Column::Made.gt(0))
        .into_query();
    tx.later(&less);
}

/// Forgets this guess and all of its kind of a device that the account knows: its person has signed in.
pub(super) fn forget_of_device(tx: &Transaction, guess: &Guess) {
    let all = guesses::Entity::delete_many()
        .filter(Column::Account.eq(guess.account.clone()))
        .filter(Column::Device.eq(guess.device.clone()));
    tx.later(&all.into_query());
}

/// Forgets every guess at an account.
pub async fn forget(tx: &Transaction, identifier: &str) -> Result<(), DatabaseError> {
    of_account(identifier).exec(tx).await?;
    Ok(())
}

fn of_account(identifier: &str) -> sea_orm::DeleteMany<guesses::Entity> {
    guesses::Entity::delete_many()
        .filter(Column::Account.is_in(Guessed::ALL.map(|it| it.account(identifier))))
}

/// Guesses at an account that are remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// How many were looked at and were wrong.
    pub made: u32,
    /// Until when those from unknown devices wait.
    pub waits_until: Option<Timestamp>,
}

/// What is remembered of guesses at an account.
pub async fn look(
    db: &impl ConnectionTrait,
    identifier: &str,
    now: Timestamp,
) -> Result<Remembered, DatabaseError> {
    let rows = guesses::Entity::find()
        .filter(Column::Account.is_in(Guessed::ALL.map(|it| it.account(identifier))))
        .filter(Column::ForgetAt.gt(now.micros()))
        .all(db)
        .await?;
    let waits = rows.iter().filter(|row| row.device.is_empty()).map(|row| row.free_at).max();
    Ok(Remembered {
        made: rows.iter().filter_map(|row| u32::try_from(row.made).ok()).sum(),
        waits_until: waits.filter(|&end| end > now.micros()).map(Timestamp::from_micros),
    })
}

#[cfg(test)]
mod tests {
    use super::Waits;
    use crate::config::Config;

    #[test]
    fn fewer_than_eleven_guesses_fit_into_a_quarter_of_an_hour_with_the_defaults() {
        let limits = Config::load(None, []).unwrap().settings.limits;
        let waits = Waits::of(&limits);
        let (mut at, mut looked_at) = (0, waits.before);
        for step in 0.. {
            at += if step >= waits.doublings { waits.longest } else { waits.first << step };
            if at >= 900_000_000 {
                break;
            }
            looked_at += 1;
        }
        assert_eq!(looked_at, 10);
    }
}
