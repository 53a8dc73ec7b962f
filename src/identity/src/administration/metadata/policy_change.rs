//! Changes the rules by which a client is stricter than its profile, and refuses those that would be laxer.

use postern_service::settings::Lifetime;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    administration::ChangeError,
    clients::{
        ClientProfile,
        policy::{ClientPolicy, ResponseMode, StricterRules},
    },
};

/// An assertion must live long enough for a request that waits, and for clocks that differ.
const MIN_ASSERTION_LIFETIME: Lifetime = Lifetime::from_secs(30);

/// Rules of a client's own: those that are none stay, and an empty text (or list) takes the profile's again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyChange {
    pub client_authentication: Option<String>,
    /// A length of time, such as `5m`.
    pub assertion_lifetime: Option<String>,
    pub assertion_audience: Option<String>,
    pub unknown_scopes: Option<String>,
    pub response_modes: Option<Vec<String>>,
    /// How redirect URIs are compared.
    pub redirect_uri_match: Option<String>,
    pub resources_per_token: Option<String>,
}

/// The profile of this name.
pub(super) fn parse_profile(word: &str) -> Result<ClientProfile, ChangeError> {
    if word == "fapi2" {
        return Err(ChangeError::invalid(
            "profile",
            "must be standard or strict: fapi2 needs pushed authorization requests and tokens that are bound to a key, \
             which this version does not have",
        ));
    }
    serde_json::from_value(json!(word))
        .map_err(|_| ChangeError::invalid("profile", format!("must be standard or strict (found {word:?})")))
}

impl PolicyChange {
    pub(super) fn apply_to(self, own: &mut StricterRules, profile: ClientProfile) -> Result<(), ChangeError> {
        let policy = profile.policy();
        let field = |name| Field { name, profile };
        let rule = field("client_authentication");
        rule.set(&mut own.client_authentication, self.client_authentication, &policy.client_authentication)?;
        let rule = field("assertion_audience");
        rule.set(&mut own.assertion_audience, self.assertion_audience, &policy.assertion_audience)?;
        field("unknown_scopes").set(&mut own.unknown_scopes, self.unknown_scopes, &policy.unknown_scopes)?;
        field("redirect_uri_match").set(
            &mut own.redirect_uris,
            self.redirect_uri_match,
            &policy.redirect_uris,
        )?;
        let rule = field("resources_per_token");
        rule.set(&mut own.resources_per_token, self.resources_per_token, &policy.resources_per_token)?;
        if let Some(text) = self.assertion_lifetime {
            own.assertion_lifetime = assertion_lifetime(&text, &field("assertion_lifetime"), &policy)?;
        }
        if let Some(words) = self.response_modes {
            own.response_modes = response_modes(&words, &field("response_modes"), &policy)?;
        }
        Ok(())
    }
}

/// A rule by its name, and the profile that bounds it.
struct Field {
    name: &'static str,
    profile: ClientProfile,
}

impl Field {
    /// Sets the rule to the value of this word, unless that is laxer than the profile's. The order of the
    /// values is that of their strictness.
    fn set<T>(&self, own: &mut Option<T>, change: Option<String>, of_profile: &T) -> Result<(), ChangeError>
    where
        T: DeserializeOwned + Serialize + Ord,
    {
        let Some(word) = change else { return Ok(()) };
        if word.is_empty() {
            *own = None;
            return Ok(());
        }
        let value: T = self.parse(&word)?;
        if value < *of_profile {
            return Err(self.laxer(&json!(of_profile)));
        }
        *own = Some(value);
        Ok(())
    }

    fn parse<T: DeserializeOwned>(&self, word: &str) -> Result<T, ChangeError> {
        serde_json::from_value(json!(word))
            .map_err(|cause| ChangeError::invalid(self.name, format!("has no such value: {cause}")))
    }

    fn laxer(&self, of_profile: &Value) -> ChangeError {
        let word = self.profile.word();
        let rule = format!("must not be laxer than the profile {word}, which has {of_profile}");
        ChangeError::invalid(self.name, rule)
    }
}

fn assertion_lifetime(
    text: &str,
    field: &Field,
    policy: &ClientPolicy,
) -> Result<Option<Lifetime>, ChangeError> {
    if text.is_empty() {
        return Ok(None);
    }
    let lifetime: Lifetime =
        text.parse().map_err(|rule| ChangeError::invalid(field.name, format!("{rule} (found {text:?})")))?;
    if lifetime > policy.assertion_lifetime {
        return Err(field.laxer(&json!(policy.assertion_lifetime)));
    }
    if lifetime < MIN_ASSERTION_LIFETIME {
        return Err(ChangeError::invalid(field.name, "must be at least 30s"));
    }
    Ok(Some(lifetime))
}

fn response_modes(
    words: &[String],
    field: &Field,
    policy: &ClientPolicy,
) -> Result<Option<Vec<ResponseMode>>, ChangeError> {
    let modes = words.iter().map(|word| field.parse(word)).collect::<Result<Vec<_>, _>>()?;
    if !modes.iter().all(|mode| policy.response_modes.contains(mode)) {
        return Err(field.laxer(&json!(policy.response_modes)));
    }
    Ok((!modes.is_empty()).then_some(modes))
}
