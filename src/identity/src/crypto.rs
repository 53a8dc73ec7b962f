//! Defines how secrets are sealed, authenticated or hashed.
//!
//! Owns the operator's encryption key and every key derived from it (HKDF-SHA-256, RFC 5869). A sealed value
//! is encrypted with AES-256-GCM; its associated data names the row to which it belongs, so that a value
//! copied to another row does not open. Random 256-bit secrets (tokens, cookies) need no key: see
//! [`token_hash`]. Leaves passwords to `passwords`.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey},
    constant_time, digest, hkdf, hmac,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use postern_entities::values::Hash256;
use postern_service::random::Random;
use secrecy::{ExposeSecret, SecretString};

const VERSION: u8 = 1;
const KEY_ID_LENGTH: usize = 4;
const NONCE_LENGTH: usize = 12;
const HEADER_LENGTH: usize = 1 + KEY_ID_LENGTH + NONCE_LENGTH;
const SALT_LENGTH: usize = 16;
const TAG_LENGTH: usize = 16;

/// Why the encryption key is unusable, or a sealed value cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum CryptoError {
    /// Not 32 bytes of base64url.
    #[error(
        "the encryption key must be 32 random bytes in base64url; make one with `postern keys new-secret`"
    )]
    MalformedKey,
    #[error(
        "sealed with another encryption key than the configured one: set secrets.encryption_key to the one with which this \
         database was made, or database.url to another database"
    )]
    OtherKey,
    /// Altered, truncated, or sealed with other associated data.
    #[error("the sealed value does not belong here or was altered")]
    Altered,
    #[error("the cryptographic library refused")]
    Library,
}

impl From<aws_lc_rs::error::Unspecified> for CryptoError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Library
    }
}

/// Seals and authenticates with keys derived from the operator's encryption key.
pub struct Vault {
    key_id: [u8; KEY_ID_LENGTH],
    sealing: RandomizedNonceKey,
    authenticating: hmac::Key,
    pairwise: hmac::Key,
    sealing_in_urls: hkdf::Prk,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    pub fn from_key(encryption_key: &SecretString) -> Result<Self, CryptoError> {
        let key =
            URL_SAFE_NO_PAD.decode(encryption_key.expose_secret()).map_err(|_| CryptoError::MalformedKey)?;
        if key.len() != 32 {
            return Err(CryptoError::MalformedKey);
        }
        let mut key_id = [0; KEY_ID_LENGTH];
        key_id.copy_from_slice(&derive(&key, b"postern key id")?[..KEY_ID_LENGTH]);
        Ok(Self {
            key_id,
            sealing: RandomizedNonceKey::new(&AES_256_GCM, &derive(&key, b"postern seal")?)?,
            authenticating: hmac::Key::new(hmac::HMAC_SHA256, &derive(&key, b"postern mac")?),
            pairwise: hmac::Key::new(hmac::HMAC_SHA256, &derive(&key, b"postern pairwise")?),
            sealing_in_urls: hkdf::Salt::new(hkdf::HKDF_SHA256, b"postern url").extract(&key),
        })
    }

    /// Seals `plain`, bound to its associated data, such as `["signing_keys", kid]`.
    ///
    /// The format is version, key id, nonce, ciphertext with tag.
    pub fn seal(&self, associated_data: &[&str], plain: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut body = plain.to_vec();
        let nonce = self
            .sealing
            .seal_in_place_append_tag(Aad::from(encode_associated_data(associated_data)), &mut body)?;
        let mut sealed = Vec::with_capacity(HEADER_LENGTH + body.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.key_id);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut body);
        Ok(sealed)
    }

    /// Opens a value that [`Vault::seal`] sealed with the same associated data.
    pub fn open(&self, associated_data: &[&str], sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let (header, body) = sealed.split_at_checked(HEADER_LENGTH).ok_or(CryptoError::Altered)?;
        if header[0] != VERSION {
            return Err(CryptoError::Altered);
        }
        if header[1..=KEY_ID_LENGTH] != self.key_id {
            return Err(CryptoError::OtherKey);
        }
        let nonce = Nonce::try_assume_unique_for_key(&header[1 + KEY_ID_LENGTH..])?;
        let mut body = body.to_vec();
        let plain = self
            .sealing
            .open_in_place(nonce, Aad::from(encode_associated_data(associated_data)), &mut body)
            .map_err(|_| CryptoError::Altered)?;
        Ok(plain.to_vec())
    }

    /// Seals `plain` for a URL, bound to its associated data. Unauthenticated callers trigger this at any
    /// rate, so each value has a key of its own: one key may seal only a limited number of values with random
    /// nonces (NIST SP 800-38D section 8.3).
    ///
    /// The format is the base64url of version, salt of the key, nonce, ciphertext with tag.
    pub fn seal_in_url(
        &self,
        associated_data: &[&str],
        plain: &[u8],
        random: &Random,
    ) -> Result<String, CryptoError> {
        let salt = random.bytes::<SALT_LENGTH>();
        let mut body = plain.to_vec();
        let nonce = self
            .url_key(&salt)?
            .seal_in_place_append_tag(Aad::from(encode_associated_data(associated_data)), &mut body)?;
        Ok(URL_SAFE_NO_PAD.encode([&[VERSION], salt.as_slice(), nonce.as_ref(), &body].concat()))
    }

    /// Opens a value that [`Vault::seal_in_url`] sealed with the same associated data.
    pub fn open_from_url(&self, associated_data: &[&str], sealed: &str) -> Result<Vec<u8>, CryptoError> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| CryptoError::Altered)?;
        let (&version, rest) = sealed.split_first().ok_or(CryptoError::Altered)?;
        let (salt, rest) = rest.split_at_checked(SALT_LENGTH).ok_or(CryptoError::Altered)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LENGTH).ok_or(CryptoError::Altered)?;
        if version != VERSION {
            return Err(CryptoError::Altered);
        }
        let mut body = body.to_vec();
        let plain = self
            .url_key(salt)?
            .open_in_place(
                Nonce::try_assume_unique_for_key(nonce)?,
                Aad::from(encode_associated_data(associated_data)),
                &mut body,
            )
            .map_err(|_| CryptoError::Altered)?;
        Ok(plain.to_vec())
    }

    fn url_key(&self, salt: &[u8]) -> Result<RandomizedNonceKey, CryptoError> {
        let mut key = [0; 32];
        self.sealing_in_urls.expand(&[salt], hkdf::HKDF_SHA256)?.fill(&mut key)?;
        Ok(RandomizedNonceKey::new(&AES_256_GCM, &key)?)
    }

    /// Computes an HMAC of a short secret, such as a one-time code. A plain hash could be inverted by trying
    /// every code.
    pub fn mac(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.authenticating);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.sign().as_ref().to_vec()
    }

    /// The pairwise identifier of a subject in a sector (OpenID Connect Core section 8.1): 43 characters, so never a
    /// UUID. Depends on the encryption key alone, so it is the same on every node and after every rotation of
    /// signing keys. A sector has no NUL.
    pub fn pairwise_subject(&self, sector: &str, subject: &str) -> String {
        let mut context = hmac::Context::with_key(&self.pairwise);
        for part in [sector.as_bytes(), &[0], subject.as_bytes()] {
            context.update(part);
        }
        URL_SAFE_NO_PAD.encode(context.sign())
    }
}

/// The number of characters that [`Vault::seal_in_url`] makes of `plain` bytes.
pub const fn sealed_url_length(plain: usize) -> usize {
    ((1 + SALT_LENGTH + NONCE_LENGTH + plain + TAG_LENGTH) * 4).div_ceil(3)
}

/// The SHA-256 hash under which a random 256-bit secret (code, token, cookie) is stored and found. The
/// entropy of the secret makes a slow or keyed hash unnecessary.
pub fn token_hash(secret: &str) -> Hash256 {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
    hash.into()
}

pub fn constant_time_equal(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// Seals `plain` with a key derived from `secret`, so that only a holder of the secret can open it. The
/// operator's key does not open it.
pub fn seal_under_secret(secret: &str, plain: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let key = key_from_secret(secret)?;
    let mut body = plain.to_vec();
    let nonce = key.seal_in_place_append_tag(Aad::empty(), &mut body)?;
    Ok([nonce.as_ref().as_slice(), &body].concat())
}

/// Opens a value that [`seal_under_secret`] sealed with the same secret.
pub fn open_under_secret(secret: &str, sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let (nonce, body) = sealed.split_at_checked(NONCE_LENGTH).ok_or(CryptoError::Altered)?;
    let mut body = body.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(nonce)?;
    let plain = key_from_secret(secret)?
        .open_in_place(nonce, Aad::empty(), &mut body)
        .map_err(|_| CryptoError::Altered)?;
    Ok(plain.to_vec())
}

pub fn encode_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |four: u8| char::from(DIGITS[usize::from(four)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn key_from_secret(secret: &str) -> Result<RandomizedNonceKey, CryptoError> {
    Ok(RandomizedNonceKey::new(&AES_256_GCM, &derive(secret.as_bytes(), b"postern holder")?)?)
}

fn derive(key: &[u8], purpose: &[u8]) -> Result<[u8; 32], CryptoError> {
    let mut derived = [0; 32];
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"postern")
        .extract(key)
        .expand(&[purpose], hkdf::HKDF_SHA256)?
        .fill(&mut derived)?;
    Ok(derived)
}

/// Encodes the parts with their lengths, so that no two lists have the same encoding.
fn encode_associated_data(parts: &[&str]) -> Vec<u8> {
    parts.iter().flat_map(|part| [&(part.len() as u64).to_be_bytes(), part.as_bytes()].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(byte: u8) -> Vault {
        Vault::from_key(&URL_SAFE_NO_PAD.encode([byte; 32]).into()).unwrap()
    }

    #[test]
    fn a_sealed_value_opens_only_in_its_place_and_unaltered() {
        let sealed = vault(1).seal(&["credentials", "a"], b"seed").unwrap();
        assert_eq!(vault(1).open(&["credentials", "a"], &sealed).unwrap(), b"seed");
        assert!(matches!(vault(1).open(&["credentials", "b"], &sealed), Err(CryptoError::Altered)));
        assert!(matches!(vault(1).open(&["credentialsa"], &sealed), Err(CryptoError::Altered)));
        assert!(matches!(vault(2).open(&["credentials", "a"], &sealed), Err(CryptoError::OtherKey)));
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(vault(1).open(&["credentials", "a"], &altered).is_err());
            assert!(vault(1).open(&["credentials", "a"], &sealed[..at]).is_err());
        }
    }

    #[test]
    fn a_value_sealed_in_a_url_opens_only_in_its_place_and_unaltered() {
        let random = Random::seeded(1);
        let sealed = vault(1).seal_in_url(&["request", "a"], b"state", &random).unwrap();
        assert_eq!(sealed.len(), sealed_url_length(b"state".len()));
        assert_ne!(sealed, vault(1).seal_in_url(&["request", "a"], b"state", &random).unwrap());
        assert_eq!(vault(1).open_from_url(&["request", "a"], &sealed).unwrap(), b"state");
        assert!(vault(1).open_from_url(&["request", "b"], &sealed).is_err());
        assert!(vault(2).open_from_url(&["request", "a"], &sealed).is_err());
        for at in 0..sealed.len() {
            let mut altered = sealed.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(vault(1).open_from_url(&["request", "a"], &altered).is_err(), "{at}");
            assert!(vault(1).open_from_url(&["request", "a"], &sealed[..at]).is_err());
        }
    }

    #[test]
    fn a_value_sealed_for_its_holder_opens_for_nobody_else() {
        let sealed = seal_under_secret("old token", b"new token").unwrap();
        assert_eq!(open_under_secret("old token", &sealed).unwrap(), b"new token");
        assert!(open_under_secret("other token", &sealed).is_err());
    }

    #[test]
    fn a_pairwise_subject_depends_on_the_key_the_sector_and_the_subject_and_on_nothing_else() {
        let subject = vault(1).pairwise_subject("a.test", "x");
        assert_eq!((subject.len(), &subject), (43, &vault(1).pairwise_subject("a.test", "x")));
        assert!(subject.parse::<uuid::Uuid>().is_err());
        for other in [
            vault(2).pairwise_subject("a.test", "x"),
            vault(1).pairwise_subject("b.test", "x"),
            vault(1).pairwise_subject("a.test", "y"),
        ] {
            assert_ne!(subject, other);
        }
    }

    #[test]
    fn a_mac_depends_on_where_its_parts_end() {
        assert_ne!(vault(1).mac(&[b"ab", b"c"]), vault(1).mac(&[b"a", b"bc"]));
    }
}
