//! Defines [`ClientPolicy`]: the record of protocol rules that hold for one client.
//!
//! A profile is such a record, and so is the result for one client: the stricter of the profile's rule and the
//! client's own in each place. So a client is never laxer than its profile, whatever its row says.
//!
//! The variants of each rule stand in their order: the laxest first.

use postern_service::settings::Lifetime;
use serde::{Deserialize, Serialize};

/// Which clients must use PKCE (RFC 7636).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PkceRule {
    PublicClients,
    EveryClient,
}

/// How a client may authenticate (OpenID Connect Core section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthenticationRule {
    /// By any method for which the client has a secret or keys, except that `client_secret_jwt` must be
    /// registered.
    AnyMethod,
    RegisteredMethod,
}

/// What `aud` of a client's assertion may be (RFC 7523 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssertionAudienceRule {
    /// The issuer, the token endpoint or the endpoint that is called.
    IssuerOrEndpoint,
    /// The issuer alone, as one string.
    Issuer,
}

/// What becomes of scopes that the client may not have or nobody knows, at the authorization endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownScopeRule {
    /// OpenID Connect Core section 3.1.2.1: they are ignored. The log names them.
    LeftOut,
    Refused,
}

/// How a response reaches the client (OAuth 2.0 Multiple Response Type Encoding Practices section 2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of the redirect URI: the default of the response type `code`.
    #[default]
    Query,
    /// In the fragment of the redirect URI, which browsers do not send to servers.
    Fragment,
    /// In a form that the browser posts to the redirect URI (OAuth 2.0 Form Post Response Mode section 2).
    FormPost,
}

impl ResponseMode {
    /// In the order of the metadata.
    pub const ALL: [Self; 3] = [Self::Query, Self::Fragment, Self::FormPost];

    /// The value of `response_mode`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
        }
    }

    /// The mode that `response_mode` names; none if it is not supported.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }
}

/// How a redirect URI is compared with the registered ones. The exceptions are for native apps, which learn
/// their port only when they start (RFC 8252 section 7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedirectUriRule {
    /// Exactly, except the port of `localhost` or of a loopback IP address.
    LocalhostPort,
    /// Exactly, except the port of a loopback IP address.
    LoopbackPort,
    Exact,
}

/// How many resources one access token may be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceRule {
    Several,
    One,
}

/// The protocol rules of a profile, or those that hold for one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPolicy {
    pub pkce: PkceRule,
    pub client_authentication: ClientAuthenticationRule,
    /// The longest time from now to `exp` of an assertion, and from `iat` to `exp`.
    pub assertion_lifetime: Lifetime,
    pub assertion_audience: AssertionAudienceRule,
    pub unknown_scopes: UnknownScopeRule,
    pub response_modes: Vec<ResponseMode>,
    pub redirect_uris: RedirectUriRule,
    pub resources_per_token: ResourceRule,
}

/// The rules of a client's own, stored in `clients.stricter_rules`; none means the profile's. PKCE has a column
/// of its own. An unknown member is an error, so that a rule of a newer version is never ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StricterRules {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_authentication: Option<ClientAuthenticationRule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assertion_lifetime: Option<Lifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assertion_audience: Option<AssertionAudienceRule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_scopes: Option<UnknownScopeRule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_modes: Option<Vec<ResponseMode>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_uris: Option<RedirectUriRule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources_per_token: Option<ResourceRule>,
}

impl ClientPolicy {
    /// The stricter of this record and a client's own rules, in each place.
    #[must_use]
    pub fn tightened(self, require_pkce: bool, own: &StricterRules) -> Self {
        fn stricter<T: Ord>(rule: T, own: Option<T>) -> T {
            own.into_iter().fold(rule, Ord::max)
        }
        let mut response_modes = self.response_modes;
        if let Some(own) = &own.response_modes {
            response_modes.retain(|mode| own.contains(mode));
        }
        Self {
            pkce: if require_pkce { PkceRule::EveryClient } else { self.pkce },
            client_authentication: stricter(self.client_authentication, own.client_authentication),
            assertion_lifetime: own
                .assertion_lifetime
                .map_or(self.assertion_lifetime, |own| own.min(self.assertion_lifetime)),
            assertion_audience: stricter(self.assertion_audience, own.assertion_audience),
            unknown_scopes: stricter(self.unknown_scopes, own.unknown_scopes),
            response_modes,
            redirect_uris: stricter(self.redirect_uris, own.redirect_uris),
            resources_per_token: stricter(self.resources_per_token, own.resources_per_token),
        }
    }

    /// RFC 9700 section 2.1.1: public clients must use PKCE, and confidential clients should.
    pub fn pkce_required(&self, public: bool) -> bool {
        public || self.pkce == PkceRule::EveryClient
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::ClientProfile;

    #[test]
    fn a_clients_own_rule_only_ever_makes_it_stricter() {
        let [standard, strict] = [ClientProfile::Standard, ClientProfile::Strict].map(ClientProfile::policy);
        let laxest = StricterRules {
            client_authentication: Some(ClientAuthenticationRule::AnyMethod),
            assertion_lifetime: Some(Lifetime::from_secs(86_400)),
            assertion_audience: Some(AssertionAudienceRule::IssuerOrEndpoint),
            unknown_scopes: Some(UnknownScopeRule::LeftOut),
            response_modes: Some(vec![ResponseMode::Query, ResponseMode::Fragment, ResponseMode::FormPost]),
            redirect_uris: Some(RedirectUriRule::LocalhostPort),
            resources_per_token: Some(ResourceRule::Several),
        };
        for profile in [standard, strict.clone()] {
            assert_eq!(profile.clone().tightened(false, &laxest), profile);
            assert_eq!(profile.clone().tightened(false, &StricterRules::default()), profile);
        }
        let strictest = StricterRules {
            assertion_lifetime: Some(Lifetime::from_secs(60)),
            assertion_audience: Some(AssertionAudienceRule::Issuer),
            response_modes: Some(vec![ResponseMode::FormPost, ResponseMode::Fragment]),
            redirect_uris: Some(RedirectUriRule::Exact),
            ..StricterRules::default()
        };
        let own = strict.tightened(true, &strictest);
        assert_eq!(own.assertion_lifetime, Lifetime::from_secs(60));
        assert_eq!(own.response_modes, [ResponseMode::FormPost]);
        assert_eq!((own.redirect_uris, own.pkce), (RedirectUriRule::Exact, PkceRule::EveryClient));
    }

    #[test]
    fn a_rule_of_another_version_is_an_error() {
        for stored in [r#"{"dpop":"required"}"#, r#"{"unknown_scopes":"reported"}"#] {
            assert!(serde_json::from_str::<StricterRules>(stored).is_err(), "{stored}");
        }
    }
}
