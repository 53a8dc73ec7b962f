//! Defines [`Acr`], the levels of authentication.

use std::{fmt, str::FromStr};

use sea_orm::DeriveValueType;
use serde::{Deserialize, Serialize};

/// The authentication context class (`acr`). The order of the variants is the order of the levels, and a
/// level implies the lower ones.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, DeriveValueType,
)]
#[serde(rename_all = "lowercase")]
#[sea_orm(value_type = "String")]
pub enum Acr {
    Aal1,
    Aal2,
    Phr,
}

impl Acr {
    /// Every level, lowest first.
    pub const ALL: [Self; 3] = [Self::Aal1, Self::Aal2, Self::Phr];

    /// The value in `acr` and `acr_values`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
            Self::Phr => "phr",
        }
    }
}

impl fmt::Display for Acr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be aal1, aal2 or phr")]
pub struct ParseAcrError;

impl FromStr for Acr {
    type Err = ParseAcrError;

    fn from_str(word: &str) -> Result<Self, ParseAcrError> {
        Self::ALL.into_iter().find(|acr| acr.as_str() == word).ok_or(ParseAcrError)
    }
}
