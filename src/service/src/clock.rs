//! Defines [`Timestamp`], a moment, and [`Clock`], the only type that reads the clock of the machine.
//!
//! Every lifetime, expiry and rate is computed from `Clock::now`, so a test controls the time. The time is
//! the wall clock in UTC. It follows corrections of an operator, backwards too. Time-outs of sockets and
//! pools use the monotonic clock of `tokio::time` instead.
//!
//! Arithmetic saturates. A moment out of range can come from a request (`max_age`, a claim of a token). It
//! must neither panic nor wrap around to a valid moment.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sea_orm::DeriveValueType;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Years 0000 and 9999, the range that RFC 3339 can write, in seconds since the epoch.
const RFC3339_SECONDS: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

/// A moment: microseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// Stored and serialised as that integer, so it sorts and compares alike in every database. Claims of tokens
/// (`exp`, `iat`, `auth_time`) are whole seconds: [`seconds`](Self::seconds).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, DeriveValueType)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch, 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The last moment: the end of what never ends. Arithmetic saturates, so nothing is later.
    pub const MAX: Self = Self(i64::MAX);

    /// From microseconds since the epoch, as stored in the database.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From seconds since the epoch, as written in a token (RFC 7519 section 2, `NumericDate`).
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// RFC 3339 in UTC with microseconds (`2026-11-20T14:57:16.000250Z`): always the same width, so texts
    /// sort like moments. Moments outside of the years 0000 to 9999 are written as the nearest one inside.
    pub fn rfc3339(self) -> String {
        let seconds = self.seconds().clamp(*RFC3339_SECONDS.start(), *RFC3339_SECONDS.end());
        let moment = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
            moment.year(),
            u8::from(moment.month()),
            moment.day(),
            moment.hour(),
            moment.minute(),
            moment.second(),
            self.0.rem_euclid(MICROS_PER_SECOND),
        )
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros_of(duration)))
    }
}

impl AddAssign<Duration> for Timestamp {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros_of(duration)))
    }
}

/// The time from `earlier` to this moment; zero when `earlier` is later.
impl Sub for Timestamp {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        let micros = i128::from(self.0) - i128::from(earlier.0);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

fn micros_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// The clock of the machine, or a clock that a test controls. Clones of a manual clock share their time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `now` until a test moves it.
    pub fn manual(now: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(now.0))))
    }

    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => system_now(),
            Source::Manual(micros) => Timestamp(micros.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock forward. Has no effect on the system's clock.
    pub fn advance(&self, duration: Duration) {
        if let Source::Manual(micros) = &self.0 {
            let forward = |now| Some((Timestamp(now) + duration).0);
            // `forward` never returns `None`, so the update cannot fail.
            let _ = micros.fetch_update(Ordering::SeqCst, Ordering::SeqCst, forward);
        }
    }

    /// Sets a manual clock, backwards too. Has no effect on the system's clock.
    pub fn set(&self, now: Timestamp) {
        if let Source::Manual(micros) = &self.0 {
            micros.store(now.0, Ordering::SeqCst);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
fn system_now() -> Timestamp {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Timestamp::EPOCH + since,
        Err(before) => Timestamp::EPOCH - before.duration(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        let last = Timestamp::MAX;
        let first = Timestamp::from_micros(i64::MIN);
        assert_eq!(last + Duration::MAX, last);
        assert_eq!(first - Duration::MAX, first);
        assert_eq!(first - last, Duration::ZERO);
        assert_eq!(last - first, Duration::from_micros(u64::MAX));
        assert_eq!(Timestamp::from_seconds(i64::MAX), last);
    }

    #[test]
    fn seconds_round_down_before_the_epoch_too() {
        assert_eq!(Timestamp::from_micros(1_999_999).seconds(), 1);
        assert_eq!(Timestamp::from_micros(-1).seconds(), -1);
    }

    #[test]
    fn rfc3339_has_one_width_and_never_fails() {
        assert_eq!(Timestamp::from_micros(1_763_650_636_000_250).rfc3339(), "2025-11-20T14:57:16.000250Z");
        assert_eq!(Timestamp::from_micros(-1).rfc3339(), "1969-12-31T23:59:59.999999Z");
        assert!(Timestamp::MAX.rfc3339().starts_with("9999-12-31T23:59:59"));
        assert!(Timestamp::from_micros(i64::MIN).rfc3339().starts_with("0000-01-01T00:00:00"));
    }

    #[test]
    fn a_timestamp_serialises_as_microseconds() {
        let moment = Timestamp::from_seconds(7);
        assert_eq!(serde_json::to_string(&moment).unwrap(), "7000000");
        assert_eq!(serde_json::from_str::<Timestamp>("7000000").unwrap(), moment);
    }

    #[test]
    fn clones_of_a_manual_clock_share_their_time() {
        let clock = Clock::manual(Timestamp::from_seconds(100));
        let other = clock.clone();
        clock.advance(Duration::from_secs(5));
        assert_eq!(other.now(), Timestamp::from_seconds(105));
        other.set(Timestamp::from_seconds(1));
        assert_eq!(clock.now(), Timestamp::from_seconds(1));
    }

    #[test]
    fn the_system_clock_is_in_this_century() {
        let now = Clock::system().now();
        assert!(now > Timestamp::from_seconds(1_700_000_000) && now < Timestamp::from_seconds(4_102_444_800));
    }
}
