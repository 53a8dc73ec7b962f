//! Defines how `application/x-www-form-urlencoded` is read, in bodies and in queries.
//!
//! Text that two programs could read in two ways (an incomplete escape, invalid UTF-8, NUL) is refused here and
//! never repaired. Leaves to the callers which fields exist and whether a field may be repeated.

use bytes::Bytes;
use poem::{Body, http::HeaderMap};

use crate::body::{self, BodyError};

pub const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// The most fields of a form, because readers compare each field with the others.
pub const MAX_FIELDS: usize = 200;

/// Why a form cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    #[error("the form has more than {MAX_FIELDS} fields")]
    TooManyFields,
    #[error("the form is malformed")]
    Malformed,
}

/// Reads the body of a request that must be a form. Does not decode it.
pub async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, BodyError> {
    body::expect_media_type(headers, MEDIA_TYPE)?;
    body::read(body).await
}

/// The names and values, in their order.
pub fn decode(encoded: &[u8]) -> Result<Vec<(String, String)>, FormError> {
    let pairs = encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    if pairs.clone().nth(MAX_FIELDS).is_some() {
        return Err(FormError::TooManyFields);
    }
    let decode_pair = |pair: &[u8]| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let [name, value] = [(); 2].map(|()| decode_text(halves.next().unwrap_or_default()));
        Ok((name.ok_or(FormError::Malformed)?, value.ok_or(FormError::Malformed)?))
    };
    pairs.map(decode_pair).collect()
}

/// Decodes a name or a value. `None` if the text is malformed.
pub fn decode_text(encoded: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(*rest.next()?)? << 4 | hex_digit(*rest.next()?)?,
            other => *other,
        });
    }
    // PostgreSQL rejects NUL in text.
    String::from_utf8(decoded).ok().filter(|text| !text.contains('\0'))
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_their_repetitions() {
        let fields = decode(b"a=1&b=&&c&a=x+y%2Fz").unwrap();
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(fields, [("a", "1"), ("b", ""), ("c", ""), ("a", "x y/z")]);
    }

    #[test]
    fn more_fields_than_any_form_has_are_refused() {
        assert!(decode("a=1&".repeat(MAX_FIELDS).as_bytes()).is_ok());
        assert_eq!(decode("a=1&".repeat(MAX_FIELDS + 1).as_bytes()), Err(FormError::TooManyFields));
    }

    #[test]
    fn text_that_can_be_read_in_two_ways_is_refused() {
        assert_eq!(decode_text(b"a+b%20c%C3%A4").as_deref(), Some("a b cä"));
        for malformed in [&b"%"[..], b"%4", b"%zz", b"%+1", b"%ff", b"%00", b"%C0%AF", b"%ED%A0%80", b"\xff"]
        {
            assert_eq!(decode_text(malformed), None, "{malformed:?}");
            assert_eq!(decode(&[b"a=", malformed].concat()), Err(FormError::Malformed));
        }
    }
}
