//! Defines [`ProfileChange`], a change of the claims that users maintain about themselves.

use serde_json::{Map, Value};

use super::{CLAIMS, ClaimSource, POSTAL_ADDRESS_CLAIM, Profile, TextInput};

/// A claim by its name, and its new value. `None` removes the claim.
pub type ClaimChange = (&'static str, Option<String>);

/// A change of the profile. A claim that is not named stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// Changes of the claims whose values are texts.
    pub claims: Vec<ClaimChange>,
    pub address: PostalAddressChange,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PostalAddressChange {
    #[default]
    Keep,
    Remove,
    /// Changes of single members of the claim `address`.
    Members(Vec<ClaimChange>),
}

impl Profile {
    /// The profile with the changes applied. A claim that the provider had verified is unverified when it
    /// changes. The caller [validates](Profile::validate) the result.
    #[must_use]
    pub fn with_changes(&self, change: &ProfileChange) -> Self {
        let mut changed = self.clone();
        let claims = changed.claims_mut();
        apply(claims, &change.claims);
        match &change.address {
            PostalAddressChange::Keep => {}
            PostalAddressChange::Remove => drop(claims.remove(POSTAL_ADDRESS_CLAIM)),
            PostalAddressChange::Members(members) => {
                let stored = claims.remove(POSTAL_ADDRESS_CLAIM);
                let mut address = stored.and_then(|value| value.as_object().cloned()).unwrap_or_default();
                apply(&mut address, members);
                if !address.is_empty() {
                    claims.insert(POSTAL_ADDRESS_CLAIM.to_owned(), Value::Object(address));
                }
            }
        }
        for claim in CLAIMS {
            if let ClaimSource::VerificationOf(other) = claim.source
                && changed.text(other) != self.text(other)
            {
                changed.take(claim.name);
            }
        }
        changed
    }
}

fn apply(object: &mut Map<String, Value>, changes: &[ClaimChange]) {
    for (name, value) in changes {
        match value {
            Some(value) => drop(object.insert((*name).to_owned(), normalize(name, value).into())),
            None => drop(object.remove(*name)),
        }
    }
}

/// Removes surrounding space, and writes newlines as `\n`.
fn normalize(name: &str, typed: &str) -> String {
    let text = typed.trim().replace("\r\n", "\n");
    match super::find(name).and_then(super::Claim::text_field) {
        Some(field) if field.input == TextInput::PhoneNumber => {
            text.replace([' ', '-', '.', '(', ')', '/'], "")
        }
        _ => text,
    }
}
