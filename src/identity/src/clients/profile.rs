//! Defines the profiles: named sets of protocol rules, one for each client.
//!
//! A check asks the profile a question and never compares its name, so that a further profile changes this
//! file alone. A client may be stricter than its profile by settings of its own, never laxer.

use serde::{Deserialize, Serialize};

/// The set of protocol rules for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientProfile {
    /// OpenID Connect Core, as the common client libraries speak it.
    Standard,
    /// Confidential clients must use PKCE too, which RFC 9700 section 2.1.1 only recommends.
    Strict,
}

impl ClientProfile {
    /// The value of `profile` in a row of `clients`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Strict => "strict",
        }
    }

    /// RFC 9700 section 2.1.1: public clients must use PKCE, and confidential clients should.
    pub const fn pkce_required(self, public: bool) -> bool {
        match self {
            Self::Standard => public,
            Self::Strict => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_word_is_read_back_and_an_unknown_word_is_an_error() {
        for profile in [ClientProfile::Standard, ClientProfile::Strict] {
            assert_eq!(serde_json::from_value::<ClientProfile>(profile.word().into()).unwrap(), profile);
        }
        for word in ["", "Strict", "fapi2", "standard "] {
            assert!(serde_json::from_value::<ClientProfile>(word.into()).is_err(), "{word}");
        }
    }

    #[test]
    fn only_a_confidential_client_of_the_standard_profile_may_do_without_pkce() {
        assert!(!ClientProfile::Standard.pkce_required(false));
        assert!(ClientProfile::Standard.pkce_required(true));
        assert!(ClientProfile::Strict.pkce_required(false));
        assert!(ClientProfile::Strict.pkce_required(true));
    }
}
