//! Defines what a client says of itself, and the rules it must keep (RFC 7591 section 2 names).
//!
//! [`Metadata`] is the typed form of a row of `clients`; [`MetadataChange`] is what a command changes in it. The rules
//! are pure: what they need to know of the provider comes in [`Known`].

use std::collections::BTreeSet;

use postern_entities::clients::Model;
use postern_service::database::DatabaseError;
use sea_orm::{ActiveValue::Set, IntoActiveModel as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ChangeError, rules};
use crate::{
    clients::{ClientAuthMethod, GrantType, read},
    resources::{ACCOUNT, Resources},
};

const OFFLINE_ACCESS: &str = "offline_access";

/// The levels a client may require, from low to high; each implies those before it.
const LEVELS: [&str; 3] = ["aal1", "aal2", "phr"];

/// What a client says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// What people call it.
    pub name: String,
    /// May use the first-party API and skips consent.
    pub first_party: bool,
    /// How it authenticates.
    pub token_endpoint_auth_method: ClientAuthMethod,
    /// Exact redirect URIs.
    pub redirect_uris: Vec<String>,
    /// Exact URIs to return to after sign-out.
    pub post_logout_redirect_uris: Vec<String>,
    /// Browser origins that may call the APIs.
    pub origins: Vec<String>,
    /// What the token endpoint accepts from it.
    pub grant_types: Vec<GrantType>,
    /// Scopes it may ask for.
    pub scopes: Vec<String>,
    /// Scopes when it names none.
    pub default_scopes: Vec<String>,
    /// Login methods people may use for it; empty means all that are switched on.
    pub login_methods: Vec<String>,
    /// Least `acr` of every sign-in for it.
    pub required_acr: Option<String>,
    /// Logo for the sign-in page.
    pub logo_uri: Option<String>,
    /// Its privacy policy.
    pub policy_uri: Option<String>,
    /// Its terms.
    pub tos_uri: Option<String>,
}

/// What a command changes: only the fields that are given. An empty text removes an optional value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the one of the same name in `Metadata`")]
pub struct MetadataChange {
    pub name: Option<String>,
    pub first_party: Option<bool>,
    pub token_endpoint_auth_method: Option<ClientAuthMethod>,
    pub redirect_uris: Option<Vec<String>>,
    pub post_logout_redirect_uris: Option<Vec<String>>,
    pub origins: Option<Vec<String>>,
    pub grant_types: Option<Vec<GrantType>>,
    pub scopes: Option<Vec<String>>,
    /// Scopes beside those it has.
    pub add_scopes: Vec<String>,
    pub default_scopes: Option<Vec<String>>,
    pub login_methods: Option<Vec<String>>,
    pub required_acr: Option<String>,
    pub logo_uri: Option<String>,
    pub policy_uri: Option<String>,
    pub tos_uri: Option<String>,
}

/// What the rules need to know of the provider.
pub(super) struct Known<'a> {
    /// The scopes there are.
    pub(super) resources: &'a Resources,
    /// The login methods that are switched on.
    pub(super) login_methods: &'a [String],
}

impl Metadata {
    /// A client before anything is said of it: confidential, signing people in, and allowed what libraries ask for by
    /// default.
    pub(super) fn new(client_id: &str) -> Self {
        let texts = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            name: client_id.to_owned(),
            first_party: false,
            token_endpoint_auth_method: ClientAuthMethod::ClientSecretBasic,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            origins: Vec::new(),
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            scopes: texts(&["openid", "profile", "email", OFFLINE_ACCESS]),
            default_scopes: texts(&["openid"]),
            login_methods: Vec::new(),
            required_acr: None,
            logo_uri: None,
            policy_uri: None,
            tos_uri: None,
        }
    }

    /// Reads a row.
    pub fn of(row: &Model) -> Result<Self, DatabaseError> {
        Ok(Self {
            name: row.name.clone(),
            first_party: row.first_party,
            token_endpoint_auth_method: read(row.token_endpoint_auth_method.clone().into())?,
            redirect_uris: read(row.redirect_uris.clone())?,
            post_logout_redirect_uris: read(row.post_logout_redirect_uris.clone())?,
            origins: read(row.origins.clone())?,
            grant_types: read(row.grant_types.clone())?,
            scopes: read(row.scopes.clone())?,
            default_scopes: read(row.default_scopes.clone())?,
            login_methods: read(row.login_methods.clone())?,
            required_acr: row.required_acr.clone(),
            logo_uri: row.logo_uri.clone(),
            policy_uri: row.policy_uri.clone(),
            tos_uri: row.tos_uri.clone(),
        })
    }

    /// Writes it into a row, whose name and times are the caller's.
    pub(super) fn write_to(self, row: Model) -> postern_entities::clients::ActiveModel {
        let method = self.token_endpoint_auth_method.word();
        let mut row = row.into_active_model();
        row.name = Set(self.name);
        row.first_party = Set(self.first_party);
        row.token_endpoint_auth_method = Set(method.to_owned());
        row.redirect_uris = Set(json!(self.redirect_uris));
        row.post_logout_redirect_uris = Set(json!(self.post_logout_redirect_uris));
        row.origins = Set(json!(self.origins));
        row.grant_types = Set(json!(self.grant_types));
        row.scopes = Set(json!(self.scopes));
        row.default_scopes = Set(json!(self.default_scopes));
        row.login_methods = Set(json!(self.login_methods));
        row.required_acr = Set(self.required_acr);
        row.logo_uri = Set(self.logo_uri);
        row.policy_uri = Set(self.policy_uri);
        row.tos_uri = Set(self.tos_uri);
        row
    }

    /// Takes over what is said of a new client. Where no scope is named, what it could not use is not among its own.
    pub(super) fn begin(&mut self, change: MetadataChange) {
        let named = change.scopes.is_some();
        self.apply(change);
        if !named && !self.grant_types.contains(&GrantType::RefreshToken) {
            self.scopes.retain(|scope| scope != OFFLINE_ACCESS);
        }
    }

    /// Takes a change over. Default scopes follow the allowed ones when only those are given.
    pub(super) fn apply(&mut self, change: MetadataChange) {
        fn replace<T>(field: &mut T, change: Option<T>) {
            if let Some(value) = change {
                *field = value;
            }
        }
        fn replace_optional(field: &mut Option<String>, change: Option<String>) {
            if let Some(value) = change {
                *field = Some(value).filter(|value| !value.is_empty());
            }
        }
        if change.default_scopes.is_none() && change.scopes.is_some() {
            let allowed: BTreeSet<_> = change.scopes.iter().flatten().cloned().collect();
            self.default_scopes.retain(|scope| allowed.contains(scope));
        }
        replace(&mut self.name, change.name);
        replace(&mut self.first_party, change.first_party);
        replace(&mut self.token_endpoint_auth_method, change.token_endpoint_auth_method);
        replace(&mut self.redirect_uris, change.redirect_uris);
        replace(&mut self.post_logout_redirect_uris, change.post_logout_redirect_uris);
        replace(&mut self.origins, change.origins);
        replace(&mut self.grant_types, change.grant_types);
        replace(&mut self.scopes, change.scopes);
        let missing: Vec<_> =
            change.add_scopes.into_iter().filter(|add| !self.scopes.contains(add)).collect();
        self.scopes.extend(missing);
        replace(&mut self.default_scopes, change.default_scopes);
        replace(&mut self.login_methods, change.login_methods);
        replace_optional(&mut self.required_acr, change.required_acr);
        replace_optional(&mut self.logo_uri, change.logo_uri);
        replace_optional(&mut self.policy_uri, change.policy_uri);
        replace_optional(&mut self.tos_uri, change.tos_uri);
    }

    /// The names of the fields that differ, for the audit event.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let (Value::Object(after), Value::Object(before)) = (json!(self), json!(other)) else {
            return Vec::new();
        };
        after
            .into_iter()
            .filter(|(field, value)| before.get(field) != Some(value))
            .map(|(field, _)| field)
            .collect()
    }

    fn public(&self) -> bool {
        self.token_endpoint_auth_method == ClientAuthMethod::None
    }

    /// Every rule, in the order in which a person would fix them.
    pub(super) fn check(&self, known: &Known<'_>) -> Result<(), ChangeError> {
        keep("name", [&self.name], rules::name)?;
        self.check_grant_types()?;
        let native = self.public();
        each("redirect_uris", &self.redirect_uris, |uri| rules::redirect_uri(uri, native))?;
        each("post_logout_redirect_uris", &self.post_logout_redirect_uris, |uri| {
            rules::redirect_uri(uri, native)
        })?;
        each("origins", &self.origins, rules::origin)?;
        self.check_scopes(known)?;
        self.check_login(known)?;
        let web_page = |uri: &str| rules::web_page(uri).map(drop);
        keep("logo_uri", self.logo_uri.as_ref(), web_page)?;
        keep("policy_uri", self.policy_uri.as_ref(), web_page)?;
        keep("tos_uri", self.tos_uri.as_ref(), web_page)
    }

    fn check_grant_types(&self) -> Result<(), ChangeError> {
        let uses = |grant_type| self.grant_types.contains(&grant_type);
        let refuse = |rule: &str| Err(ChangeError::invalid("grant_types", rule));
        let distinct = self.grant_types.iter().collect::<std::collections::HashSet<_>>().len();
        if distinct != self.grant_types.len() {
            return refuse("must not name one twice");
        }
        if self.grant_types.is_empty() && !self.first_party {
            return refuse("must name at least one, unless the client is first_party");
        }
        // RFC 6749 section 4.4: only confidential clients may use it.
        if uses(GrantType::ClientCredentials) && self.public() {
            return refuse(
                "must not include client_credentials for a public client: it has nothing to prove itself by",
            );
        }
        if uses(GrantType::RefreshToken) && !uses(GrantType::AuthorizationCode) && !self.first_party {
            return refuse("must include authorization_code beside refresh_token: nothing else begins one");
        }
        if uses(GrantType::AuthorizationCode) && self.redirect_uris.is_empty() {
            return Err(ChangeError::invalid(
                "redirect_uris",
                "must name at least one for the grant type authorization_code",
            ));
        }
        Ok(())
    }

    fn check_scopes(&self, known: &Known<'_>) -> Result<(), ChangeError> {
        let exists = |scope: &str| {
            if known.resources.knows_scope(scope) { Ok(()) } else { Err("must be scopes that exist") }
        };
        each("scopes", &self.scopes, rules::scope)?;
        each("scopes", &self.scopes, exists)?;
        let allowed = |scope: &str| {
            if self.scopes.iter().any(|known| known == scope) {
                Ok(())
            } else {
                Err("must be among the scopes")
            }
        };
        each("default_scopes", &self.default_scopes, allowed)?;
        // Who manages accounts with it need not ask the person first.
        if self.scopes.iter().any(|scope| scope == ACCOUNT) && !self.first_party {
            return Err(ChangeError::invalid(
                "scopes",
                "must not include account unless the client is first_party: it manages people's accounts",
            ));
        }
        let offline = self.scopes.iter().any(|scope| scope == OFFLINE_ACCESS);
        if offline && !self.grant_types.contains(&GrantType::RefreshToken) {
            return Err(ChangeError::invalid(
                "scopes",
                "must not include offline_access without the grant type refresh_token",
            ));
        }
        Ok(())
    }

    fn check_login(&self, known: &Known<'_>) -> Result<(), ChangeError> {
        let on = |method: &str| {
            if known.login_methods.iter().any(|known| known == method) {
                Ok(())
            } else {
                Err("must be login methods that are switched on (login.methods)")
            }
        };
        each("login_methods", &self.login_methods, on)?;
        let level = |acr: &str| if LEVELS.contains(&acr) { Ok(()) } else { Err("must be aal1, aal2 or phr") };
        keep("required_acr", self.required_acr.as_ref(), level)
    }
}

/// Checks values and names the one that breaks the rule.
fn keep<'v>(
    field: &'static str,
    values: impl IntoIterator<Item = &'v String>,
    rule: impl Fn(&str) -> Result<(), &'static str>,
) -> Result<(), ChangeError> {
    for value in values {
        rule(value).map_err(|rule| ChangeError::invalid(field, format!("{rule} (found {value:?})")))?;
    }
    Ok(())
}

/// Checks a list, whose values are distinct.
fn each(
    field: &'static str,
    values: &[String],
    rule: impl Fn(&str) -> Result<(), &'static str>,
) -> Result<(), ChangeError> {
    let mut seen = BTreeSet::new();
    if let Some(twice) = values.iter().find(|value| !seen.insert(*value)) {
        return Err(ChangeError::invalid(field, format!("must not name one twice (found {twice:?})")));
    }
    keep(field, values, rule)
}
