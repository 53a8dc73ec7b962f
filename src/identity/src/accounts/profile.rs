//! Lets people say who they are: the standard claims of their own account (OpenID Connect Core section 5.1).
//!
//! What somebody else has to vouch for (`email`, `email_verified`, `phone_number_verified`) is not among them: a new
//! telephone number is an unverified one, and the address changes in [`address`](super::address).

use postern_entities::users as rows;
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set};
use serde_json::{Map, Value, json};

use super::AccountError;
use crate::{
    App, administration,
    audit::{Event, Origin},
    clients,
    sessions::Principal,
    tokens::userinfo::Released,
    users::{Profile, User},
};

/// A claim by its name, and what it becomes; none takes it away.
pub type Claim = (&'static str, Option<String>);

/// What changes; a claim that is not named stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// Claims that are a text.
    pub claims: Vec<Claim>,
    /// The postal address.
    pub address: AddressChange,
}

/// What becomes of the postal address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AddressChange {
    /// It stays.
    #[default]
    Keep,
    /// It is taken away.
    Remove,
    /// These members change.
    Members(Vec<Claim>),
}

/// Everything that the account says of its owner.
pub fn of(user: &User) -> Result<Released, DatabaseError> {
    Ok(Released {
        sub: user.subject.to_string(),
        profile: clients::read(user.profile.clone())?,
        updated_at: Some(Timestamp::from_micros(user.updated_at).seconds()),
        email: Some((user.email.clone(), user.email_verified)),
    })
}

/// Changes claims of the account. The row is held meanwhile, so that of two changes at once none undoes the other.
pub async fn change(
    app: &App,
    principal: Principal<'_>,
    change: ProfileChange,
    origin: &Origin,
) -> Result<User, AccountError> {
    let now = app.clock.now();
    principal
        .write_exclusive(app, async |tx, mut row| {
            let before: Profile = clients::read(row.profile.clone())?;
            let after = administration::users::checked(merged(&row.profile, &change)?)?;
            if after == before {
                return Ok(row);
            }
            let details = json!({ "claims": differing(&row.profile, &json!(after)) });
            row.profile = json!(after);
            row.updated_at = now.micros();
            let stored = rows::ActiveModel {
                id: Set(row.id),
                profile: Set(row.profile.clone()),
                updated_at: Set(row.updated_at),
                ..Default::default()
            };
            stored.update(tx).await?;
            let event = Event::new("profile.changed").user(row.id).details(details);
            event.record(app, tx, origin, now).await?;
            Ok(row)
        })
        .await
}

/// The stored claims with the changed ones laid over them.
fn merged(stored: &Value, change: &ProfileChange) -> Result<Profile, DatabaseError> {
    let mut claims = stored.as_object().cloned().unwrap_or_default();
    lay_over(&mut claims, &change.claims);
    if claims.get("phone_number") != stored.get("phone_number") {
        claims.remove("phone_number_verified");
    }
    match &change.address {
        AddressChange::Keep => {}
        AddressChange::Remove => drop(claims.remove("address")),
        AddressChange::Members(members) => {
            let mut address =
                claims.remove("address").and_then(|value| value.as_object().cloned()).unwrap_or_default();
            lay_over(&mut address, members);
            if !address.is_empty() {
                claims.insert("address".to_owned(), Value::Object(address));
            }
        }
    }
    clients::read(Value::Object(claims))
}

fn lay_over(object: &mut Map<String, Value>, changes: &[Claim]) {
    for (name, value) in changes {
        match value {
            Some(value) => drop(object.insert((*name).to_owned(), json!(tidy(name, value)))),
            None => drop(object.remove(*name)),
        }
    }
}

/// A text as it is stored: without space around it, with one kind of newline, and a number without what people group its
/// digits by.
fn tidy(name: &str, typed: &str) -> String {
    let text = typed.trim().replace("\r\n", "\n");
    if name == "phone_number" { text.replace([' ', '-', '.', '(', ')', '/'], "") } else { text }
}

/// The names of the claims that are not what they were: the record keeps no values.
fn differing<'a>(before: &'a Value, after: &'a Value) -> Vec<&'a str> {
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
