//! Adds, disables and removes users.
//!
//! Disabling a user ends every session and revokes every grant in the same write. Access tokens that a
//! resource server verifies offline stay valid until they expire. Removing a user ends the same before it
//! deletes the rows.

use postern_entities::users::{self as rows, Model};
use postern_service::clock::Timestamp;
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set, EntityTrait as _, QuerySelect as _};
use serde_json::json;

use super::ChangeError;
use crate::{
    App,
    accounts::deletion,
    audit::Event,
    claims::Profile,
    core::RequestContext,
    crypto::CryptoError,
    grants::{self, EndCause, GrantSelection},
    links,
    login::{attempt, credential_change::AccessTermination},
    passwords::{self, NewPassword},
    sessions::{self, SessionSelection},
    users::{self, Email, User},
};

/// A user as an operator or an import describes it.
#[derive(Clone, Debug, Default)]
pub struct NewUser {
    /// The email as given, not parsed yet.
    pub email: String,
    /// Whether the operator vouches that the email belongs to the user.
    pub email_verified: bool,
    pub profile: Profile,
    /// A password hash of another system. The first login with this password replaces the hash by one of
    /// ours.
    pub password_hash: Option<String>,
}

/// A validated user, with the rows to store.
pub(super) struct ValidatedUser {
    pub(super) row: Model,
    pub(super) password: Option<NewPassword>,
    pub(super) event: Event,
}

impl NewUser {
    pub(super) fn validate(self, app: &App, now: Timestamp) -> Result<ValidatedUser, ChangeError> {
        let email = Email::parse(&self.email)
            .map_err(|rule| ChangeError::invalid("email", format!("{rule} (found {:?})", self.email)))?;
        let profile = self.profile.validate()?;
        let row = Model {
            id: app.random.row_id(now),
            subject: app.random.uuid(),
            email: email.as_str().to_owned(),
            email_verified: self.email_verified,
            profile: json!(profile),
            disabled_at: None,
            deletion_at: None,
            language: None,
            created_at: now,
            updated_at: now,
        };
        let password = match &self.password_hash {
            Some(hash) => {
                passwords::check_hash(hash).map_err(|rule| ChangeError::invalid("password_hash", rule))?;
                Some(passwords::seal(app, row.id, hash, now).map_err(|cause| seal_error(&cause))?)
            }
            None => None,
        };
        let event = Event::new("user.added").user(row.id);
        let event = event.details(json!({ "password": password.is_some() }));
        Ok(ValidatedUser { row, password, event })
    }
}

fn seal_error(cause: &CryptoError) -> ChangeError {
    ChangeError::Refused(format!("the password hash cannot be sealed: {cause}"))
}

pub async fn add_without_password(
    app: &App,
    email: &str,
    email_verified: bool,
    profile: Profile,
    context: &RequestContext,
) -> Result<User, ChangeError> {
    let new = NewUser { email: email.to_owned(), email_verified, profile, password_hash: None };
    add(app, new, context).await
}

pub async fn add(app: &App, new: NewUser, context: &RequestContext) -> Result<User, ChangeError> {
    let now = context.now;
    let ValidatedUser { row: user, password, event } = new.validate(app, now)?;
    app.write(context, async |write| {
        rows::Entity::insert(rows::ActiveModel::from(user.clone()))
            .exec_without_returning(write)
            .await
            .map_err(|cause| ChangeError::from_insert_error(cause, "users.email", "user", &user.email))?;
        passwords::store_first(write, password.into_iter().collect()).await?;
        event.record(write).await?;
        Ok::<_, ChangeError>(())
    })
    .await?;
    Ok(user)
}

/// Finds a user by email or by `sub`.
pub async fn find(app: &App, name: &str) -> Result<User, ChangeError> {
    let db = app.db.reader();
    let found = match (Email::parse(name), name.parse()) {
        (Ok(email), _) => users::find_by_email(db, &email).await?,
        (_, Ok(subject)) => users::find_by_subject(db, subject).await?,
        _ => None,
    };
    found.ok_or_else(|| ChangeError::Unknown { kind: "user", name: name.to_owned() })
}

/// Disables a user: ends all sessions, grants, logins in progress and mailed links.
pub async fn disable(app: &App, user: &User, context: &RequestContext) -> Result<(), ChangeError> {
    let now = context.now;
    app.write(context, async |write| {
        let mut row = lock_row(write, user).await?;
        if row.disabled_at.as_ref().is_none() {
            row.disabled_at = Set(Some(now));
        }
        row.updated_at = Set(now);
        row.update(write).await?;
        links::end_user_links(write, user.id).await?;
        attempt::end_attempts_of_user(write, user.id).await?;
        sessions::end(
            write,
            SessionSelection::OfUser { user_id: user.id, kept_sid: None },
            EndCause::UserDisabled,
        )
        .await?;
        grants::end(
            write,
            GrantSelection::OfUser { user_id: user.id, kept_sid: None },
            EndCause::UserDisabled,
        )
        .await?;
        Event::new("user.disabled").user(user.id).record(write).await?;
        Ok::<_, ChangeError>(())
    })
    .await
}

/// Enables a disabled user, or restores an account that its owner closed. Refused once the grace period is
/// over.
pub async fn enable(app: &App, user: &User, context: &RequestContext) -> Result<(), ChangeError> {
    let now = context.now;
    app.write(context, async |write| {
        let mut row = lock_row(write, user).await?;
        if row.deletion_at.as_ref().is_some_and(|end| end <= now) {
            let over = format!("{} was deleted by its owner, and the time to undo that is over", user.email);
            return Err(ChangeError::Refused(over));
        }
        row.disabled_at = Set(None);
        row.deletion_at = Set(None);
        row.updated_at = Set(now);
        row.update(write).await?;
        Event::new("user.enabled").user(user.id).record(write).await?;
        Ok::<_, ChangeError>(())
    })
    .await
}

/// Removes a user with all dependent rows. The audit record keeps the events without the user and the IP
/// address; see [`deletion`].
pub async fn remove(app: &App, user: &User, context: &RequestContext) -> Result<(), ChangeError> {
    let now = context.now;
    app.write(context, async |write| {
        // From now on the account is due for deletion. If this process stops midway, the job of
        // [`deletion`] continues.
        let mut row = lock_row(write, user).await?;
        row.deletion_at = Set(Some(now));
        row.update(write).await?;
        AccessTermination { user_id: user.id, kept_session: None, cause: EndCause::UserRemoved }
            .apply(write)
            .await?;
        Event::new("user.removed").record(write).await?;
        Ok::<_, ChangeError>(())
    })
    .await?;
    Ok(deletion::delete_now(app, user.id).await?)
}

async fn lock_row(
    tx: &postern_service::database::Transaction,
    user: &User,
) -> Result<rows::ActiveModel, ChangeError> {
    let row = rows::Entity::find_by_id(user.id).lock_exclusive().one(tx).await?;
    row.map(Into::into).ok_or_else(|| unknown_user(user))
}

fn unknown_user(user: &User) -> ChangeError {
    ChangeError::Unknown { kind: "user", name: user.email.clone() }
}
