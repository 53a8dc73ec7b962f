//! Checks the metadata of a client.
//!
//! The rules are pure: what they need to know of the provider is passed in [`RuleContext`].

use std::collections::BTreeSet;

use postern_token_verifier::KeySet;
use url::Url;

use super::{ClientMetadata, OFFLINE_ACCESS};
use crate::{
    administration::ChangeError,
    clients::{self, ClientAuthMethod, GrantType, SubjectType},
    field_rules::{self, AllowedSchemes},
    outbound,
    resources::{ACCOUNT, Resources},
};

pub(in crate::administration) struct RuleContext<'a> {
    /// Defines which scopes exist.
    pub(in crate::administration) resources: &'a Resources,
    /// The enabled login methods.
    pub(in crate::administration) login_methods: &'a [String],
    /// Hosts on private networks that may be called.
    pub(in crate::administration) allowed_hosts: &'a BTreeSet<String>,
}

impl ClientMetadata {
    fn public(&self) -> bool {
        self.token_endpoint_auth_method == ClientAuthMethod::None
    }

    /// Checks every rule, in the order in which a person would fix the faults.
    pub(in crate::administration) fn check(&self, context: &RuleContext<'_>) -> Result<(), ChangeError> {
        check_values("name", [&self.name], field_rules::name)?;
        self.check_grant_types()?;
        self.check_keys(context)?;
        self.check_response_modes()?;
        let schemes = self.allowed_schemes()?;
        check_list("redirect_uris", &self.redirect_uris, |uri| field_rules::redirect_uri(uri, schemes))?;
        check_list("post_logout_redirect_uris", &self.post_logout_redirect_uris, |uri| {
            field_rules::redirect_uri(uri, schemes)
        })?;
        self.logout.check(&self.redirect_uris, context.allowed_hosts)?;
        check_list("origins", &self.origins, |origin| field_rules::origin(origin, schemes))?;
        self.check_subjects()?;
        self.check_scopes(context)?;
        self.check_login(context)?;
        let web_page = |uri: &str| field_rules::web_url(uri).map(drop);
        check_values("client_uri", self.client_uri.as_ref(), web_page)?;
        check_values("policy_uri", self.policy_uri.as_ref(), web_page)?;
        check_values("tos_uri", self.tos_uri.as_ref(), web_page)?;
        check_values("initiate_login_uri", self.initiate_login_uri.as_ref(), field_rules::initiate_login_uri)
    }

    /// Which URI schemes the client may have beside http and https. Any app can claim a private one, so only public
    /// clients may.
    fn allowed_schemes(&self) -> Result<AllowedSchemes, ChangeError> {
        match (self.public(), self.private_schemes) {
            (true, true) => Ok(AllowedSchemes::Private),
            (true, false) => Ok(AllowedSchemes::ReverseDomainName),
            (false, false) => Ok(AllowedSchemes::Web),
            (false, true) => Err(ChangeError::invalid(
                "private_schemes",
                "must not be true for a confidential client: private schemes are for public clients",
            )),
        }
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
        // RFC 6749 section 4.4: only confidential clients may use the client credentials grant.
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

    /// The client's own modes may be none of those of a profile that it gets later.
    fn check_response_modes(&self) -> Result<(), ChangeError> {
        let policy = self.profile.policy().tightened(self.require_pkce, &self.stricter_rules);
        if policy.response_modes.is_empty() {
            let word = self.profile.word();
            let rule = format!(
                "must include one that the profile {word} allows: give them anew, or one empty value"
            );
            return Err(ChangeError::invalid("response_modes", rule));
        }
        Ok(())
    }

    /// RFC 7591 section 2: keys by value or by reference, not both.
    fn check_keys(&self, context: &RuleContext<'_>) -> Result<(), ChangeError> {
        if self.jwks.is_some() && self.jwks_uri.is_some() {
            return Err(ChangeError::invalid("jwks", "must not be given beside jwks_uri"));
        }
        let keys = self.jwks.is_some() || self.jwks_uri.is_some();
        if self.token_endpoint_auth_method == ClientAuthMethod::PrivateKeyJwt && !keys {
            return Err(ChangeError::invalid(
                "jwks",
                "must hold the public keys of a client with private_key_jwt, or jwks_uri must say where they are",
            ));
        }
        if self.public() && keys {
            return Err(ChangeError::invalid("jwks", "must not be given for a public client"));
        }
        if let Some(jwks) = &self.jwks {
            KeySet::parse_of_client(jwks.to_string().as_bytes()).map_err(|cause| {
                ChangeError::invalid("jwks", format!("must be a set of public keys for signatures: {cause}"))
            })?;
        }
        let callable = |uri: &str| {
            let url = Url::parse(uri).map_err(|cause| cause.to_string())?;
            outbound::check_url(&url, context.allowed_hosts).map_err(|cause| cause.to_string())
        };
        match &self.jwks_uri {
            Some(uri) => callable(uri).map_err(|cause| {
                ChangeError::invalid("jwks_uri", format!("must be a URL that may be called: {cause}"))
            }),
            None => Ok(()),
        }
    }

    /// OpenID Connect Core section 8.1.
    fn check_subjects(&self) -> Result<(), ChangeError> {
        check_values("sector", &self.sector, clients::check_sector)?;
        if self.subject_type == SubjectType::Public {
            let rule = "must not be given unless subject_type is pairwise";
            return self.sector.as_ref().map_or(Ok(()), |_| Err(ChangeError::invalid("sector", rule)));
        }
        // The account APIs show the account itself, with its public `sub`.
        if self.scopes.iter().any(|scope| scope == ACCOUNT.name) {
            return Err(ChangeError::invalid(
                "subject_type",
                "must not be pairwise with the scope account, which shows people's accounts as they are",
            ));
        }
        let sector = clients::sector(self.sector.as_deref(), &self.redirect_uris);
        sector.map(drop).map_err(|rule| ChangeError::invalid("sector", rule))
    }

    fn check_scopes(&self, context: &RuleContext<'_>) -> Result<(), ChangeError> {
        let exists = |scope: &str| {
            if context.resources.scope_exists(scope) { Ok(()) } else { Err("must be scopes that exist") }
        };
        check_list("scopes", &self.scopes, field_rules::scope)?;
        check_list("scopes", &self.scopes, exists)?;
        let allowed = |scope: &str| {
            if self.scopes.iter().any(|known| known == scope) {
                Ok(())
            } else {
                Err("must be among the scopes")
            }
        };
        check_list("default_scopes", &self.default_scopes, allowed)?;
        // The scope `account` manages people's accounts. Only first-party clients may have it.
        if self.scopes.iter().any(|scope| scope == ACCOUNT.name) && !self.first_party {
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

    fn check_login(&self, context: &RuleContext<'_>) -> Result<(), ChangeError> {
        let enabled = |method: &str| {
            if context.login_methods.iter().any(|known| known == method) {
                Ok(())
            } else {
                Err("must be login methods that are switched on (login.methods)")
            }
        };
        check_list("login_methods", &self.login_methods, enabled)
    }
}

/// Checks each value; the error names the value that breaks the rule.
fn check_values<'v>(
    field: &'static str,
    values: impl IntoIterator<Item = &'v String>,
    rule: impl Fn(&str) -> Result<(), &'static str>,
) -> Result<(), ChangeError> {
    for value in values {
        rule(value).map_err(|rule| ChangeError::invalid(field, format!("{rule} (found {value:?})")))?;
    }
    Ok(())
}

/// Checks each value of a list, and that no value occurs twice.
fn check_list(
    field: &'static str,
    values: &[String],
    rule: impl Fn(&str) -> Result<(), &'static str>,
) -> Result<(), ChangeError> {
    let mut seen = BTreeSet::new();
    if let Some(twice) = values.iter().find(|value| !seen.insert(*value)) {
        return Err(ChangeError::invalid(field, format!("must not name one twice (found {twice:?})")));
    }
    check_values(field, values, rule)
}
