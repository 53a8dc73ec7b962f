//! Lets people set the password of their own account while they are signed in.

use postern_service::{clock::Timestamp, database::Transaction};
use serde_json::json;
use uuid::Uuid;

use super::{AccountError, links, strength::Account};
use crate::{
    App,
    audit::Event,
    jobs::SealedJob,
    login::{
        attempt,
        credential_change::{CredentialChange, Ending},
    },
    mail,
    passwords::{self, NewPassword, Password, Weakness},
    rate_limit::{self, Limit, Taken},
    users::User,
};

const BECAUSE: &str = "password_changed";

/// Whether the account has one.
pub async fn is_set(app: &App, user: &User) -> Result<bool, AccountError> {
    Ok(passwords::find(app, app.db.reader(), Some(user.id)).await?.is_some())
}

/// Sets a password; the account is told by mail.
pub async fn change(app: &App, change: CredentialChange<'_>, password: &str) -> Result<(), AccountError> {
    let CredentialChange { principal, .. } = change;
    let (user, now) = (principal.user, app.clock.now());
    take_try(app, ("password_change", &user.id.to_string()), now).await?;
    let replacement = Replacement::new(app, user, password).await?;
    principal
        .write_exclusive(app, async |tx, _| -> Result<(), AccountError> {
            replacement.write(app, tx, &change.ending(BECAUSE), now).await?;
            Ok(change.end_others(app, tx, BECAUSE, now).await?)
        })
        .await?;
    app.jobs.wake();
    Ok(())
}

/// Whoever holds a session or a link may not have passwords judged and hashed for ever. Each has a count of its own: a thief
/// who is signed in must not keep the owner, who has the link, from setting another password.
pub(super) async fn take_try(
    app: &App,
    (name, subject): (&'static str, &str),
    now: Timestamp,
) -> Result<(), AccountError> {
    let limit = Limit { name, rate: app.config.limits.failures_per_account };
    let taken = app.db.write(async |tx| rate_limit::take(tx, limit, subject, now).await).await?;
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
    pub(super) async fn new(app: &App, user: &User, typed: &str) -> Result<Self, AccountError> {
        let password = checked(app, user, typed).await?;
        let hash = passwords::hash(app, &password).await?;
        Ok(Self {
            user_id: user.id,
            password: passwords::seal(app, user.id, &hash, app.clock.now())?,
            told: mail::notice(app, user, "password-changed")?,
        })
    }

    /// Stores it, and ends what was mailed and what the former one proved so far; what that one opened is for `ending` to
    /// end. The write holds the user exclusively.
    pub(super) async fn write(
        self,
        app: &App,
        tx: &Transaction,
        ending: &Ending<'_>,
        now: Timestamp,
    ) -> Result<(), AccountError> {
        let Self { user_id, password, told } = self;
        password.store(tx).await?;
        links::end_of_user(tx, user_id, now).await?;
        attempt::end_of_user(tx, user_id, now).await?;
        let event = Event::new("credential.changed").user(user_id).session(ending.kept);
        let event = event.details(json!({ "method": "password", "by": ending.because }));
        event.record(app, tx, ending.origin, now).await?;
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
