//! Defines [`SessionKind`].

use std::{fmt, str::FromStr};

use sea_orm::DeriveValueType;
use serde::Serialize;

/// The kind of user agent that a session belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, DeriveValueType)]
#[serde(rename_all = "lowercase")]
#[sea_orm(value_type = "String")]
pub enum SessionKind {
    /// A browser with the session cookie.
    Browser,
    /// An app that signed in by the first-party API; it has no session cookie.
    Api,
}

impl SessionKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Api => "api",
        }
    }
}

impl fmt::Display for SessionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be browser or api")]
pub struct ParseSessionKindError;

impl FromStr for SessionKind {
    type Err = ParseSessionKindError;

    fn from_str(word: &str) -> Result<Self, ParseSessionKindError> {
        let all = [Self::Browser, Self::Api];
        all.into_iter().find(|kind| kind.as_str() == word).ok_or(ParseSessionKindError)
    }
}
