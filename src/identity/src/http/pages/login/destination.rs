//! Defines where a sign-in without an authorization request may lead: a closed list, so that no
//! parameter can name another place (ASVS 3.7.2).

use crate::login::{policy::Requirement, totp};

/// A page of ours that needs somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// One's own account.
    Account,
    /// The authenticator app of one's own account.
    Totp,
}

impl Destination {
    /// The one with this word in `to`; anything else leads to the account.
    pub fn parse(word: Option<&str>) -> Self {
        match word {
            Some("totp") => Self::Totp,
            _ => Self::Account,
        }
    }

    /// Its word in `to`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Totp => "totp",
        }
    }

    /// Its path.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Account => "/account",
            Self::Totp => "/account/totp",
        }
    }

    /// What a session must have shown to be let in. `second` is whether the account has a second factor.
    pub fn requirement(self, second: bool) -> Requirement {
        match self {
            Self::Account => Requirement::default(),
            Self::Totp => totp::requirement_to_change(second),
        }
    }
}
