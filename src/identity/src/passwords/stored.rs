//! Defines [`StoredHash`]: a stored password hash, made here or by another system.
//!
//! Hashes made here are Argon2id (RFC 9106). Imported ones may be Argon2id and Argon2i with other parameters,
//! PBKDF2 (RFC 8018) and scrypt (RFC 7914) as PHC strings, and bcrypt in its own form. The cost of a hash is
//! limited before it is stored and again whenever it is read, because anybody who enters a password makes the
//! server compute it.
//!
//! An imported hash takes as long as its own parameters say. Computing an Argon2id hash beside it would not
//! hide this, because the sum is slower than either. So until its first sign-in an observer who measures can
//! tell such an account from others; docs/operating.md says so.

use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, Version,
    password_hash::phc::{ParamsString, Value},
};
use base64::{
    Engine as _, alphabet,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};
use openssl::{hash::MessageDigest, pkcs5};

use super::hasher::HashError;
use crate::{config::PasswordSettings, crypto};

/// Bytes: the shortest truncated hash that is accepted.
const MIN_OUTPUT: usize = 16;
const MAX_LANES: u32 = 16;
const BCRYPT_COSTS: std::ops::RangeInclusive<u32> = 4..=14;
/// Bytes that bcrypt reads of a password, its closing NUL included. It ignores the rest.
const BCRYPT_MAX_INPUT: usize = 72;
const MAX_ROUNDS: u32 = 2_000_000;
const SCRYPT_MAX_MEMORY: u64 = 256 << 20;
/// Bytes: memory times `p`.
const SCRYPT_MAX_WORK: u64 = 1 << 30;
/// Bytes that OpenSSL allocates beside the table.
const SCRYPT_OVERHEAD: u64 = 1 << 20;

const UNKNOWN: &str = "must be a hash of argon2id, argon2i, pbkdf2-sha256, pbkdf2-sha512 or scrypt as a PHC string, \
     or of bcrypt ($2a$, $2b$, $2y$)";
const PHC: &str = "must be a complete PHC string: $algorithm$parameters$salt$hash, without padding, \
     with a hash of 16 to 64 bytes";
const ARGON2: &str = "of Argon2 must have the version 16 or 19 and m, t and p, with at most 262144 KiB of memory (m), \
     16 passes (t), 16 lanes (p), and 1048576 for m times t";
const BCRYPT: &str = "of bcrypt must have 60 characters and a cost of 4 to 14";
const PBKDF2: &str = "of PBKDF2 must have the parameter i, 1 to 2000000 rounds";
const SCRYPT: &str =
    "of scrypt must have ln, r and p, and use at most 256 MiB of memory, and 1 GiB for p times that";

/// The rule that a hash breaks, as the rest of a sentence that begins with the field's name.
pub(super) type Rule = &'static str;

/// A parsed password hash.
pub(super) enum StoredHash {
    Argon2 { algorithm: Algorithm, version: Version, parameters: Params, salt: Vec<u8>, output: Vec<u8> },
    Bcrypt { cost: u32, salt: [u8; 16], output: [u8; 23] },
    Pbkdf2 { digest: MessageDigest, rounds: usize, salt: Vec<u8>, output: Vec<u8> },
    Scrypt { n: u64, r: u64, p: u64, salt: Vec<u8>, output: Vec<u8> },
}

impl StoredHash {
    /// Parses a hash that is complete and within the cost limits.
    pub(super) fn parse(text: &str) -> Result<Self, Rule> {
        let name = text.strip_prefix('$').and_then(|rest| rest.split('$').next()).ok_or(UNKNOWN)?;
        match name {
            "2a" | "2b" | "2y" => bcrypt(text).ok_or(BCRYPT),
            "argon2id" => argon2(Algorithm::Argon2id, &Phc::parse(text)?).ok_or(ARGON2),
            "argon2i" => argon2(Algorithm::Argon2i, &Phc::parse(text)?).ok_or(ARGON2),
            "pbkdf2-sha256" => pbkdf2(MessageDigest::sha256(), Phc::parse(text)?).ok_or(PBKDF2),
            "pbkdf2-sha512" => pbkdf2(MessageDigest::sha512(), Phc::parse(text)?).ok_or(PBKDF2),
            "scrypt" => scrypt(Phc::parse(text)?).ok_or(SCRYPT),
            _ => Err(UNKNOWN),
        }
    }

    /// A hash that takes as long as one made here and that no password has. The caller still treats a match
    /// as a mismatch.
    pub(super) fn decoy(parameters: &Params, salt: usize, output: usize) -> Self {
        Self::Argon2 {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            parameters: parameters.clone(),
            salt: vec![0; salt],
            output: vec![0; output],
        }
    }

    /// Whether a hash made now would have the same algorithm, cost and length.
    pub(super) fn matches_parameters(&self, ours: &Params) -> bool {
        let cost = |of: &Params| (of.m_cost(), of.t_cost(), of.p_cost());
        match self {
            Self::Argon2 { algorithm, version, parameters, output, .. } => {
                (*algorithm, *version) == (Algorithm::Argon2id, Version::V0x13)
                    && cost(parameters) == cost(ours)
                    && Some(output.len()) == ours.output_len()
            }
            _ => false,
        }
    }

    /// Memory blocks that Argon2 needs; zero for the other algorithms.
    pub(super) fn blocks(&self) -> usize {
        match self {
            Self::Argon2 { parameters, .. } => parameters.block_count(),
            _ => 0,
        }
    }

    /// Whether this is the hash of the password. Compared in constant time.
    pub(super) fn matches(&self, password: &str, blocks: &mut [Block]) -> Result<bool, HashError> {
        let password = password.as_bytes();
        let (made, output): (Vec<u8>, &[u8]) = match self {
            Self::Argon2 { algorithm, version, parameters, salt, output } => {
                let mut made = vec![0; output.len()];
                Argon2::new(*algorithm, *version, parameters.clone())
                    .hash_password_into_with_memory(password, salt, &mut made, blocks)?;
                (made, output)
            }
            Self::Bcrypt { cost, salt, output } => {
                let mut key = zeroize::Zeroizing::new([password, b"\0"].concat());
                key.truncate(BCRYPT_MAX_INPUT);
                (bcrypt::bcrypt(*cost, *salt, &key)[..output.len()].to_vec(), output)
            }
            Self::Pbkdf2 { digest, rounds, salt, output } => {
                let mut made = vec![0; output.len()];
                pkcs5::pbkdf2_hmac(password, salt, *rounds, *digest, &mut made)
                    .map_err(|_| HashError::UnusableStoredHash)?;
                (made, output)
            }
            Self::Scrypt { n, r, p, salt, output } => {
                let mut made = vec![0; output.len()];
                let most = SCRYPT_MAX_MEMORY + SCRYPT_OVERHEAD;
                pkcs5::scrypt(password, salt, *n, *r, *p, most, &mut made)
                    .map_err(|_| HashError::UnusableStoredHash)?;
                (made, output)
            }
        };
        Ok(crypto::constant_time_equal(&made, output))
    }
}

/// The parts of a complete PHC string.
struct Phc {
    version: Option<u32>,
    parameters: ParamsString,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Phc {
    fn parse(text: &str) -> Result<Self, Rule> {
        let hash = PasswordHash::new(text).map_err(|_| PHC)?;
        let output = hash.hash.ok_or(PHC)?.as_bytes().to_vec();
        if output.len() < MIN_OUTPUT {
            return Err(PHC);
        }
        let salt = hash.salt.ok_or(PHC)?.as_ref().to_vec();
        Ok(Self { version: hash.version, parameters: hash.params, salt, output })
    }

    /// The numeric parameters with these names; none when a parameter is missing or another one is present.
    fn numbers<const N: usize>(&self, names: [&str; N]) -> Option<[u32; N]> {
        let known = self.parameters.iter().all(|(name, _)| names.contains(&name.as_str()));
        let number =
            |name: &&str| self.parameters.get(*name).and_then(|value: Value<'_>| value.decimal().ok());
        let numbers: Vec<u32> = names.iter().map_while(number).collect();
        numbers.try_into().ok().filter(|_| known)
    }
}

fn argon2(algorithm: Algorithm, phc: &Phc) -> Option<StoredHash> {
    let [memory, passes, lanes] = phc.numbers(["m", "t", "p"])?;
    // A hash without a version has the first one, 16.
    let version = Version::try_from(phc.version.unwrap_or(0x10)).ok()?;
    let affordable = PasswordSettings::within_work_limit(memory, passes) && lanes <= MAX_LANES;
    let parameters = Params::new(memory, passes, lanes, Some(phc.output.len())).ok()?;
    let (salt, output) = (phc.salt.clone(), phc.output.clone());
    affordable.then_some(StoredHash::Argon2 { algorithm, version, parameters, salt, output })
}

/// `$2b$`, two digits of cost, `$`, and 22 characters of salt and 31 of hash in bcrypt's own base64.
fn bcrypt(text: &str) -> Option<StoredHash> {
    let (cost, rest) = text.get(4..)?.split_once('$')?;
    let digits = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || rest.len() != 53 || !rest.is_ascii() {
        return None;
    }
    // The last characters of salt and hash have unused bits, which some systems set.
    let any_bits = GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true);
    let base64 = GeneralPurpose::new(&alphabet::BCRYPT, any_bits);
    let (salt, output) = rest.split_at(22);
    Some(StoredHash::Bcrypt {
        cost: cost.parse().ok().filter(|cost| BCRYPT_COSTS.contains(cost))?,
        salt: base64.decode(salt).ok()?.try_into().ok()?,
        output: base64.decode(output).ok()?.try_into().ok()?,
    })
}

fn pbkdf2(digest: MessageDigest, phc: Phc) -> Option<StoredHash> {
    // `l`, the length of the hash, is optional.
    let rounds = match phc.numbers(["i", "l"]) {
        Some([rounds, length]) if usize::try_from(length) == Ok(phc.output.len()) => rounds,
        Some(_) => return None,
        None => phc.numbers(["i"]).map(|[rounds]| rounds)?,
    };
    let rounds = usize::try_from(rounds).ok().filter(|_| (1..=MAX_ROUNDS).contains(&rounds))?;
    Some(StoredHash::Pbkdf2 { digest, rounds, salt: phc.salt, output: phc.output })
}

fn scrypt(phc: Phc) -> Option<StoredHash> {
    let [log_n, r, p] = phc.numbers(["ln", "r", "p"])?.map(u64::from);
    if !(1..=24).contains(&log_n) || !(1..=1024).contains(&r) || !(1..=1024).contains(&p) {
        return None;
    }
    let n = 1 << log_n;
    let memory = 128 * n * r;
    let affordable = memory <= SCRYPT_MAX_MEMORY && memory * p <= SCRYPT_MAX_WORK;
    affordable.then_some(StoredHash::Scrypt { n, r, p, salt: phc.salt, output: phc.output })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAMPS: &str = "seven brass lamps upstream";

    fn matches(hash: &str, password: &str) -> bool {
        let stored = StoredHash::parse(hash).unwrap_or_else(|rule| panic!("{hash} {rule}"));
        let mut blocks = vec![Block::default(); stored.blocks()];
        stored.matches(password, &mut blocks).unwrap()
    }

    #[test]
    fn hashes_of_other_systems_are_read_as_these_wrote_them() {
        for (hash, password) in [
            // From the test vectors of OpenBSD and of jBCrypt.
            ("$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe", "a"),
            ("$2a$08$aTsUwsyowQuzRrDqFflhgekJ8d9/7Z3GV3UcgvzQW3J5zMyrTvlz.", "abcdefghijklmnopqrstuvwxyz"),
            // From the tests of Argon2's reference.
            (
                "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
                "password",
            ),
            ("$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ", "password"),
            (
                "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
                "password",
            ),
            // From the libraries of Perl and Python.
            ("$2b$04$abcdefghijklmnopqrstuu0uHqWLR5ol6OsJ9Cu93j0GwjNGNRAXq", LAMPS),
            ("$2y$04$abcdefghijklmnopqrstuu0uHqWLR5ol6OsJ9Cu93j0GwjNGNRAXq", LAMPS),
            (
                "$pbkdf2-sha256$i=1000,l=32$cG9zdGVybi1zYWx0LTAxNg$i34BserSTY9LpgyaS+6aPDkth8a6NhKFMMAlcRgW0jA",
                LAMPS,
            ),
            (
                "$pbkdf2-sha512$i=1000$cG9zdGVybi1zYWx0LTAxNg$tJOc32iqKQf6U5UNrddx5/XJUiaRhukXEmz0JcHa7MIYL/\
                 7OQ932VxK713dCZjEYHhpUElBSWZaAJJBabC4uyw",
                LAMPS,
            ),
            (
                "$scrypt$ln=14,r=8,p=1$cG9zdGVybi1zYWx0LTAxNg$dMCpI23sOWTIsp4YUDhT+k+1JCrJpFpwvtWJrdlVgq0",
                LAMPS,
            ),
        ] {
            assert!(matches(hash, password), "{hash}");
            assert!(!matches(hash, &format!("{password}x")), "{hash}");
        }
    }

    #[test]
    fn bcrypt_sees_72_bytes() {
        let seen = "0123456789".repeat(7) + "01";
        let hash = "$2b$04$abcdefghijklmnopqrstuum2G75IXDN/xsgbNa/hCiPSKyIHQd70S";
        assert!(matches(hash, &seen) && matches(hash, &format!("{seen}more")));
        assert!(!matches(hash, &seen[..71]));
    }

    #[test]
    fn a_hash_that_would_cost_too_much_or_is_not_whole_is_refused() {
        let salt = "AAAAAAAAAAAAAAAAAAAAAA";
        let output = "A".repeat(43);
        for (hash, rule) in [
            (format!("$argon2id$v=19$m=4194304,t=1,p=1${salt}${output}"), ARGON2),
            (format!("$argon2id$v=19$m=262144,t=5,p=1${salt}${output}"), ARGON2),
            (format!("$argon2id$v=19$m=65536,t=17,p=1${salt}${output}"), ARGON2),
            (format!("$argon2id$v=19$m=65536,t=2,p=64${salt}${output}"), ARGON2),
            (format!("$argon2id$v=18$m=65536,t=2,p=1${salt}${output}"), ARGON2),
            (format!("$argon2id$v=19$m=65536,t=2,p=1,keyid=AAAA${salt}${output}"), ARGON2),
            (format!("$argon2id$v=19$m=65536,t=2${salt}${output}"), ARGON2),
            (format!("$argon2id$v=19$m=65536,t=2,p=1${salt}"), PHC),
            (format!("$argon2id$v=19$m=65536,t=2,p=1${salt}$AAAAAAAAAAAAAA"), PHC),
            (format!("$argon2d$v=19$m=65536,t=2,p=1${salt}${output}"), UNKNOWN),
            (format!("$scrypt$ln=22,r=8,p=1${salt}${output}"), SCRYPT),
            (format!("$scrypt$ln=17,r=8,p=9${salt}${output}"), SCRYPT),
            (format!("$scrypt$ln=63,r=4294967295,p=4294967295${salt}${output}"), SCRYPT),
            (format!("$scrypt$ln=14,r=8${salt}${output}"), SCRYPT),
            (format!("$pbkdf2-sha256$i=2000001${salt}${output}"), PBKDF2),
            (format!("$pbkdf2-sha256$i=0${salt}${output}"), PBKDF2),
            (format!("$pbkdf2-sha256$i=1000,l=64${salt}${output}"), PBKDF2),
            (format!("$pbkdf2-sha256${salt}${output}"), PBKDF2),
            (format!("$pbkdf2-sha1$i=1000${salt}${output}"), UNKNOWN),
            ("$2b$15$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe".to_owned(), BCRYPT),
            ("$2b$+6$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe".to_owned(), BCRYPT),
            ("$2b$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfx".to_owned(), BCRYPT),
            ("$2b$06$é0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfx".to_owned(), BCRYPT),
            ("$2x$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe".to_owned(), UNKNOWN),
            ("5f4dcc3b5aa765d61d8327deb882cf99".to_owned(), UNKNOWN),
            (String::new(), UNKNOWN),
        ] {
            assert_eq!(StoredHash::parse(&hash).err(), Some(rule), "{hash}");
        }
    }
}
