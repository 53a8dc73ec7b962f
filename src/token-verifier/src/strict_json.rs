//! Parses JSON and refuses duplicate members at any depth (RFC 8259 section 4, RFC 8725 section 3.6, RFC 7515
//! section 4).
//!
//! `serde_json` keeps the last of two members with the same name, other parsers keep the first. When two
//! parties read the same token or request differently, a member can bypass a check, so such a text is refused.

use std::{cell::RefCell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a text was refused. Never quotes a value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text is not JSON in UTF-8.
    #[error("not valid JSON at line {line}, column {column}")]
    Syntax {
        /// Line of the first wrong character, from 1.
        line: usize,
        /// Column of the first wrong character, from 1.
        column: usize,
    },
    /// An object has two members with this name.
    #[error("the member {0:?} is given twice")]
    DuplicateMember(String),
}

/// Parses `text` as one JSON value without duplicate members.
pub fn parse(text: &[u8]) -> Result<Value, JsonError> {
    let duplicate = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Strict { duplicate: &duplicate }.deserialize(&mut deserializer);
    let value = value.and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|cause| match duplicate.take() {
        Some(name) => JsonError::DuplicateMember(name),
        None => JsonError::Syntax { line: cause.line(), column: cause.column() },
    })
}

/// Parses `text` as one JSON object without duplicate members.
pub(crate) fn object(text: &[u8]) -> Option<Map<String, Value>> {
    match parse(text) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    }
}

/// Reads one value. `duplicate` receives the name of a duplicate member, because an error of `serde_json` has only a
/// message.
#[derive(Clone, Copy)]
struct Strict<'a> {
    duplicate: &'a RefCell<Option<String>>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON without duplicate members")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(self)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        // Names are compared after unescaping: `"\u0061ud"` is `"aud"`.
        while let Some(name) = entries.next_key::<String>()? {
            if members.contains_key(&name) {
                self.duplicate.replace(Some(name));
                return Err(A::Error::custom("duplicate member"));
            }
            let value = entries.next_value_seed(self)?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_members_are_refused_at_any_depth_and_however_escaped() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
            r#"{"aud":"x","\u0061ud":"y"}"#,
        ] {
            assert!(object(text.as_bytes()).is_none(), "{text}");
        }
        assert!(object(br#"{"a":{"b":1},"b":[1,2.5,null,true,"x"]}"#).is_some());
    }

    #[test]
    fn an_error_says_which_member_or_where() {
        let twice = JsonError::DuplicateMember("a".to_owned());
        assert_eq!(parse(br#"{"a":1,"b":{"a":2}}"#), Ok(serde_json::json!({"a":1,"b":{"a":2}})));
        assert_eq!(parse(br#"[{"x":{"a":1,"\u0061":1}}]"#), Err(twice));
        assert_eq!(parse(b"{\n\"a\": }"), Err(JsonError::Syntax { line: 2, column: 6 }));
    }

    #[test]
    fn only_a_whole_object_of_valid_json_is_read() {
        let texts: [&[u8]; 9] = [
            b"",
            b"[]",
            b"\"a\"",
            b"{} {}",
            b"{\"a\":1e400}",
            b"{\"a\":\"\\ud800\"}",
            b"\xef\xbb\xbf{}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":NaN}",
        ];
        for text in texts {
            assert!(object(text).is_none(), "{}", String::from_utf8_lossy(text));
        }
        // Deep nesting ends in a refusal, not in a stack overflow.
        assert!(object(format!("{{\"a\":{}", "[".repeat(8000)).as_bytes()).is_none());
    }
}
