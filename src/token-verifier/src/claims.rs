//! Reads typed claims from a JSON object (RFC 7519 section 4).
//!
//! A claim of the wrong type is refused and never counts as absent. Other verifiers read `"nbf":"9999999999"`
//! as absent and accepted tokens from the future (CVE-2026-25537).

use serde_json::{Map, Value};

/// The claims of a token. A caller takes them one by one with the required type.
///
/// [`into_rest`](Self::into_rest) returns the claims that were not taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

/// A claim is missing or has the wrong type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// The claim is required and absent.
    #[error("claim {0} is missing")]
    Missing(&'static str),
    /// The claim has another type or is out of range. The second field says what it must be.
    #[error("claim {0} must be {1}")]
    Type(&'static str, &'static str),
}

impl Claims {
    pub(crate) fn new(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// Whether the claim is present, with any value.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether the claim is an array, as `aud` may be (RFC 7519 section 4.1.3).
    pub fn is_array(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(Value::is_array)
    }

    /// Takes a string; `None` when the claim is absent.
    pub fn take_string(&mut self, name: &'static str) -> Result<Option<String>, ClaimError> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::String(value)) if !value.is_empty() => Ok(Some(value)),
            Some(_) => Err(ClaimError::Type(name, "a string that is not empty")),
        }
    }

    /// Takes a required string.
    pub fn require_string(&mut self, name: &'static str) -> Result<String, ClaimError> {
        self.take_string(name)?.ok_or(ClaimError::Missing(name))
    }

    /// Takes a time in whole seconds since the epoch; `None` when the claim is absent.
    ///
    /// RFC 7519 section 2 would allow fractions. No issuer needs them, and different verifiers compare them
    /// differently.
    pub fn take_seconds(&mut self, name: &'static str) -> Result<Option<i64>, ClaimError> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(value) => match value.as_i64() {
                Some(seconds) if seconds >= 0 => Ok(Some(seconds)),
                _ => Err(ClaimError::Type(name, "a whole number of seconds since the epoch")),
            },
        }
    }

    /// Takes a required time in whole seconds since the epoch.
    pub fn require_seconds(&mut self, name: &'static str) -> Result<i64, ClaimError> {
        self.take_seconds(name)?.ok_or(ClaimError::Missing(name))
    }

    /// Takes an array of strings; empty when the claim is absent.
    pub fn take_strings(&mut self, name: &'static str) -> Result<Vec<String>, ClaimError> {
        match self.0.remove(name) {
            None => Ok(Vec::new()),
            Some(value) => strings(value).ok_or(ClaimError::Type(name, "an array of strings")),
        }
    }

    /// Takes `aud`: one string or an array of them (RFC 7519 section 4.1.3), at least one.
    pub fn require_audience(&mut self) -> Result<Vec<String>, ClaimError> {
        let audience = match self.0.remove("aud") {
            None => return Err(ClaimError::Missing("aud")),
            Some(Value::String(one)) => Some(vec![one]),
            Some(value) => strings(value),
        };
        audience
            .filter(|audience| !audience.is_empty())
            .ok_or(ClaimError::Type("aud", "a string or an array of strings that is not empty"))
    }

    /// Takes `scope`: scopes separated by spaces (RFC 8693 section 4.2); empty when the claim is absent.
    pub fn take_scope(&mut self) -> Result<Vec<String>, ClaimError> {
        match self.0.remove("scope") {
            None => Ok(Vec::new()),
            Some(Value::String(scope)) => {
                Ok(scope.split(' ').filter(|one| !one.is_empty()).map(str::to_owned).collect())
            }
            Some(_) => Err(ClaimError::Type("scope", "a string of scopes separated by spaces")),
        }
    }

    /// The claims that were not taken.
    pub fn into_rest(self) -> Map<String, Value> {
        // Collected into a new map, because a map keeps the memory of removed members: a kilobyte for each
        // cached token.
        self.0.into_iter().collect()
    }
}

fn strings(value: Value) -> Option<Vec<String>> {
    let Value::Array(elements) = value else { return None };
    elements
        .into_iter()
        .map(|element| match element {
            Value::String(text) => Some(text),
            _ => None,
        })
        .collect()
}
