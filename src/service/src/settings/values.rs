//! Defines the types of settings: lengths of time, rates, sizes.

use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// The rule that a text breaks, such as "must be a size such as 64KiB".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be {0}")]
pub struct ValueError(&'static str);

const LIFETIME: ValueError = ValueError("a length of time such as 250ms, 10s, 15m, 1h30m or 7d");
const RATE: ValueError = ValueError(
    "a rate such as `5 per 15m per ip` (per ip, recipient, account, client, grant or installation)",
);
const BYTE_SIZE: ValueError = ValueError("a size such as 65536, 64KiB or 1MiB");

/// A length of time: `250ms`, `10s`, `15m`, `1h30m`, `7d`. Units go from long to short, and each occurs at
/// most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Lifetime(Duration);

impl Lifetime {
    /// From long to short, in milliseconds.
    const UNITS: [(&'static str, u64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(Duration::from_millis(milliseconds))
    }

    pub const fn duration(self) -> Duration {
        self.0
    }

    /// Whole seconds, as in `expires_in` and `Max-Age`.
    pub const fn seconds(self) -> u64 {
        self.0.as_secs()
    }
}

impl From<Lifetime> for Duration {
    fn from(lifetime: Lifetime) -> Self {
        lifetime.0
    }
}

impl FromStr for Lifetime {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut rest = text.trim();
        let mut units = Self::UNITS.iter();
        let mut total = 0_u64;
        if rest.is_empty() {
            return Err(LIFETIME);
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(LIFETIME)?;
            let (number, tail) = rest.split_at(digits);
            let word = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(word);
            // `find` continues after the previous unit, so the units can only become shorter.
            let (_, length) = units.find(|(name, _)| *name == unit).ok_or(LIFETIME)?;
            let part = number.parse::<u64>().ok().and_then(|n| n.checked_mul(*length)).ok_or(LIFETIME)?;
            total = total.checked_add(part).ok_or(LIFETIME)?;
            rest = tail;
        }
        Ok(Self(Duration::from_millis(total)))
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, length) in Self::UNITS {
            if rest >= length {
                write!(f, "{}{unit}", rest / length)?;
                rest %= length;
            }
        }
        Ok(())
    }
}

/// How often something may happen: `5 per 15m per ip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    /// Uses allowed within `period`.
    pub count: NonZeroU32,
    pub period: Lifetime,
    pub key: RateKey,
}

/// The key by which the uses of a rate are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateKey {
    /// The IP address of the client (IPv6: its /64).
    Ip,
    /// The email or phone number that a message is sent to.
    Recipient,
    /// The user, or the identifier that a person typed.
    Account,
    Client,
    Grant,
    Installation,
}

impl RateKey {
    const ALL: [Self; 6] =
        [Self::Ip, Self::Recipient, Self::Account, Self::Client, Self::Grant, Self::Installation];

    /// The name in settings and in the keys of counters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Recipient => "recipient",
            Self::Account => "account",
            Self::Client => "client",
            Self::Grant => "grant",
            Self::Installation => "installation",
        }
    }
}

impl FromStr for Rate {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let words: Vec<_> = text.split_whitespace().collect();
        let [count, "per", period, "per", per] = words[..] else { return Err(RATE) };
        let count = count.parse().map_err(|_| RATE)?;
        let period: Lifetime = period.parse().map_err(|_| RATE)?;
        let per = RateKey::ALL.into_iter().find(|known| known.name() == per).ok_or(RATE)?;
        if period.duration().is_zero() {
            return Err(RATE);
        }
        Ok(Self { count, period, key: per })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} per {} per {}", self.count, self.period, self.key.name())
    }
}

/// A number of bytes: `65536`, `64KiB`, `1MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ByteSize(u32);

impl ByteSize {
    const UNITS: [(&'static str, u32); 2] = [("MiB", 1 << 20), ("KiB", 1 << 10)];

    pub const fn bytes(self) -> usize {
        self.0 as usize
    }
}

impl FromStr for ByteSize {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        let unit = Self::UNITS.into_iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, size)));
        let (number, size) = unit.unwrap_or((text, 1));
        let number = number.trim_end().parse::<u32>().ok();
        number.and_then(|number| number.checked_mul(size)).map(Self).ok_or(BYTE_SIZE)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::UNITS.into_iter().find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size)) {
            Some((unit, size)) => write!(f, "{}{unit}", self.0 / size),
            None => write!(f, "{}", self.0),
        }
    }
}

/// Implements the conversions that serde uses, by `FromStr` and `Display`.
macro_rules! written_as_text {
    ($($type:ty),+) => {$(
        impl TryFrom<String> for $type {
            type Error = ValueError;

            fn try_from(text: String) -> Result<Self, ValueError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    )+};
}

written_as_text!(Lifetime, Rate, ByteSize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_read_and_written() {
        for (text, milliseconds) in [
            ("250ms", 250),
            ("10s", 10_000),
            ("15m", 900_000),
            ("1h30m", 5_400_000),
            ("7d", 604_800_000),
            ("0s", 0),
        ] {
            let lifetime: Lifetime = text.parse().unwrap();
            assert_eq!(lifetime.duration(), Duration::from_millis(milliseconds), "{text}");
            assert_eq!(lifetime.to_string(), text);
        }
        assert_eq!("90s".parse::<Lifetime>().unwrap().to_string(), "1m30s");
    }

    #[test]
    fn other_lifetimes_are_refused() {
        for text in
            ["", " ", "15", "m", "15 m", "15min", "30m1h", "5m5m", "-5m", "1.5h", "99999999999999d", "5m!"]
        {
            assert_eq!(text.parse::<Lifetime>(), Err(LIFETIME), "{text}");
        }
    }

    #[test]
    fn rates_are_read_and_written() {
        let rate: Rate = "5 per 15m per ip".parse().unwrap();
        assert_eq!((rate.count.get(), rate.period.seconds(), rate.key), (5, 900, RateKey::Ip));
        assert_eq!(rate.to_string(), "5 per 15m per ip");
        for text in
            ["", "5 per 15m", "0 per 15m per ip", "5 per 0s per ip", "5 per 15m per cat", "5 / 15m / ip"]
        {
            assert_eq!(text.parse::<Rate>(), Err(RATE), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes) in [("100", 100), ("64KiB", 65_536), ("1MiB", 1_048_576)] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!(size.bytes(), bytes);
            assert_eq!(size.to_string(), text);
        }
        for text in ["", "1GB", "64kb", "-1", "4096MiB"] {
            assert_eq!(text.parse::<ByteSize>(), Err(BYTE_SIZE), "{text}");
        }
    }
}
