//! Defines [`Random`], the only source of randomness for secrets, codes and identifiers.
//!
//! In production it is the thread's `ChaCha` generator, which the operating system seeds and reseeds. A test
//! seeds its own and gets the same bytes in every run. Libraries that draw their own randomness (OpenSSL for
//! keys, WebAuthn for challenges) do not use it.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use secrecy::SecretString;
use uuid::{Builder, Uuid};

use crate::clock::Timestamp;

/// A source of random values. Clones of a seeded one continue the same sequence.
#[derive(Clone)]
pub struct Random(Source);

#[derive(Clone)]
enum Source {
    System,
    Seeded(Arc<Mutex<ChaCha20Rng>>),
}

impl Random {
    /// Cryptographically secure randomness, fit for secrets.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// The same sequence for the same seed: for tests only.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(ChaCha20Rng::seed_from_u64(seed)))))
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        self.draw(|rng| {
            let mut bytes = [0; N];
            rng.fill_bytes(&mut bytes);
            bytes
        })
    }

    /// A bearer secret: 256 bits as 43 characters of base64url without padding (RFC 4648 section 5).
    pub fn token(&self) -> SecretString {
        URL_SAFE_NO_PAD.encode(self.bytes::<32>()).into()
    }

    /// `count` decimal digits, each equally likely, leading zeros included.
    pub fn digits(&self, count: usize) -> String {
        self.draw(|rng| (0..count).map(|_| char::from(rng.random_range(b'0'..=b'9'))).collect())
    }

    /// A random identifier (UUID version 4, RFC 9562 section 5.4), for identifiers that others see: it
    /// reveals nothing.
    pub fn uuid(&self) -> Uuid {
        Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// A row's key in order of creation (UUID version 7, RFC 9562 section 5.7), so that new rows are stored
    /// side by side. It reveals the time of creation: never publish it where that matters.
    pub fn row_id(&self, now: Timestamp) -> Uuid {
        row_id_of(now, self.bytes())
    }

    /// The least key that a row of this moment can have. Rows that were made before have lesser keys.
    pub fn first_row_id(now: Timestamp) -> Uuid {
        row_id_of(now, [0; 10])
    }

    fn draw<T>(&self, from: impl FnOnce(&mut dyn Rng) -> T) -> T {
        match &self.0 {
            Source::System => from(&mut system_rng()),
            // A panic of another thread leaves the sequence intact, which is enough for a test.
            Source::Seeded(rng) => from(&mut *rng.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

fn row_id_of(now: Timestamp, mut random: [u8; 10]) -> Uuid {
    let micros = u64::try_from(now.micros()).unwrap_or(0);
    // RFC 9562 section 6.2, method 3: the 12 bits after the version continue the time, here to 1/4096 ms.
    let fraction = (micros % 1000) * 4096 / 1000;
    let [.., high, low] = fraction.to_be_bytes();
    [random[0], random[1]] = [high, low];
    Builder::from_unix_timestamp_millis(micros / 1000, &random).into_uuid()
}

#[expect(clippy::disallowed_methods, reason = "the one place that takes the system's randomness")]
fn system_rng() -> rand::rngs::ThreadRng {
    rand::rng()
}

/// Does not print the state of the generator.
impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Random::System",
            Source::Seeded(_) => "Random::Seeded",
        })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use std::time::Duration;

    #[test]
    fn the_same_seed_gives_the_same_sequence() {
        let (one, other) = (Random::seeded(7), Random::seeded(7));
        assert_eq!(one.token().expose_secret(), other.token().expose_secret());
        assert_eq!(one.clone().uuid(), other.uuid());
        assert_ne!(one.token().expose_secret(), Random::seeded(8).token().expose_secret());
    }

    #[test]
    fn values_have_their_shape() {
        let random = Random::system();
        assert_eq!(random.token().expose_secret().len(), 43);
        assert!(random.digits(8).len() == 8 && random.digits(8).bytes().all(|b| b.is_ascii_digit()));
        assert_eq!(random.uuid().get_version_num(), 4);
        assert_ne!(random.bytes::<16>(), random.bytes::<16>());
    }

    #[test]
    fn row_ids_sort_by_the_microsecond_of_their_birth() {
        let random = Random::seeded(1);
        let start = Timestamp::from_seconds(1_763_650_636);
        let ids: Vec<_> =
            (0..2500).map(|micros| random.row_id(start + Duration::from_micros(micros))).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
        let (before, after) = (random.row_id(start), random.row_id(start + Duration::from_micros(1)));
        let between = Random::first_row_id(start + Duration::from_micros(1));
        assert!(before < between && between <= after);
    }
}
