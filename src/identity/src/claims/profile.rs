//! Defines [`Profile`], the claims in the column `users.profile`.

use postern_service::database::DatabaseError;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::{Map, Value};

use super::{CLAIMS, Claim, ClaimSource, POSTAL_ADDRESS, POSTAL_ADDRESS_CLAIM, TextInput};
use crate::field_rules;

/// Claims of the profile by name. Each is absent until it is known. The claims exist and have their types;
/// only [`Profile::validate`] checks the rules of the values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Profile(Map<String, Value>);

/// A claim that has not the form of OpenID Connect Core section 5.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{claim} {rule}")]
pub struct InvalidClaim {
    pub claim: &'static str,
    /// Reads on from the claim: "must be ...".
    pub rule: &'static str,
}

impl Profile {
    /// The stored profile. A profile that does not read is an error of the database.
    pub fn from_column(column: Value) -> Result<Self, DatabaseError> {
        let unreadable = |cause: String| DatabaseError::from(DbErr::Type(cause));
        match column {
            Value::Object(claims) => Self::checked(claims).map_err(unreadable),
            _ => Err(unreadable("a profile must be an object".to_owned())),
        }
    }

    /// The profile of these claims, if each exists and has its type.
    fn checked(mut claims: Map<String, Value>) -> Result<Self, String> {
        // A claim or a member that is null counts as absent.
        claims.retain(|_, value| !value.is_null());
        if let Some(Value::Object(address)) = claims.get_mut(POSTAL_ADDRESS_CLAIM) {
            address.retain(|_, value| !value.is_null());
        }
        claims.iter().try_for_each(|(name, value)| check_type(name, value))?;
        Ok(Self(claims))
    }

    /// A profile with this full name, or without claims.
    pub fn with_name(name: Option<&str>) -> Self {
        Self(name.map(|name| ("name".to_owned(), Value::from(name))).into_iter().collect())
    }

    /// The profile, if every claim has the form of OpenID Connect Core section 5.1. URLs are normalized.
    pub fn validate(mut self) -> Result<Self, InvalidClaim> {
        if let Some(mistake) = self.mistakes().first() {
            return Err(*mistake);
        }
        for claim in CLAIMS {
            if claim.text_field().is_none_or(|field| field.input != TextInput::Url) {
                continue;
            }
            if let Some(Value::String(text)) = self.0.get_mut(claim.name) {
                *text =
                    field_rules::web_url(text).map_err(|rule| InvalidClaim { claim: claim.name, rule })?;
            }
        }
        Ok(self)
    }

    /// Every claim that has another form.
    pub fn mistakes(&self) -> Vec<InvalidClaim> {
        let claims = CLAIMS.iter().filter_map(|claim| {
            let (field, text) = (claim.text_field()?, self.text(claim.name)?);
            let checked = match field.input {
                TextInput::Url => field_rules::web_url(text).map(drop),
                _ => (field.rule.check)(text),
            };
            checked.err().map(|rule| InvalidClaim { claim: claim.name, rule })
        });
        let members = POSTAL_ADDRESS.iter().filter_map(|member| {
            let checked = (member.field.rule.check)(self.address_member(member.name)?);
            checked.err().map(|rule| InvalidClaim { claim: member.path, rule })
        });
        claims.chain(members).collect()
    }

    /// A claim whose value is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// The member of the postal address.
    pub fn address_member(&self, name: &str) -> Option<&str> {
        self.0.get(POSTAL_ADDRESS_CLAIM)?.get(name)?.as_str()
    }

    /// The names of the claims in which the profiles differ. An audit event has them; it has no values.
    pub fn differing_claims(&self, other: &Self) -> Vec<&'static str> {
        let differs = |name: &&str| self.0.get(*name) != other.0.get(*name);
        let mut names: Vec<_> = CLAIMS.iter().map(|claim| claim.name).filter(differs).collect();
        names.sort_unstable();
        names
    }

    pub(super) fn claims_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.0
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }
}

impl<'de> Deserialize<'de> for Profile {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::checked(Map::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Checks that a claim exists and that its value has the type of the claim.
fn check_type(name: &str, value: &Value) -> Result<(), String> {
    let Some(claim) = super::find(name).filter(|claim| claim.in_profile()) else {
        let known = CLAIMS.iter().filter(|claim| claim.in_profile()).map(|claim| claim.name);
        return Err(unknown(name, known));
    };
    match (&claim.source, value) {
        (ClaimSource::Text(_), Value::String(_)) | (ClaimSource::VerificationOf(_), Value::Bool(_)) => Ok(()),
        (ClaimSource::PostalAddress, Value::Object(members)) => {
            members.iter().try_for_each(|(name, value)| check_member_type(name, value))
        }
        _ => Err(format!("{} must be {}", claim.name, type_name(claim))),
    }
}

fn check_member_type(name: &str, value: &Value) -> Result<(), String> {
    let Some(member) = POSTAL_ADDRESS.iter().find(|member| member.name == name) else {
        return Err(unknown(name, POSTAL_ADDRESS.iter().map(|member| member.name)));
    };
    if value.is_string() { Ok(()) } else { Err(format!("{} must be a string", member.path)) }
}

fn unknown(name: &str, known: impl Iterator<Item = &'static str>) -> String {
    let known: Vec<_> = known.map(|name| format!("`{name}`")).collect();
    format!("unknown field `{name}`, expected one of {}", known.join(", "))
}

fn type_name(claim: &Claim) -> &'static str {
    match claim.source {
        ClaimSource::VerificationOf(_) => "a boolean",
        ClaimSource::PostalAddress => "an object",
        _ => "a string",
    }
}
