//! Defines [`Scope`], a set of scope values (RFC 6749 section 3.3).

use std::{convert::Infallible, fmt};

use sea_orm::DeriveValueType;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The scope that makes a request an OpenID Connect one (OpenID Connect Core section 3.1.2.1).
pub const OPENID: &str = "openid";

/// Longest `scope`, in bytes, and the most values in it. The caller may be unauthenticated.
const MAX_LENGTH: usize = 2048;
const MAX_WORDS: usize = 100;

/// A set of scope values in the order in which they were requested (RFC 6749 section 3.3). Stored and
/// serialised as one text, as in the protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq, DeriveValueType)]
#[sea_orm(value_type = "String", from_str = "Scope::from_column")]
pub struct Scope(Vec<String>);

/// Why a text is no `scope` parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseScopeError {
    #[error("scope is not a list of words separated by single spaces")]
    Malformed,
    #[error("scope is longer than {MAX_LENGTH} bytes or has more than {MAX_WORDS} words")]
    TooLong,
}

impl Scope {
    /// Parses a `scope` parameter; repeated values count once.
    pub fn parse(text: &str) -> Result<Self, ParseScopeError> {
        if text.len() > MAX_LENGTH || text.split(' ').count() > MAX_WORDS {
            return Err(ParseScopeError::TooLong);
        }
        let words = text.split(' ');
        if words.clone().any(|word| word.is_empty() || !word.bytes().all(scope_character)) {
            return Err(ParseScopeError::Malformed);
        }
        Ok(words.map(str::to_owned).collect())
    }

    /// Parses a `scope` parameter that may have extra spaces around its words.
    pub fn parse_with_extra_spaces(text: &str) -> Result<Self, ParseScopeError> {
        if let Ok(scope) = Self::parse(text) {
            return Ok(scope);
        }
        if text.len() > MAX_LENGTH {
            return Err(ParseScopeError::TooLong);
        }
        let words: Vec<_> = text.split(' ').filter(|word| !word.is_empty()).collect();
        if words.is_empty() { Ok(Self::default()) } else { Self::parse(&words.join(" ")) }
    }

    /// Reads a stored scope, as [`fmt::Display`] wrote it.
    pub fn from_stored(text: &str) -> Self {
        text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    /// Every text is a set of words, so every stored scope reads.
    #[expect(clippy::unnecessary_wraps, reason = "the derived column type wants a fallible function")]
    fn from_column(text: &str) -> Result<Self, Infallible> {
        Ok(Self::from_stored(text))
    }

    pub fn contains(&self, word: &str) -> bool {
        self.0.iter().any(|own| own == word)
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn subset_of(&self, other: &Self) -> bool {
        self.iter().all(|word| other.contains(word))
    }

    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|word| keep(word));
    }

    /// Removes the values that `keep` refuses, and returns them.
    pub fn remove_unless(&mut self, keep: impl Fn(&str) -> bool) -> Vec<String> {
        let (kept, taken) = std::mem::take(&mut self.0).into_iter().partition(|word| keep(word));
        self.0 = kept;
        taken
    }
}

impl FromIterator<String> for Scope {
    fn from_iter<I: IntoIterator<Item = String>>(words: I) -> Self {
        // A scope has few words, so the comparison with each is cheaper than a hash set.
        let mut scope = Self::default();
        for word in words {
            if !scope.contains(&word) {
                scope.0.push(word);
            }
        }
        scope
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::from_stored(&text))
    }
}

/// RFC 6749 section 3.3: `%x21 / %x23-5B / %x5D-7E`.
pub const fn scope_character(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_keeps_its_order_and_each_word_once() {
        assert_eq!(Scope::parse("b a b").unwrap().to_string(), "b a");
        for malformed in ["", " a", "a ", "a  b", "a\tb", "a\"", "a\\", "ä"] {
            assert_eq!(Scope::parse(malformed), Err(ParseScopeError::Malformed), "{malformed:?}");
        }
    }

    #[test]
    fn a_scope_is_at_most_2_kib_and_100_words() {
        let words = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert!(Scope::parse(&words(100)).is_ok());
        assert_eq!(Scope::parse(&words(101)), Err(ParseScopeError::TooLong));
        assert_eq!(
            Scope::parse(&"a ".repeat(101)),
            Err(ParseScopeError::TooLong),
            "also the same word again"
        );
        assert!(Scope::parse(&"a".repeat(2048)).is_ok());
        assert_eq!(Scope::parse(&"a".repeat(2049)), Err(ParseScopeError::TooLong));
    }

    #[test]
    fn a_narrower_scope_lies_within_a_wider_one() {
        let (narrow, wide) = (Scope::from_stored("a"), Scope::from_stored("a b"));
        assert!(narrow.subset_of(&wide) && !wide.subset_of(&narrow) && Scope::default().subset_of(&narrow));
    }
}
