//! Defines the profiles: named sets of protocol rules, one for each client.
//!
//! A check asks the profile a question and never compares its name, so that a further profile changes this
//! file alone. A client may be stricter than its profile by settings of its own, never laxer.

use postern_service::settings::Lifetime;
use serde::{Deserialize, Serialize};

use super::policy::{
    AssertionAudienceRule, ClientAuthenticationRule, ClientPolicy, PkceRule, RedirectUriRule, ResourceRule,
    ResponseMode, UnknownScopeRule,
};

/// The set of protocol rules for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientProfile {
    /// OpenID Connect Core, as the common client libraries speak it.
    Standard,
    /// OAuth 2.1 and RFC 9700 to the letter, also where they only recommend.
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

    pub fn policy(self) -> ClientPolicy {
        match self {
            Self::Standard => ClientPolicy {
                pkce: PkceRule::PublicClients,
                client_authentication: ClientAuthenticationRule::AnyMethod,
                assertion_lifetime: Lifetime::from_secs(3600),
                assertion_audience: AssertionAudienceRule::IssuerOrEndpoint,
                unknown_scopes: UnknownScopeRule::LeftOut,
                response_modes: ResponseMode::ALL.to_vec(),
                redirect_uris: RedirectUriRule::LocalhostPort,
                resources_per_token: ResourceRule::Several,
            },
            Self::Strict => ClientPolicy {
                pkce: PkceRule::EveryClient,
                client_authentication: ClientAuthenticationRule::RegisteredMethod,
                assertion_lifetime: Lifetime::from_secs(300),
                assertion_audience: AssertionAudienceRule::IssuerOrEndpoint,
                unknown_scopes: UnknownScopeRule::Refused,
                response_modes: vec![ResponseMode::Query, ResponseMode::FormPost],
                redirect_uris: RedirectUriRule::LoopbackPort,
                resources_per_token: ResourceRule::One,
            },
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
        let pkce_required = |profile: ClientProfile, public| profile.policy().pkce_required(public);
        assert!(!pkce_required(ClientProfile::Standard, false));
        assert!(pkce_required(ClientProfile::Standard, true));
        assert!(pkce_required(ClientProfile::Strict, false));
        assert!(pkce_required(ClientProfile::Strict, true));
    }
}
