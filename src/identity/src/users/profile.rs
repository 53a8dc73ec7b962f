//! Defines the standard claims in `users.profile` (OpenID Connect Core section 5.1).
//!
//! `sub`, `email`, `email_verified` and `updated_at` are columns of the user's row and not part of the
//! profile.

use serde::{Deserialize, Serialize};

use crate::field_rules;

/// The claims; each is absent until it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gender: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birthdate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zoneinfo: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<PostalAddress>,
}

/// A postal address (OpenID Connect Core section 5.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PostalAddress {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formatted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

/// A claim that has not the form of OpenID Connect Core section 5.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{claim} {rule}")]
pub struct InvalidClaim {
    pub claim: &'static str,
    /// Reads on from the claim: "must be ...".
    pub rule: &'static str,
}

impl Profile {
    /// The profile, if every claim has the form of OpenID Connect Core section 5.1. URLs are normalized.
    pub fn validate(mut self) -> Result<Self, InvalidClaim> {
        for (claim, page) in
            [("profile", &mut self.profile), ("picture", &mut self.picture), ("website", &mut self.website)]
        {
            if let Some(page) = page {
                *page = field_rules::web_url(page).map_err(|rule| InvalidClaim { claim, rule })?;
            }
        }
        check_claims(&self)?;
        Ok(self)
    }
}

/// Checks the claims that are no URLs. The pattern names every field, so a new claim does not compile without
/// a rule.
fn check_claims(profile: &Profile) -> Result<(), InvalidClaim> {
    type Rule = fn(&str) -> Result<(), &'static str>;
    let Profile {
        name,
        given_name,
        family_name,
        middle_name,
        nickname,
        preferred_username,
        profile: _,
        picture: _,
        website: _,
        gender,
        birthdate,
        zoneinfo,
        locale,
        phone_number,
        phone_number_verified: _,
        address,
    } = profile;
    let PostalAddress { formatted, street_address, locality, region, postal_code, country } =
        &address.clone().unwrap_or_default();
    let claims: [(&'static str, &Option<String>, Rule); 17] = [
        ("name", name, field_rules::name),
        ("given_name", given_name, field_rules::name),
        ("family_name", family_name, field_rules::name),
        ("middle_name", middle_name, field_rules::name),
        ("nickname", nickname, field_rules::name),
        ("preferred_username", preferred_username, field_rules::name),
        ("gender", gender, field_rules::name),
        ("birthdate", birthdate, field_rules::birthdate),
        ("zoneinfo", zoneinfo, field_rules::zoneinfo),
        ("locale", locale, field_rules::locale),
        ("phone_number", phone_number, field_rules::phone_number),
        ("address.formatted", formatted, field_rules::multiline_text),
        ("address.street_address", street_address, field_rules::multiline_text),
        ("address.locality", locality, field_rules::name),
        ("address.region", region, field_rules::name),
        ("address.postal_code", postal_code, field_rules::name),
        ("address.country", country, field_rules::name),
    ];
    for (claim, value, rule) in claims {
        if let Some(value) = value {
            rule(value).map_err(|rule| InvalidClaim { claim, rule })?;
        }
    }
    Ok(())
}
