//! Changes the standard claims of a person's own account (OpenID Connect Core section 5.1).
//!
//! Claims that the provider vouches for (`email`, `email_verified`, `phone_number_verified`) cannot be
//! changed here: a new phone number is unverified, and the email changes in
//! [`email_change`](super::email_change). Leaves to [`Profile::validate`] which values are allowed.

use postern_entities::users as rows;
use postern_service::database::DatabaseError;
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set};
use serde_json::{Map, Value, json};

use super::AccountError;
use crate::{
    App,
    audit::Event,
    core::{RequestContext, read_json_column},
    sessions::Principal,
    tokens::userinfo::ReleasedClaims,
    users::{Profile, User},
};

/// A claim by its name, and its new value; none removes the claim.
pub type ClaimChange = (&'static str, Option<String>);

/// A change of the profile. A claim that is not named stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// Changes of the claims whose values are strings.
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

/// All claims of the account, whatever a client may read of them.
pub fn claims_of_user(user: &User) -> Result<ReleasedClaims, DatabaseError> {
    Ok(ReleasedClaims {
        sub: user.subject.to_string(),
        profile: read_json_column(user.profile.clone())?,
        updated_at: Some(user.updated_at.seconds()),
        email: Some((user.email.clone(), user.email_verified)),
    })
}

/// Changes claims of the account. The user row is locked, so that concurrent changes do not overwrite each
/// other.
pub async fn change(
    app: &App,
    principal: Principal<'_>,
    change: ProfileChange,
    context: &RequestContext,
) -> Result<User, AccountError> {
    let now = context.now;
    principal
        .write_exclusive(app, context, async |write, mut row| {
            let before: Profile = read_json_column(row.profile.clone())?;
            let after = merge(&row.profile, &change)?.validate()?;
            if after == before {
                return Ok(row);
            }
            let details = json!({ "claims": changed_claims(&row.profile, &json!(after)) });
            row.profile = json!(after);
            row.updated_at = now;
            let stored = rows::ActiveModel {
                id: Set(row.id),
                profile: Set(row.profile.clone()),
                updated_at: Set(row.updated_at),
                ..Default::default()
            };
            stored.update(write).await?;
            let event = Event::new("profile.changed").user(row.id).details(details);
            event.record(write).await?;
            Ok(row)
        })
        .await
}

/// The stored profile with the changes applied.
fn merge(stored: &Value, change: &ProfileChange) -> Result<Profile, DatabaseError> {
    let mut claims = stored.as_object().cloned().unwrap_or_default();
    apply_claim_changes(&mut claims, &change.claims);
    if claims.get("phone_number") != stored.get("phone_number") {
        claims.remove("phone_number_verified");
    }
    match &change.address {
        PostalAddressChange::Keep => {}
        PostalAddressChange::Remove => drop(claims.remove("address")),
        PostalAddressChange::Members(members) => {
            let mut address =
                claims.remove("address").and_then(|value| value.as_object().cloned()).unwrap_or_default();
            apply_claim_changes(&mut address, members);
            if !address.is_empty() {
                claims.insert("address".to_owned(), Value::Object(address));
            }
        }
    }
    read_json_column(Value::Object(claims))
}

fn apply_claim_changes(object: &mut Map<String, Value>, changes: &[ClaimChange]) {
    for (name, value) in changes {
        match value {
            Some(value) => drop(object.insert((*name).to_owned(), json!(normalize(name, value)))),
            None => drop(object.remove(*name)),
        }
    }
}

/// Normalizes a value: no surrounding space, `\n` as the newline, and a phone number without grouping
/// characters.
fn normalize(name: &str, typed: &str) -> String {
    let text = typed.trim().replace("\r\n", "\n");
    if name == "phone_number" { text.replace([' ', '-', '.', '(', ')', '/'], "") } else { text }
}

/// The names of the changed claims, for the audit event. The record keeps no values.
fn changed_claims<'a>(before: &'a Value, after: &'a Value) -> Vec<&'a str> {
    let names = |value: &'a Value| value.as_object().into_iter().flat_map(|claims| claims.keys());
    let mut differing: Vec<_> = names(before)
        .chain(names(after))
        .filter(|name| before.get(name.as_str()) != after.get(name.as_str()))
        .map(String::as_str)
        .collect();
    differing.sort_unstable();
    differing.dedup();
    differing
}
