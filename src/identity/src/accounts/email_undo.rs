//! Restores the email that an account had before a change.
//!
//! ```text
//!   email_change::confirm ──► the former email is stored, sealed; its mailbox gets a link ──► undo
//!                                   └──registration.email_undo_lifetime──► deleted
//! ```
//!
//! A person who changed the email of an account may have stolen the account. So the link works without a
//! session, and it undoes more than the email: every session, grant, password and known device ends, and
//! every authenticator that was enrolled shortly before the change or since. Each change has its own link,
//! sent to the mailbox that the account left. The link of an earlier change invalidates the links of later
//! changes and works for as long as they do, so the first owner prevails.

use std::time::Duration;

use postern_entities::{credentials, former_emails as rows, recovery_codes, users as user_rows};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{
    ActiveModelTrait as _,
    ActiveValue::Set,
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QuerySelect as _,
    sea_query::{CaseStatement, Expr, ExprTrait as _},
};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::{AccountError, recovery::ResetPayload};
use crate::{
    App,
    audit::Event,
    core::{RequestContext, Write},
    crypto::{self, CryptoError},
    grants::EndCause,
    links::{self, LinkRecipient, NewLink, Purpose},
    login::{self, credential_change::AccessTermination},
    mail::{self, MailTemplate},
    rate_limit::{self, Limit, TakeOutcome},
    users::{self, Email, User},
};

/// Authenticators that were enrolled this long before the change may be the thief's too.
const SUSPECT_PERIOD: Duration = Duration::from_hours(7 * 24);

/// The most valid links of one account.
const MAX_LINKS: u64 = 20;

/// The email that an account gives up, and the link that restores it.
pub(super) struct FormerEmail {
    pub(super) token: SecretString,
    pub(super) expires_at: Timestamp,
    row: rows::Model,
}

impl FormerEmail {
    /// Seals the present email of the account.
    pub(super) fn from_user(app: &App, user: &User, now: Timestamp) -> Result<Self, CryptoError> {
        let token = app.random.token();
        let token_hash = crypto::token_hash(token.expose_secret());
        let expires_at = now + app.config.registration.email_undo_lifetime.duration();
        let sealed =
            with_associated_data(user.id, &token_hash, |place| app.vault.seal(place, user.email.as_bytes()))?;
        let row =
            rows::Model { token_hash, user_id: user.id, email_sealed: sealed, created_at: now, expires_at };
        Ok(Self { token, expires_at, row })
    }

    /// Stores the former email. The links of earlier changes are extended to the expiry of this one: otherwise the
    /// mailbox that the account leaves now could take the account after the earlier mailbox can no longer answer.
    /// Refused when [`MAX_LINKS`] links of the account are valid, because every change keeps all of them alive.
    pub(super) async fn store(self, write: &Write<'_>) -> Result<(), AccountError> {
        let expires_at = Expr::col(rows::Column::ExpiresAt);
        // Extended only: a lowered setting must not take an owner's link away.
        let extended = CaseStatement::new()
            .case(expires_at.clone().lt(self.row.expires_at), self.row.expires_at)
            .finally(expires_at);
        let earlier = rows::Entity::update_many()
            .col_expr(rows::Column::ExpiresAt, extended.into())
            .filter(rows::Column::UserId.eq(self.row.user_id))
            .filter(rows::Column::ExpiresAt.gt(self.row.created_at))
            .exec(write)
            .await?;
        if earlier.rows_affected >= MAX_LINKS {
            let retry_after = write.core.config.registration.email_undo_lifetime.duration();
            return Err(AccountError::TooManyChanges { retry_after });
        }
        rows::Entity::insert(rows::ActiveModel::from(self.row)).exec_without_returning(write).await?;
        Ok(())
    }
}

/// A change of email whose link is still valid.
struct UndoableEmailChange {
    user: User,
    email: Email,
    row: rows::Model,
}

/// The email that the link would restore; none if the link is invalid.
pub async fn former_email(app: &App, token: &str) -> Result<Option<String>, AccountError> {
    Ok(find_undoable(app, token).await?.map(|found| found.email.as_str().to_owned()))
}

async fn find_undoable(app: &App, token: &str) -> Result<Option<UndoableEmailChange>, AccountError> {
    let now = app.clock.now();
    let row = rows::Entity::find_by_id(crypto::token_hash(token))
        .filter(rows::Column::ExpiresAt.gt(now))
        .one(app.db.reader())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let plain =
        with_associated_data(row.user_id, &row.token_hash, |place| app.vault.open(place, &row.email_sealed))?;
    let email = String::from_utf8(plain).map_err(|_| CryptoError::Altered)?;
    let email = Email::parse(&email).map_err(|_| CryptoError::Altered)?;
    let user = users::find(app.db.reader(), row.user_id).await?;
    let user = user.filter(|user| users::may_sign_in(user, now));
    Ok(user.map(|user| UndoableEmailChange { user, email, row }))
}

/// Restores the former email and ends every access that the thief may have. A link to set a new password is
/// mailed to the restored email, and the lost email gets a notice. Returns the restored email.
pub async fn undo(app: &App, token: &str, context: &RequestContext) -> Result<String, AccountError> {
    let UndoableEmailChange { user, email, row } =
        find_undoable(app, token).await?.ok_or(AccountError::InvalidLink)?;
    let now = context.now;
    count_undo_try(app, context).await?;
    let reset = match login::password_enabled(app) {
        true => Some(NewLink::new(
            app,
            Purpose::Reset,
            LinkRecipient { user_id: Some(user.id), email: &email },
            &ResetPayload::default(),
            now,
        )?),
        false => None,
    };
    let path = reset.as_ref().map(|link| format!("/reset-password?token={}", link.token.expose_secret()));
    let path = path.as_deref().or(Some("/login?to=account"));
    let restored = MailTemplate {
        to: Some(email.as_str()),
        template: "email-restored",
        language: &context.language,
        path,
    };
    let restored_mail = mail::prepare(app, restored)?;
    let undo_notice = mail::prepare_notice(app, &app.templates, &user, "email-change-undone")?;
    app.write(context, async |write| {
        // The user row is locked first, as in every change of credentials, so that concurrent changes run
        // one after another.
        let locked_user = user_rows::Entity::find_by_id(user.id).lock_exclusive().one(write).await?;
        let held =
            locked_user.filter(|held| users::may_sign_in(held, now)).ok_or(AccountError::InvalidLink)?;
        if !consume(write, &row).await? {
            return Err(AccountError::InvalidLink);
        }
        let changed = user_rows::ActiveModel {
            id: Set(held.id),
            email: Set(email.as_str().to_owned()),
            email_verified: Set(true),
            updated_at: Set(now),
            ..Default::default()
        };
        changed.update(write).await.map_err(AccountError::from_restored_email_error)?;
        remove_suspect_credentials(write, &row).await?;
        AccessTermination { user_id: user.id, kept_session: None, cause: EndCause::EmailChangeUndone }
            .apply(write)
            .await?;
        links::end_sign_out_links_since(write, user.id, row.created_at).await?;
        if let Some(reset) = reset {
            reset.store(write).await?;
        }
        Event::new("email.change_undone").user(user.id).record(write).await?;
        restored_mail.enqueue(write).await?;
        Ok(undo_notice.enqueue(write).await?)
    })
    .await?;
    Ok(email.as_str().to_owned())
}

/// A link is used once; but a link whose email belongs to another account by now fails, and could be tried
/// forever.
async fn count_undo_try(app: &App, context: &RequestContext) -> Result<(), AccountError> {
    let limit = Limit { name: "email_undo_tries_per_source", rate: app.config.limits.codes_per_source };
    match rate_limit::take_relaxed(app, limit, &rate_limit::source_of_ip(context.ip)).await? {
        TakeOutcome::Within(_) => Ok(()),
        TakeOutcome::Limited { retry_after, .. } => Err(AccountError::RateLimited { retry_after }),
    }
}

/// Uses the link, and invalidates the links of later changes. False if another request used the link, or if
/// it has expired.
async fn consume(write: &Write<'_>, row: &rows::Model) -> Result<bool, DatabaseError> {
    let used = rows::Entity::delete_by_id(row.token_hash)
        .filter(rows::Column::ExpiresAt.gt(write.now()))
        .exec(write)
        .await?;
    if used.rows_affected != 1 {
        return Ok(false);
    }
    rows::Entity::delete_many()
        .filter(rows::Column::UserId.eq(row.user_id))
        .filter(rows::Column::CreatedAt.gte(row.created_at))
        .exec(write)
        .await?;
    Ok(true)
}

/// Removes the password, which the thief may know, and every authenticator and recovery code that may be the
/// thief's.
async fn remove_suspect_credentials(tx: &Transaction, row: &rows::Model) -> Result<(), DatabaseError> {
    let since = row.created_at - SUSPECT_PERIOD;
    let suspect = Condition::any()
        .add(credentials::Column::Kind.eq("password"))
        .add(credentials::Column::CreatedAt.gte(since));
    credentials::Entity::delete_many()
        .filter(credentials::Column::UserId.eq(row.user_id))
        .filter(suspect)
        .exec(tx)
        .await?;
    recovery_codes::Entity::delete_many()
        .filter(recovery_codes::Column::UserId.eq(row.user_id))
        .filter(recovery_codes::Column::CreatedAt.gte(since))
        .exec(tx)
        .await?;
    Ok(())
}

fn with_associated_data<T>(
    user_id: Uuid,
    token_hash: &[u8],
    work: impl FnOnce(&[&str]) -> Result<T, CryptoError>,
) -> Result<T, CryptoError> {
    work(&["former_emails", &user_id.to_string(), &crypto::encode_hex(token_hash)])
}
