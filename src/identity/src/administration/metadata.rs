//! Defines the metadata of a client and its rules (names of RFC 7591 section 2).
//!
//! [`ClientMetadata`] is the typed form of a row of `clients`; [`ClientMetadataChange`] is what a command
//! changes. Leaves the rules to `rules`, and those of the policy to `policy_change`.

mod logout;
mod policy_change;
mod rules;
mod signing;

use std::collections::BTreeSet;

use postern_entities::clients::Model;
use postern_service::database::DatabaseError;
use postern_token_verifier::Algorithm;
use sea_orm::{ActiveValue::Set, IntoActiveModel as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) use self::rules::RuleContext;
pub use self::{
    logout::{LogoutChange, LogoutMetadata},
    policy_change::PolicyChange,
};

use self::policy_change::parse_profile;
use super::{ChangeError, client_logos::LogoChange};
use crate::{
    acr::{Acr, ParseAcrError},
    clients::{
        ClientAuthMethod, ClientProfile, GrantType, SubjectType, policy::StricterRules, read_algorithm,
    },
    core::read_json_column,
};

const OFFLINE_ACCESS: &str = "offline_access";

const UNSHOWN_LOGO: &str = "must be empty: pages load nothing from elsewhere, so a logo there is never shown; store the \
    picture itself by `postern client update CLIENT_ID --logo FILE`";

#[expect(clippy::struct_excessive_bools, reason = "each is a member of the client's metadata")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClientMetadata {
    pub name: String,
    /// The set of protocol rules for the client.
    pub profile: ClientProfile,
    /// Demands PKCE (RFC 7636) also where the profile does not.
    pub require_pkce: bool,
    /// The other rules by which the client is stricter than its profile.
    pub stricter_rules: StricterRules,
    /// Which `sub` the client sees for a person (OpenID Connect Core section 8).
    pub subject_type: SubjectType,
    /// The sector of pairwise subjects, if it is not the host of the redirect URIs.
    pub sector: Option<String>,
    /// A first-party client may use the first-party API, and its users are not asked for consent.
    pub first_party: bool,
    pub token_endpoint_auth_method: ClientAuthMethod,
    /// The public keys of the client by value: a JWK set (RFC 7517 section 5).
    pub jwks: Option<Value>,
    /// Where the client publishes its public keys instead.
    pub jwks_uri: Option<String>,
    /// The algorithm of its ID tokens; none means the issuer's own.
    pub id_token_signed_response_alg: Option<Algorithm>,
    /// The algorithm of its userinfo responses; none means that they are JSON.
    pub userinfo_signed_response_alg: Option<Algorithm>,
    /// Whether its ID tokens have the claims of the granted scopes too.
    pub scope_claims_in_id_token: bool,
    /// Compared exactly, except the port of a loopback address (RFC 8252 section 7.3).
    pub redirect_uris: Vec<String>,
    /// Compared exactly (OpenID Connect RP-Initiated Logout 1.0).
    pub post_logout_redirect_uris: Vec<String>,
    /// Where the client is told that a session ended.
    #[serde(flatten)]
    pub logout: LogoutMetadata,
    /// Browser origins that may call the APIs (CORS).
    pub origins: Vec<String>,
    /// Allows redirect URIs and origins with a private URI scheme without a dot.
    pub private_schemes: bool,
    /// The grant types that the token endpoint accepts from the client.
    pub grant_types: Vec<GrantType>,
    /// The scopes that the client may request.
    pub scopes: Vec<String>,
    /// The scopes of a request that names none (RFC 6749 section 3.3).
    pub default_scopes: Vec<String>,
    /// The login methods that are accepted for this client; empty means all that are enabled.
    pub login_methods: Vec<String>,
    /// The minimum `acr` of every authentication for this client.
    pub required_acr: Option<Acr>,
    /// Of a logo elsewhere, which no page shows. Kept from before, or removed.
    pub logo_uri: Option<String>,
    /// The client's own page, to which people return.
    pub client_uri: Option<String>,
    /// URL of the privacy policy.
    pub policy_uri: Option<String>,
    /// URL of the terms of service.
    pub tos_uri: Option<String>,
    /// Where a sign-in that another party begins starts (OpenID Connect Core section 4).
    pub initiate_login_uri: Option<String>,
}

/// A change of client metadata: fields that are none stay. An empty text removes an optional value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientMetadataChange {
    pub name: Option<String>,
    /// `standard`, `strict` or `fapi2`; the last is refused with the reason.
    pub profile: Option<String>,
    pub require_pkce: Option<bool>,
    pub policy: PolicyChange,
    /// `public` also removes the sector.
    pub subject_type: Option<SubjectType>,
    pub sector: Option<String>,
    pub first_party: Option<bool>,
    pub token_endpoint_auth_method: Option<ClientAuthMethod>,
    /// The client's public keys by value, instead of those at `jwks_uri`; JSON null removes them.
    pub jwks: Option<Value>,
    /// Where the client publishes its keys, instead of `jwks`.
    pub jwks_uri: Option<String>,
    pub id_token_signed_response_alg: Option<String>,
    pub userinfo_signed_response_alg: Option<String>,
    pub scope_claims_in_id_token: Option<bool>,
    pub redirect_uris: Option<Vec<String>>,
    /// Added to the present redirect URIs, or to `redirect_uris` if that is given.
    pub add_redirect_uris: Vec<String>,
    pub post_logout_redirect_uris: Option<Vec<String>>,
    /// Added to the present ones, or to `post_logout_redirect_uris` if that is given.
    pub add_post_logout_redirect_uris: Vec<String>,
    pub logout: LogoutChange,
    pub origins: Option<Vec<String>>,
    /// Added to the present origins, or to `origins` if that is given.
    pub add_origins: Vec<String>,
    pub private_schemes: Option<bool>,
    pub grant_types: Option<Vec<GrantType>>,
    pub scopes: Option<Vec<String>>,
    /// Added to the present scopes, or to `scopes` if that is given.
    pub add_scopes: Vec<String>,
    pub default_scopes: Option<Vec<String>>,
    pub login_methods: Option<Vec<String>>,
    pub required_acr: Option<String>,
    /// The picture itself, in a table of its own.
    #[serde(skip)]
    pub logo: Option<LogoChange>,
    /// Only the empty text is taken.
    pub logo_uri: Option<String>,
    pub client_uri: Option<String>,
    pub policy_uri: Option<String>,
    pub tos_uri: Option<String>,
    pub initiate_login_uri: Option<String>,
}

impl ClientMetadata {
    /// The defaults of a new client: confidential, with the code flow and the scopes that client libraries
    /// request by default.
    pub(super) fn new(client_id: &str) -> Self {
        let texts = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            name: client_id.to_owned(),
            profile: ClientProfile::Standard,
            require_pkce: false,
            stricter_rules: StricterRules::default(),
            subject_type: SubjectType::Public,
            sector: None,
            first_party: false,
            token_endpoint_auth_method: ClientAuthMethod::ClientSecretBasic,
            jwks: None,
            jwks_uri: None,
            id_token_signed_response_alg: None,
            userinfo_signed_response_alg: None,
            scope_claims_in_id_token: false,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            logout: LogoutMetadata::default(),
            origins: Vec::new(),
            private_schemes: false,
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            scopes: texts(&["openid", "profile", "email", OFFLINE_ACCESS]),
            default_scopes: texts(&["openid"]),
            login_methods: Vec::new(),
            required_acr: None,
            logo_uri: None,
            client_uri: None,
            policy_uri: None,
            tos_uri: None,
            initiate_login_uri: None,
        }
    }

    pub fn from_row(row: &Model) -> Result<Self, DatabaseError> {
        Ok(Self {
            name: row.name.clone(),
            profile: read_json_column(row.profile.clone().into())?,
            require_pkce: row.require_pkce,
            stricter_rules: read_json_column(row.stricter_rules.clone())?,
            subject_type: read_json_column(row.subject_type.clone().into())?,
            sector: row.sector.clone(),
            first_party: row.first_party,
            token_endpoint_auth_method: read_json_column(row.token_endpoint_auth_method.clone().into())?,
            jwks: row.jwks.clone(),
            jwks_uri: row.jwks_uri.clone(),
            id_token_signed_response_alg: read_algorithm(row.id_token_signed_response_alg.as_deref())?,
            userinfo_signed_response_alg: read_algorithm(row.userinfo_signed_response_alg.as_deref())?,
            scope_claims_in_id_token: row.scope_claims_in_id_token,
            redirect_uris: row.redirect_uris.to_vec(),
            post_logout_redirect_uris: row.post_logout_redirect_uris.to_vec(),
            logout: LogoutMetadata::from_row(row),
            origins: row.origins.to_vec(),
            private_schemes: row.private_schemes,
            grant_types: row.grant_types.to_vec(),
            scopes: row.scopes.to_vec(),
            default_scopes: row.default_scopes.to_vec(),
            login_methods: row.login_methods.to_vec(),
            required_acr: row.required_acr,
            logo_uri: row.logo_uri.clone(),
            client_uri: row.client_uri.clone(),
            policy_uri: row.policy_uri.clone(),
            tos_uri: row.tos_uri.clone(),
            initiate_login_uri: row.initiate_login_uri.clone(),
        })
    }

    /// Writes the metadata into a row. The caller sets `client_id` and the times.
    pub(super) fn write_to(self, row: Model) -> postern_entities::clients::ActiveModel {
        let method = self.token_endpoint_auth_method.word();
        let mut row = row.into_active_model();
        row.name = Set(self.name);
        row.profile = Set(self.profile.word().to_owned());
        row.require_pkce = Set(self.require_pkce);
        row.stricter_rules = Set(json!(self.stricter_rules));
        row.subject_type = Set(self.subject_type.as_str().to_owned());
        row.sector = Set(self.sector);
        row.first_party = Set(self.first_party);
        row.token_endpoint_auth_method = Set(method.to_owned());
        row.jwks = Set(self.jwks);
        row.jwks_uri = Set(self.jwks_uri);
        let stored = |algorithm: Option<Algorithm>| algorithm.map(|one| one.name().to_owned());
        row.id_token_signed_response_alg = Set(stored(self.id_token_signed_response_alg));
        row.userinfo_signed_response_alg = Set(stored(self.userinfo_signed_response_alg));
        row.scope_claims_in_id_token = Set(self.scope_claims_in_id_token);
        row.redirect_uris = Set(self.redirect_uris.into());
        row.post_logout_redirect_uris = Set(self.post_logout_redirect_uris.into());
        self.logout.write_to(&mut row);
        row.origins = Set(self.origins.into());
        row.private_schemes = Set(self.private_schemes);
        row.grant_types = Set(self.grant_types.into());
        row.scopes = Set(self.scopes.into());
        row.default_scopes = Set(self.default_scopes.into());
        row.login_methods = Set(self.login_methods.into());
        row.required_acr = Set(self.required_acr);
        row.logo_uri = Set(self.logo_uri);
        row.client_uri = Set(self.client_uri);
        row.policy_uri = Set(self.policy_uri);
        row.tos_uri = Set(self.tos_uri);
        row.initiate_login_uri = Set(self.initiate_login_uri);
        row
    }

    /// Applies the first metadata of a new client. Unless scopes are named, drops the default scope
    /// `offline_access` if the client cannot refresh.
    pub(super) fn apply_to_new(&mut self, change: ClientMetadataChange) -> Result<(), ChangeError> {
        let scopes_given = change.scopes.is_some();
        self.apply(change)?;
        if !scopes_given && !self.grant_types.contains(&GrantType::RefreshToken) {
            self.scopes.retain(|scope| scope != OFFLINE_ACCESS);
        }
        Ok(())
    }

    /// Applies a change. If only `scopes` is given, default scopes that are no longer allowed are dropped.
    pub(super) fn apply(&mut self, change: ClientMetadataChange) -> Result<(), ChangeError> {
        fn replace<T>(field: &mut T, change: Option<T>) {
            if let Some(value) = change {
                *field = value;
            }
        }
        fn add(field: &mut Vec<String>, added: Vec<String>) {
            let missing: Vec<_> = added.into_iter().filter(|value| !field.contains(value)).collect();
            field.extend(missing);
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
        if let Some(word) = change.profile {
            self.profile = parse_profile(&word)?;
        }
        replace(&mut self.require_pkce, change.require_pkce);
        change.policy.apply_to(&mut self.stricter_rules, self.profile)?;
        self.replace_keys(change.jwks, change.jwks_uri);
        self.replace_algorithms(change.id_token_signed_response_alg, change.userinfo_signed_response_alg)?;
        replace(&mut self.scope_claims_in_id_token, change.scope_claims_in_id_token);
        if change.subject_type == Some(SubjectType::Public) {
            self.sector = None;
        }
        replace(&mut self.subject_type, change.subject_type);
        replace_optional(&mut self.sector, change.sector);
        replace(&mut self.first_party, change.first_party);
        replace(&mut self.token_endpoint_auth_method, change.token_endpoint_auth_method);
        replace(&mut self.redirect_uris, change.redirect_uris);
        add(&mut self.redirect_uris, change.add_redirect_uris);
        replace(&mut self.post_logout_redirect_uris, change.post_logout_redirect_uris);
        add(&mut self.post_logout_redirect_uris, change.add_post_logout_redirect_uris);
        self.logout.apply(change.logout);
        replace(&mut self.origins, change.origins);
        add(&mut self.origins, change.add_origins);
        replace(&mut self.private_schemes, change.private_schemes);
        replace(&mut self.grant_types, change.grant_types);
        replace(&mut self.scopes, change.scopes);
        add(&mut self.scopes, change.add_scopes);
        replace(&mut self.default_scopes, change.default_scopes);
        replace(&mut self.login_methods, change.login_methods);
        if let Some(word) = change.required_acr {
            self.required_acr = parse_required_acr(&word)?;
        }
        if change.logo_uri.as_deref().is_some_and(|uri| !uri.is_empty()) {
            return Err(ChangeError::invalid("logo_uri", UNSHOWN_LOGO));
        }
        replace_optional(&mut self.logo_uri, change.logo_uri);
        replace_optional(&mut self.client_uri, change.client_uri);
        replace_optional(&mut self.policy_uri, change.policy_uri);
        replace_optional(&mut self.tos_uri, change.tos_uri);
        replace_optional(&mut self.initiate_login_uri, change.initiate_login_uri);
        Ok(())
    }

    /// Keys of one kind replace those of the other, unless both are given, which the rules refuse.
    fn replace_keys(&mut self, jwks: Option<Value>, jwks_uri: Option<String>) {
        if jwks.is_some() || jwks_uri.is_some() {
            self.jwks = jwks.filter(|jwks| !jwks.is_null());
            self.jwks_uri = jwks_uri.filter(|uri| !uri.is_empty());
        }
    }

    /// The names of the fields that differ, for the audit event.
    pub(super) fn changed_fields(&self, other: &Self) -> Vec<String> {
        let (Value::Object(after), Value::Object(before)) = (json!(self), json!(other)) else {
            return Vec::new();
        };
        after
            .into_iter()
            .filter(|(field, value)| before.get(field) != Some(value))
            .map(|(field, _)| field)
            .collect()
    }
}

/// None for the empty text, which removes the requirement.
fn parse_required_acr(word: &str) -> Result<Option<Acr>, ChangeError> {
    let invalid =
        |rule: ParseAcrError| ChangeError::invalid("required_acr", format!("{rule} (found {word:?})"));
    if word.is_empty() { Ok(None) } else { word.parse().map(Some).map_err(invalid) }
}
