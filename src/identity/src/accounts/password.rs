//! Sets the password of a signed-in person, and defines how a password is replaced (`PasswordReplacement`),
//! which the password reset uses too.

use postern_service::{clock::Timestamp, database::Transaction};
use serde_json::json;
use uuid::Uuid;

use super::{AccountError, links, password_strength::PasswordContext};
use crate::{
    App,
    audit::Event,
    jobs::SealedJob,
    login::{
        attempt,
        credential_change::{AccessTermination, CredentialChange},
    },
    mail,
    passwords::{self, NewPassword, Password, Weakness},
    rate_limit::{self, Limit, TakeOutcome},
    users::User,
};

const REVOKED_BECAUSE: &str = "password_changed";

pub async fn has_password(app: &App, user: &User) -> Result<bool, AccountError> {
    Ok(passwords::find(app, app.db.reader(), Some(user.id)).await?.is_some())
}

/// Sets a password and ends the other sessions of the account; the owner gets a mail.
pub async fn change(app: &App, change: CredentialChange<'_>, password: &str) -> Result<(), AccountError> {
    let CredentialChange { principal, .. } = change;
    let (user, now) = (principal.user, app.clock.now());
    count_password_try(app, ("password_change", &user.id.to_string()), now).await?;
    let replacement = PasswordReplacement::new(app, user, password).await?;
    principal
        .write_exclusive(app, async |tx, _| -> Result<(), AccountError> {
            replacement.store(app, tx, &change.termination(REVOKED_BECAUSE), now).await?;
            Ok(change.end_others(app, tx, REVOKED_BECAUSE, now).await?)
        })
        .await?;
    app.jobs.wake();
    Ok(())
}

/// Limits how many passwords the holder of a session or a link can have judged and hashed. Sessions and links
/// are counted apart: a thief with a session must not use up the tries of the owner, who has the link.
pub(super) async fn count_password_try(
    app: &App,
    (name, subject): (&'static str, &str),
    now: Timestamp,
) -> Result<(), AccountError> {
    let limit = Limit { name, rate: app.config.limits.failures_per_account };
    let outcome = app.db.write(async |tx| rate_limit::take(tx, limit, subject, now).await).await?;
    match outcome {
        TakeOutcome::Within(_) => Ok(()),
        TakeOutcome::Limited { retry_after, .. } => Err(AccountError::RateLimited { retry_after }),
    }
}

/// A new password that is judged, hashed and sealed, and the mail that reports the change.
pub(super) struct PasswordReplacement {
    user_id: Uuid,
    password: NewPassword,
    change_notice: SealedJob,
}

impl PasswordReplacement {
    /// Judges and hashes the password. Call before the write, because hashing is slow.
    pub(super) async fn new(app: &App, user: &User, typed: &str) -> Result<Self, AccountError> {
        let password = check_password(app, user, typed).await?;
        let hash = passwords::hash(app, &password).await?;
        Ok(Self {
            user_id: user.id,
            password: passwords::seal(app, user.id, &hash, app.clock.now())?,
            change_notice: mail::prepare_notice(app, user, "password-changed")?,
        })
    }

    /// Stores the password, and ends the mailed links and the logins in progress. The caller applies
    /// `termination` to sessions and grants, and holds an exclusive lock on the user row.
    pub(super) async fn store(
        self,
        app: &App,
        tx: &Transaction,
        termination: &AccessTermination<'_>,
        now: Timestamp,
    ) -> Result<(), AccountError> {
        let Self { user_id, password, change_notice: told } = self;
        password.store(tx).await?;
        links::end_user_links(tx, user_id, now).await?;
        attempt::end_attempts_of_user(tx, user_id, now).await?;
        let event = Event::new("credential.changed").user(user_id).session(termination.kept_session);
        let event = event.details(json!({ "method": "password", "by": termination.because }));
        event.record(app, tx, termination.origin, now).await?;
        Ok(told.enqueue(tx).await?)
    }
}

/// The password, if the rules allow it for this account.
async fn check_password(app: &App, user: &User, typed: &str) -> Result<Password, AccountError> {
    let password = Password::from_typed(typed).ok_or(Weakness::TooLong)?;
    let account = PasswordContext::from_user(app, user).await?;
    passwords::check(app, &password, account.second_factor, &account.context_words(app)).await??;
    Ok(password)
}
