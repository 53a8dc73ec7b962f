//! Adds, disables and removes users.
//!
//! Disabling ends every session and revokes every grant in the same write: nothing issued before is good afterwards
//! (access tokens until their own end). Removing does the same by removing the rows.

use postern_entities::users::{self as rows, Model};
use postern_service::clock::Timestamp;
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set, EntityTrait as _, QuerySelect as _};
use serde_json::json;

use super::{ChangeError, rules};
use crate::{
    App,
    accounts::{self, deletion},
    audit::{Event, Origin},
    crypto::CryptoError,
    grants,
    login::{attempt, credential_change::Ending},
    passwords::{self, NewPassword},
    sessions,
    users::{self, Address, Email, Profile, User},
};

/// A user as an operator describes one.
#[derive(Clone, Debug, Default)]
pub struct NewUser {
    /// The address, as typed.
    pub email: String,
    /// Whether it is known to be the person's.
    pub email_verified: bool,
    /// Standard claims.
    pub profile: Profile,
    /// The hash of the password that the person has elsewhere; replaced by one of ours at the first sign-in.
    pub password_hash: Option<String>,
}

/// A user who breaks no rule, with the rows that are to be stored.
pub(super) struct CheckedUser {
    pub(super) row: Model,
    pub(super) password: Option<NewPassword>,
    pub(super) event: Event,
}

impl NewUser {
    pub(super) fn checked(self, app: &App, now: Timestamp) -> Result<CheckedUser, ChangeError> {
        let email = Email::parse(&self.email)
            .map_err(|rule| ChangeError::invalid("email", format!("{rule} (found {:?})", self.email)))?;
        let profile = checked(self.profile)?;
        let row = Model {
            id: app.random.row_id(now),
            subject: app.random.uuid(),
            email: email.as_str().to_owned(),
            email_verified: self.email_verified,
            profile: json!(profile),
            disabled_at: None,
            deletion_at: None,
            language: None,
            created_at: now.micros(),
            updated_at: now.micros(),
        };
        let password = match &self.password_hash {
            Some(hash) => {
                passwords::check_hash(hash).map_err(|rule| ChangeError::invalid("password_hash", rule))?;
                Some(passwords::seal(app, row.id, hash, now).map_err(|cause| unsealed(&cause))?)
            }
            None => None,
        };
        let event = Event::new("user.added").user(row.id);
        let event = event.details(json!({ "password": password.is_some() }));
        Ok(CheckedUser { row, password, event })
    }
}

fn unsealed(cause: &CryptoError) -> ChangeError {
    ChangeError::Refused(format!("the password hash cannot be sealed: {cause}"))
}

/// Adds a user without a password.
pub async fn add(
    app: &App,
    email: &str,
    email_verified: bool,
    profile: Profile,
    origin: &Origin,
) -> Result<User, ChangeError> {
    let new = NewUser { email: email.to_owned(), email_verified, profile, password_hash: None };
    add_new(app, new, origin).await
}

/// Adds a user.
pub async fn add_new(app: &App, new: NewUser, origin: &Origin) -> Result<User, ChangeError> {
    let now = app.clock.now();
    let CheckedUser { row: user, password, event } = new.checked(app, now)?;
    app.db
        .write(async |tx| {
            rows::Entity::insert(rows::ActiveModel::from(user.clone()))
                .exec_without_returning(tx)
                .await
                .map_err(|cause| ChangeError::of_insert(cause, "users.email", "user", &user.email))?;
            passwords::store_first(tx, password.into_iter().collect()).await?;
            event.record(app, tx, origin, now).await?;
            Ok::<_, ChangeError>(())
        })
        .await?;
    Ok(user)
}

/// The user a person names by address or by `sub`.
pub async fn find(app: &App, name: &str) -> Result<User, ChangeError> {
    let db = app.db.reader();
    let found = match (Email::parse(name), name.parse()) {
        (Ok(email), _) => users::find_by_email(db, &email).await?,
        (_, Ok(subject)) => users::find_by_subject(db, subject).await?,
        _ => None,
    };
    found.ok_or_else(|| ChangeError::Unknown { kind: "user", name: name.to_owned() })
}

/// Locks a user out: ends all sessions and grants, and what was mailed and not used.
pub async fn disable(app: &App, user: &User, origin: &Origin) -> Result<(), ChangeError> {
    let now = app.clock.now();
    app.db
        .write(async |tx| {
            let mut row = locked(tx, user).await?;
            if row.disabled_at.as_ref().is_none() {
                row.disabled_at = Set(Some(now.micros()));
            }
            row.updated_at = Set(now.micros());
            row.update(tx).await?;
            accounts::end_links(tx, user.id, now).await?;
            attempt::end_of_user(tx, user.id, now).await?;
            sessions::end_all_of_user(app, tx, user.id, "user_disabled", origin, now).await?;
            grants::revoke_of_user(tx, user.id, None, "user_disabled", now).await?;
            Event::new("user.disabled").user(user.id).record(app, tx, origin, now).await?;
            Ok::<_, ChangeError>(())
        })
        .await
}

/// Lets a user sign in again, also one who has closed the account. What is being deleted is not brought back.
pub async fn enable(app: &App, user: &User, origin: &Origin) -> Result<(), ChangeError> {
    let now = app.clock.now();
    app.db
        .write(async |tx| {
            let mut row = locked(tx, user).await?;
            if row.deletion_at.as_ref().is_some_and(|end| end <= now.micros()) {
                let over =
                    format!("{} was deleted by its owner, and the time to undo that is over", user.email);
                return Err(ChangeError::Refused(over));
            }
            row.disabled_at = Set(None);
            row.deletion_at = Set(None);
            row.updated_at = Set(now.micros());
            row.update(tx).await?;
            Event::new("user.enabled").user(user.id).record(app, tx, origin, now).await?;
            Ok::<_, ChangeError>(())
        })
        .await
}

/// Removes a user with everything that hangs off the account. What happened stays recorded, but not whose account it was,
/// nor from where: see [`deletion`].
pub async fn remove(app: &App, user: &User, origin: &Origin) -> Result<(), ChangeError> {
    let now = app.clock.now();
    app.db
        .write(async |tx| {
            // From now on nobody is this user, and the sweep of closed accounts goes on where this stops half-way.
            let mut row = locked(tx, user).await?;
            row.deletion_at = Set(Some(now.micros()));
            row.update(tx).await?;
            Ending { user_id: user.id, kept: None, because: "user_removed", origin }
                .end(app, tx, now)
                .await?;
            Event::new("user.removed").record(app, tx, origin, now).await?;
            Ok::<_, ChangeError>(())
        })
        .await?;
    Ok(deletion::erase(app, user.id).await?)
}

async fn locked(
    tx: &postern_service::database::Transaction,
    user: &User,
) -> Result<rows::ActiveModel, ChangeError> {
    let row = rows::Entity::find_by_id(user.id).lock_exclusive().one(tx).await?;
    row.map(Into::into).ok_or_else(|| unknown(user))
}

fn unknown(user: &User) -> ChangeError {
    ChangeError::Unknown { kind: "user", name: user.email.clone() }
}

/// A profile as it is stored: every claim has the form that OpenID Connect Core section 5.1 gives it, and pages are URLs
/// as they were parsed.
pub(crate) fn checked(mut profile: Profile) -> Result<Profile, ChangeError> {
    for (claim, page) in [
        ("profile", &mut profile.profile),
        ("picture", &mut profile.picture),
        ("website", &mut profile.website),
    ] {
        if let Some(page) = page {
            *page = rules::web_page(page).map_err(|rule| ChangeError::invalid(claim, rule))?;
        }
    }
    check(&profile)?;
    Ok(profile)
}

/// Whether every other claim has its form. Each is named, so that none can be added without a rule.
fn check(profile: &Profile) -> Result<(), ChangeError> {
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
    let Address { formatted, street_address, locality, region, postal_code, country } =
        &address.clone().unwrap_or_default();
    let claims: [(&'static str, &Option<String>, Rule); 17] = [
        ("name", name, rules::name),
        ("given_name", given_name, rules::name),
        ("family_name", family_name, rules::name),
        ("middle_name", middle_name, rules::name),
        ("nickname", nickname, rules::name),
        ("preferred_username", preferred_username, rules::name),
        ("gender", gender, rules::name),
        ("birthdate", birthdate, rules::birthdate),
        ("zoneinfo", zoneinfo, rules::zoneinfo),
        ("locale", locale, rules::locale),
        ("phone_number", phone_number, rules::phone_number),
        ("address.formatted", formatted, rules::lines),
        ("address.street_address", street_address, rules::lines),
        ("address.locality", locality, rules::name),
        ("address.region", region, rules::name),
        ("address.postal_code", postal_code, rules::name),
        ("address.country", country, rules::name),
    ];
    for (claim, value, rule) in claims {
        if let Some(value) = value {
            rule(value).map_err(|rule| ChangeError::invalid(claim, rule))?;
        }
    }
    Ok(())
}
