//! Sets the password of a signed-in person, and defines how a password is replaced (`PasswordReplacement`),
//! which the password reset uses too.

use serde_json::json;
use uuid::Uuid;

use super::{AccountError, password_strength::PasswordContext};
use crate::{
    App,
    audit::Event,
    core::{RequestContext, Write},
    grants::EndCause,
    links::{
        self,
        owner_notice::{self, NoticeDetails, OwnerNotice},
    },
    login::{
        self, attempt,
        credential_change::{AccessTermination, CredentialChange},
    },
    passwords::{self, NewPassword, Password, Weakness},
    rate_limit::{self, Limit, TakeOutcome},
    users::User,
};

pub async fn has_password(app: &App, user: &User) -> Result<bool, AccountError> {
    Ok(passwords::find(app, app.db.reader(), Some(user.id)).await?.is_some())
}

/// Sets a password and ends the other sessions of the account; the owner gets a mail.
pub async fn change(app: &App, change: CredentialChange<'_>, password: &str) -> Result<(), AccountError> {
    login::require_method(app, "password").map_err(AccountError::Login)?;
    let CredentialChange { principal, .. } = change;
    let user = principal.user;
    count_password_try(app, ("password_change", &user.id.to_string()), change.context).await?;
    let replacement = PasswordReplacement::new(app, user, password, change.context).await?;
    principal
        .write_exclusive(app, change.context, async |write, _| -> Result<(), AccountError> {
            replacement.store(write, &change.termination(EndCause::PasswordChanged)).await?;
            Ok(change.end_others(write, EndCause::PasswordChanged).await?)
        })
        .await?;
    Ok(())
}

/// Limits how many passwords the holder of a session or a link can have judged and hashed. Sessions and links
/// are counted apart: a thief with a session must not use up the tries of the owner, who has the link.
pub(super) async fn count_password_try(
    app: &App,
    (name, subject): (&'static str, &str),
    context: &RequestContext,
) -> Result<(), AccountError> {
    let limit = Limit { name, rate: app.config.limits.failures_per_account };
    let outcome = app.write(context, async |write| rate_limit::take(write, limit, subject).await).await?;
    match outcome {
        TakeOutcome::Within(_) => Ok(()),
        TakeOutcome::Limited { retry_after, .. } => Err(AccountError::RateLimited { retry_after }),
    }
}

/// A new password that is judged, hashed and sealed, and the mail that reports the change.
pub(super) struct PasswordReplacement {
    user_id: Uuid,
    password: NewPassword,
    change_notice: OwnerNotice,
}

impl PasswordReplacement {
    /// Judges and hashes the password. Call before the write, because hashing is slow.
    pub(super) async fn new(
        app: &App,
        user: &User,
        typed: &str,
        context: &RequestContext,
    ) -> Result<Self, AccountError> {
        let password = check_password(app, user, typed).await?;
        let hash = app.passwords.hash(&app.random, &password).await?;
        Ok(Self {
            user_id: user.id,
            password: passwords::seal(app, user.id, &hash, app.clock.now())?,
            change_notice: owner_notice::prepare(
                app,
                &app.templates,
                user,
                NoticeDetails::new("password-changed", context),
            )?,
        })
    }

    /// Stores the password, and ends the mailed links and the logins in progress. The caller applies
    /// `termination` to sessions and grants, and holds an exclusive lock on the user row.
    pub(super) async fn store(
        self,
        write: &Write<'_>,
        termination: &AccessTermination,
    ) -> Result<(), AccountError> {
        let Self { user_id, password, change_notice } = self;
        password.store(write).await?;
        links::end_user_links(write, user_id).await?;
        attempt::end_attempts_of_user(write, user_id).await?;
        let event = Event::new("credential.changed").user(user_id).session(termination.kept_session);
        let event = event.details(json!({ "method": "password", "by": termination.cause.word() }));
        event.record(write).await?;
        Ok(change_notice.enqueue(write).await?)
    }
}

/// The password, if the rules allow it for this account.
async fn check_password(app: &App, user: &User, typed: &str) -> Result<Password, AccountError> {
    let password = Password::from_typed(typed).ok_or(Weakness::TooLong)?;
    let account = PasswordContext::from_user(app, user).await?;
    app.passwords.check(&password, account.second_factor, &account.context_words(app)).await??;
    Ok(password)
}
