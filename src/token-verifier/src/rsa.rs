//! Answers whether an RSA public key is acceptable: its size and exponent (RFC 7518 section 3.3), and the
//! ROCA weakness.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwk::Jwk;
use serde_json::Value;

/// At least 2048 bits (RFC 7518 section 3.3). Above 8192 bits a verification is slow enough to be an attack.
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Small primes modulo which 65537 generates few residues. A key of Infineon's faulty generator
/// (CVE-2017-15361) has a modulus that is a power of 65537 modulo all of them. Of other keys only one in 2^27
/// has such a modulus.
const ROCA_PRIMES: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

pub(crate) fn is_sound(jwk: &Jwk) -> bool {
    let (Some(modulus), Some(exponent)) = (integer(jwk, "n"), integer(jwk, "e")) else { return false };
    MODULUS_BITS.contains(&bits(&modulus))
        && is_odd(&modulus)
        && is_sound_exponent(&exponent)
        && !is_roca(&modulus)
}

/// Reads a `Base64urlUInt` (RFC 7518 section 2): big-endian, without leading zero bytes.
fn integer(jwk: &Jwk, name: &str) -> Option<Vec<u8>> {
    let bytes =
        jwk.parameter(name).and_then(Value::as_str).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())?;
    (bytes.first() != Some(&0)).then_some(bytes)
}

fn bits(integer: &[u8]) -> usize {
    integer.first().map_or(0, |first| integer.len() * 8 - first.leading_zeros() as usize)
}

fn is_odd(integer: &[u8]) -> bool {
    integer.last().is_some_and(|last| last & 1 == 1)
}

/// Whether the exponent is odd, at least 3 (with 1 the signature is the message) and at most 64 bits long.
fn is_sound_exponent(exponent: &[u8]) -> bool {
    is_odd(exponent) && exponent != [1] && bits(exponent) <= 64
}

fn is_roca(modulus: &[u8]) -> bool {
    ROCA_PRIMES.into_iter().all(|prime| {
        let residue = modulus.iter().fold(0, |residue, byte| (residue * 256 + u32::from(*byte)) % prime);
        let mut power = 1;
        loop {
            if power == residue {
                return true;
            }
            power = power * (65537 % prime) % prime;
            if power == 1 {
                return false;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{bits, is_roca, is_sound_exponent};

    #[test]
    fn a_power_of_65537_has_the_fingerprint_of_the_faulty_generator() {
        assert!(is_roca(&[1, 0, 1]));
        assert!(is_roca(&[1, 0, 2, 0, 1]), "the square");
        assert!(!is_roca(&[1, 0, 3]));
    }

    #[test]
    fn an_exponent_is_odd_and_hides_the_message() {
        assert!(is_sound_exponent(&[3]) && is_sound_exponent(&[1, 0, 1]));
        for weak in [&[][..], &[1], &[2], &[1, 0, 0], &[1; 9]] {
            assert!(!is_sound_exponent(weak), "{weak:?}");
        }
    }

    #[test]
    fn leading_zero_bits_do_not_count() {
        assert_eq!((bits(&[]), bits(&[1]), bits(&[0x80]), bits(&[1, 0])), (0, 1, 8, 9));
    }
}
