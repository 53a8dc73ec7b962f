//! Lets people set the password of their own account while they are signed in.

use postern_service::{clock::Timestamp, database::Transaction};
use serde_json::json;
use uuid::Uuid;

use super::{AccountError, links, strength::Account};
use crate::{
    App,
    audit::{Event, Origin},
    grants,
    jobs::SealedJob,
    login::{attempt, devices},
    mail::{self, Letter},
    passwords::{self, NewPassword, Password, Weakness},
    rate_limit::{self, Limit, Taken},
    sessions,
    users::User,
};

const BECAUSE: &str = "password_changed";

/// Whether the account has one.
pub async fn is_set(app: &App, user: &User) -> Result<bool, AccountError> {
    Ok(passwords::find(app, app.db.reader(), Some(user.id)).await?.is_some())
}

/// Sets a password, for somebody who proved lately who they are
/// ([`requirement_to_change`](crate::login::second_factor::requirement_to_change)). Every other session ends and every
/// grant, because whoever knew the old password may have made them; the account is told by mail.
pub async fn change(
    app: &App,
    user: &User,
    kept: Option<Uuid>,
    password: &str,
    language: &str,
    origin: &Origin,
) -> Result<(), AccountError> {
    let now = app.clock.now();
    take_try(app, user, now).await?;
    let replacement = Replacement::new(app, user, password, language).await?;
    app.db.write(async |tx| replacement.write(app, tx, kept, BECAUSE, origin, now).await).await?;
    app.jobs.wake();
    Ok(())
}

/// Whoever holds a session or a link may not have passwords judged and hashed for ever.
pub(super) async fn take_try(app: &App, user: &User, now: Timestamp) -> Result<(), AccountError> {
    let limit = Limit { name: "password_change", rate: app.config.limits.failures_per_account };
    let taken = app.db.write(async |tx| rate_limit::take(tx, limit, &user.id.to_string(), now).await).await?;
    match taken {
        Taken::Within(_) => Ok(()),
        Taken::Limited { retry_after, .. } => Err(AccountError::Limited { retry_after }),
    }
}

/// A password that takes the place of an account's former one, and the mail that tells of it.
pub(super) struct Replacement {
    user_id: Uuid,
    password: NewPassword,
    told: SealedJob,
}

impl Replacement {
    /// Judges and hashes it, before the write.
    pub(super) async fn new(
        app: &App,
        user: &User,
        typed: &str,
        language: &str,
    ) -> Result<Self, AccountError> {
        let password = checked(app, user, typed).await?;
        let hash = passwords::hash(app, &password).await?;
        let letter = Letter { to: Some(&user.email), template: "password-changed", language, path: None };
        Ok(Self {
            user_id: user.id,
            password: passwords::seal(app, user.id, &hash, app.clock.now())?,
            told: mail::letter(app, letter)?,
        })
    }

    /// Stores it, and ends what the former one may have opened, but for one session. The rows are taken in the order in
    /// which a sign-in takes them, so that neither waits for the other in a circle.
    pub(super) async fn write(
        self,
        app: &App,
        tx: &Transaction,
        kept: Option<Uuid>,
        because: &'static str,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<(), AccountError> {
        let Self { user_id, password, told } = self;
        password.store(tx).await?;
        links::end_of_user(tx, user_id, now).await?;
        attempt::end_of_user(tx, user_id, now).await?;
        devices::forget(tx, user_id).await?;
        sessions::end_all_but(app, tx, user_id, kept, because, origin, now).await?;
        grants::revoke_of_user(app, tx, user_id, because, now).await?;
        let event = Event::new("credential.changed").user(user_id).session(kept);
        let event = event.details(json!({ "method": "password", "by": because }));
        event.record(app, tx, origin, now).await?;
        Ok(told.enqueue(tx).await?)
    }
}

/// A typed password that this account may have.
async fn checked(app: &App, user: &User, typed: &str) -> Result<Password, AccountError> {
    let password = Password::typed(typed).ok_or(Weakness::TooLong)?;
    let account = Account::of_user(app, user).await?;
    passwords::check(app, &password, account.second_factor, &account.words(app)).await??;
    Ok(password)
}
