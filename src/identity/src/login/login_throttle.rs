//! Answers whether the next guess at an account's credential may be judged yet: a throttle that slows guesses
//! and locks nobody out.
//!
//! After `limits.failures_before_delay` failures the next guess must wait, and each further one twice as
//! long. All devices that the account does not know share one delay, so that guesses from many networks and
//! at several nodes share one budget. A device that the account knows ([`super::devices`]) waits for its own
//! failures only, so that strangers cannot delay the owner.
//!
//! A guess is counted before it is judged, by one conditional upsert that changes no row before
//! `next_allowed_at`. A right guess is refunded, and so is a guess that a fault kept from being judged. A
//! guess before `next_allowed_at` is not judged and does not prolong the delay.
//!
//! Guesses at a password, at a sent code, and at a second factor after a first one have separate counters
//! ([`ThrottleKind`]): a stranger's failures at one do not delay the others. A phishing-resistant key cannot
//! be guessed and is not counted at all.

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
use crate::{config::LimitSettings, core::Write, crypto};

/// One guess at a credential of one account.
#[derive(Clone, Debug)]
pub(super) struct Guess {
    account_key: Vec<u8>,
    device: Vec<u8>,
    /// When the next guess is allowed; the epoch before the guess is counted.
    next_allowed_at: Timestamp,
    /// Failures so far, this guess included; zero before the guess is counted.
    failures: i32,
}

impl Guess {
    /// A guess that is to be counted. `device` is the hash of a device that the account knows, none for all
    /// others.
    pub(super) fn new(guessed: ThrottleKind, identifier: &str, device: Option<&[u8]>) -> Self {
        let device = device.unwrap_or_default().to_vec();
        Self {
            account_key: guessed.account_key(identifier),
            device,
            next_allowed_at: Timestamp::EPOCH,
            failures: 0,
        }
    }

    /// Counts the guess. Returns the row that [`with_counts`](Self::with_counts) reads, and no row for a
    /// guess before `next_allowed_at`.
    ///
    /// Without a delay `next_allowed_at` is the epoch and not the present: of two concurrent guesses, the later
    /// write may belong to the earlier request, whose time would then be too early.
    pub(super) fn count_statement(&self, limits: &LimitSettings, now: Timestamp) -> InsertStatement {
        let waits = Delays::from_limits(limits);
        let forget_after =
            limits.failures_forgotten_after.duration().max(limits.longest_failure_delay.duration());
        let forget_at = now + forget_after;
        let after_one = waits.next_allowed_after_first(now);
        let stored = |column: Column| Expr::col((guesses::Entity, column));
        let forgotten = || stored(Column::ForgetAt).lte(now);
        let made = || stored(Column::Made).add(1);
        let doublings = || made().sub(waits.failures_before_delay);
        let free_at = CaseStatement::new()
            .case(forgotten(), after_one)
            .case(made().lt(waits.failures_before_delay), Timestamp::EPOCH)
            .case(doublings().gte(waits.doublings), now + waits.longest_delay)
            .finally(Expr::val(micros(waits.first_delay)).left_shift(doublings()).add(now));
        let again = OnConflict::columns([Column::Account, Column::Device])
            .value(Column::Made, CaseStatement::new().case(forgotten(), 1).finally(made()))
            .value(Column::FreeAt, free_at)
            .values([(Column::ForgetAt, forget_at.into()), (Column::Refused, 0.into())])
            .action_and_where(stored(Column::FreeAt).lte(now))
            .to_owned();
        let first = [
            self.account_key.clone().into(),
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

    /// This guess with the counters that its row returned.
    pub(super) fn with_counts(self, row: &QueryResult) -> Result<Self, DatabaseError> {
        Ok(Self { next_allowed_at: row.try_get_by_index(0)?, failures: row.try_get_by_index(1)?, ..self })
    }

    /// Failures that were not refunded, this guess included.
    pub(super) fn failures(&self) -> i32 {
        self.failures
    }

    /// Whether the guess has the separate counter of a known device.
    pub(super) fn device_is_known(&self) -> bool {
        !self.device.is_empty()
    }
}

/// The throttle's decision about one guess.
pub(super) enum ThrottleDecision {
    /// The guess was counted and may be judged.
    Allowed(Guess),
    /// The guess came before `next_allowed_at` and must not be judged.
    TooEarly {
        /// Time until the next guess is allowed.
        retry_after: Duration,
        /// Whether this is the first guess that was refused in this delay. Only the first one is audited.
        first: bool,
    },
}

/// The kind of credential that is guessed; each kind has its own counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ThrottleKind {
    Password,
    /// A code that was sent or handed over.
    Code,
    /// Any credential that is the second factor of an attempt.
    SecondFactor,
}

impl ThrottleKind {
    const ALL: [Self; 3] = [Self::Password, Self::Code, Self::SecondFactor];

    /// The counter for a method; none for a method whose responses cannot be guessed.
    pub(super) fn for_method(method: &dyn LoginMethod, proven: bool) -> Option<Self> {
        match method.factor() {
            Factor::Possession { phishing_resistant: true } => None,
            _ if proven => Some(Self::SecondFactor),
            _ if method.name() == "password" => Some(Self::Password),
            _ => Some(Self::Code),
        }
    }

    /// Key of the counter: a hash of the kind and the email, whether or not an account has this email.
    pub(super) fn account_key(self, identifier: &str) -> Vec<u8> {
        let word = match self {
            Self::Password => "password",
            Self::Code => "code",
            Self::SecondFactor => "second",
        };
        crypto::token_hash(&format!("{word}\n{identifier}")).to_vec()
    }
}

/// The delays of the settings, in microseconds.
struct Delays {
    failures_before_delay: i32,
    first_delay: Duration,
    longest_delay: Duration,
    /// Number of doublings after which the delay is the longest one.
    doublings: i32,
}

impl Delays {
    fn from_limits(limits: &LimitSettings) -> Self {
        let (first, longest) = (limits.failure_delay.duration(), limits.longest_failure_delay.duration());
        let doublings = (0..62)
            .find(|&times| micros(first).checked_shl(times).is_none_or(|wait| wait >= micros(longest)));
        let doublings = doublings.map_or(62, u32::cast_signed);
        Self {
            failures_before_delay: i32::from(limits.failures_before_delay.get()),
            first_delay: first,
            longest_delay: longest,
            doublings,
        }
    }

    /// When the guess after the first failure is allowed; the epoch without a delay.
    fn next_allowed_after_first(&self, now: Timestamp) -> Timestamp {
        match (self.failures_before_delay, self.doublings) {
            (1, 0) => now + self.longest_delay,
            (1, _) => now + self.first_delay,
            _ => Timestamp::EPOCH,
        }
    }
}

/// A delay as the database adds it to a stored time.
fn micros(delay: Duration) -> i64 {
    i64::try_from(delay.as_micros()).unwrap_or(i64::MAX)
}

/// Counts a guess in the open write. The write must commit in every case, because the refusal is counted too.
pub(super) async fn count(write: &Write<'_>, guess: Guess) -> Result<ThrottleDecision, DatabaseError> {
    if let Some(row) = write.query_one(&guess.count_statement(&write.core.config.limits, write.now())).await?
    {
        return Ok(ThrottleDecision::Allowed(guess.with_counts(&row)?));
    }
    let refused = guesses::Entity::update_many()
        .col_expr(Column::Refused, Expr::col(Column::Refused).add(1))
        .filter(Column::Account.eq(guess.account_key))
        .filter(Column::Device.eq(guess.device))
        .exec_with_returning(write)
        .await?;
    let waiting = refused
        .into_iter()
        .next()
        .ok_or_else(|| DbErr::RecordNotFound("a guess that was just refused".to_owned()))?;
    metrics::counter!("postern_limited_total", "limit" => "failures_per_account").increment(1);
    Ok(ThrottleDecision::TooEarly { retry_after: waiting.free_at - write.now(), first: waiting.refused == 1 })
}

/// Refunds a guess that was right or was not judged, with the delay that the guess began. Runs at the end of
/// the write.
pub(super) fn refund(tx: &Transaction, guess: &Guess) {
    let began = Expr::col(Column::FreeAt).eq(guess.next_allowed_at);
    let free_at = CaseStatement::new().case(began, Timestamp::EPOCH).finally(Expr::col(Column::FreeAt));
    let less = guesses::Entity::update_many()
        .col_expr(Column::Made, Expr::col(Column::Made).sub(1))
        .col_expr(Column::FreeAt, free_at.into())
        .filter(Column::Account.eq(guess.account_key.clone()))
        .filter(Column::Device.eq(guess.device.clone()))
        .filter(Column::Made.gt(0))
        .into_query();
    tx.defer(&less);
}

/// Resets the counter of a known device, because its user has signed in.
pub(super) fn reset_device(tx: &Transaction, guess: &Guess) {
    let all = guesses::Entity::delete_many()
        .filter(Column::Account.eq(guess.account_key.clone()))
        .filter(Column::Device.eq(guess.device.clone()));
    tx.defer(&all.into_query());
}

/// Resets all counters of an account.
pub async fn reset_account(tx: &Transaction, identifier: &str) -> Result<(), DatabaseError> {
    reset_account_statement(identifier).exec(tx).await?;
    Ok(())
}

fn reset_account_statement(identifier: &str) -> sea_orm::DeleteMany<guesses::Entity> {
    guesses::Entity::delete_many()
        .filter(Column::Account.is_in(ThrottleKind::ALL.map(|it| it.account_key(identifier))))
}

/// The failures of an account that the throttle remembers, over all counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountFailures {
    pub failures: u32,
    /// When unknown devices may guess again; none when they may now.
    pub delayed_until: Option<Timestamp>,
}

/// The failures at an account, for the administration. Reads only.
pub async fn account_failures(
    db: &impl ConnectionTrait,
    identifier: &str,
    now: Timestamp,
) -> Result<AccountFailures, DatabaseError> {
    let rows = guesses::Entity::find()
        .filter(Column::Account.is_in(ThrottleKind::ALL.map(|it| it.account_key(identifier))))
        .filter(Column::ForgetAt.gt(now))
        .all(db)
        .await?;
    let waits = rows.iter().filter(|row| row.device.is_empty()).map(|row| row.free_at).max();
    Ok(AccountFailures {
        failures: rows.iter().filter_map(|row| u32::try_from(row.made).ok()).sum(),
        delayed_until: waits.filter(|&end| end > now),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn fewer_than_eleven_guesses_fit_into_a_quarter_of_an_hour_with_the_defaults() {
        let limits = Config::load(None, []).unwrap().settings.limits;
        let waits = Delays::from_limits(&limits);
        let (mut at, mut looked_at) = (Duration::ZERO, waits.failures_before_delay);
        for step in 0.. {
            at += if step >= waits.doublings { waits.longest_delay } else { waits.first_delay * (1 << step) };
            if at >= Duration::from_mins(15) {
                break;
            }
            looked_at += 1;
        }
        assert_eq!(looked_at, 10);
    }
}
