//! Gives an account back the email that it had before a change.
//!
//! ```text
//!   address::confirm ──► the former email is kept, sealed; its mailbox gets a link ──► undo
//!                                    └──registration.email_undo_lifetime──► erased
//! ```
//!
//! Whoever changed the email of an account may have stolen the account. So the link works without being signed in, and it
//! takes back more than the email: every session, grant, password and known device ends, and what was set up to sign in
//! with shortly before the change or since. Each change has a link of its own, in the mailbox that it took the account
//! from. The link of an earlier change ends those of the later ones, and works as long as they do, so the first owner has the
//! last word.

use std::time::Duration;

use postern_entities::{credentials, former_emails as rows, recovery_codes, users as user_rows};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _,
    QuerySelect as _, sea_query::Expr,
};
use uuid::Uuid;

use super::{
    AccountError,
    links::{NewLink, Purpose},
    registration::by_password,
};
use crate::{
    App,
    audit::{Event, Origin},
    crypto::{self, CryptoError},
    login::credential_change::Ending,
    mail::{self, Letter},
    rate_limit::{self, Limit, Taken},
    users::{self, Email, User},
};

const BECAUSE: &str = "email_change_undone";

/// What was set up to sign in with so long before the change may be the thief's as well.
const SUSPECT_BEFORE: Duration = Duration::from_hours(7 * 24);

/// The email that an account is about to give up, and the link that brings it back.
pub(super) struct FormerEmail {
    /// The token in the link.
    pub(super) token: String,
    /// The end of the link.
    pub(super) expires_at: Timestamp,
    row: rows::Model,
}

impl FormerEmail {
    /// That of an account whose email changes now.
    pub(super) fn new(app: &App, user: &User, now: Timestamp) -> Result<Self, CryptoError> {
        let token = app.random.token();
        let token_hash = crypto::token_hash(&token);
        let expires_at = now + app.config.registration.email_undo_lifetime.duration();
        let sealed = with_place(user.id, &token_hash, |place| app.vault.seal(place, user.email.as_bytes()))?;
        let row = rows::Model {
            token_hash,
            user_id: user.id,
            email_sealed: sealed,
            created_at: now.micros(),
            expires_at: expires_at.micros(),
        };
        Ok(Self { token, expires_at, row })
    }

    /// Keeps it. The links of earlier changes work as long as this one: otherwise the mailbox that the account leaves now
    /// could take the account when the one before could not answer any more.
    pub(super) async fn store(self, tx: &Transaction) -> Result<(), DatabaseError> {
        rows::Entity::update_many()
            .col_expr(rows::Column::ExpiresAt, Expr::value(self.row.expires_at))
            .filter(rows::Column::UserId.eq(self.row.user_id))
            .filter(rows::Column::ExpiresAt.gt(self.row.created_at))
            .exec(tx)
            .await?;
        rows::Entity::insert(rows::ActiveModel::from(self.row)).exec_without_returning(tx).await?;
        Ok(())
    }
}

/// A change of email that can be undone.
struct Undoable {
    user: User,
    email: Email,
    row: rows::Model,
}

/// The email that a link would bring back, if the link still works.
pub async fn former_email(app: &App, token: &str) -> Result<Option<String>, AccountError> {
    Ok(find(app, token).await?.map(|found| found.email.as_str().to_owned()))
}

async fn find(app: &App, token: &str) -> Result<Option<Undoable>, AccountError> {
    let now = app.clock.now();
    let row = rows::Entity::find_by_id(crypto::token_hash(token))
        .filter(rows::Column::ExpiresAt.gt(now.micros()))
        .one(app.db.reader())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let plain = with_place(row.user_id, &row.token_hash, |place| app.vault.open(place, &row.email_sealed))?;
    let email = String::from_utf8(plain).map_err(|_| CryptoError::Altered)?;
    let email = Email::parse(&email).map_err(|_| CryptoError::Altered)?;
    let user = users::find(app.db.reader(), row.user_id).await?;
    let user = user.filter(|user| users::may_sign_in(user, now));
    Ok(user.map(|user| Undoable { user, email, row }))
}

/// Gives the account its former email back, and ends whatever whoever changed it may have. A link to set a new password
/// is mailed to that email, and the one that the account loses is told. Answers the email.
pub async fn undo(app: &App, token: &str, language: &str, origin: &Origin) -> Result<String, AccountError> {
    let Undoable { user, email, row } = find(app, token).await?.ok_or(AccountError::LinkOver)?;
    let now = app.clock.now();
    count_press(app, origin).await?;
    let reset = match by_password(app) {
        true => Some(NewLink::new(app, Purpose::Reset, Some(user.id), &email, &None::<Uuid>, now)?),
        false => None,
    };
    let path = reset.as_ref().map(|link| format!("/reset-password?token={}", link.token));
    let path = path.as_deref().or(Some("/login?to=account"));
    let restored = Letter { to: Some(email.as_str()), template: "email-restored", language, path };
    let restored = mail::letter(app, restored)?;
    let told = mail::notice(app, &user, "email-change-undone")?;
    app.db
        .write(async |tx| {
            // First, as in every change of what an account signs in with.
            let held = user_rows::Entity::find_by_id(user.id).lock_exclusive().one(tx).await?;
            let held = held.filter(|held| users::may_sign_in(held, now)).ok_or(AccountError::LinkOver)?;
            if !consume(tx, &row, now).await? {
                return Err(AccountError::LinkOver);
            }
            let changed = user_rows::ActiveModel {
                id: Set(held.id),
                email: Set(email.as_str().to_owned()),
                email_verified: Set(true),
                updated_at: Set(now.micros()),
                ..Default::default()
            };
            changed.update(tx).await.map_err(AccountError::of_email_in_use)?;
            remove_suspects(tx, &row).await?;
            Ending { user_id: user.id, kept: None, because: BECAUSE, origin }.end(app, tx, now).await?;
            if let Some(reset) = reset {
                reset.store(tx).await?;
            }
            Event::new("email.change_undone").user(user.id).record(app, tx, origin, now).await?;
            restored.enqueue(tx).await?;
            Ok(told.enqueue(tx).await?)
        })
        .await?;
    app.jobs.wake();
    Ok(email.as_str().to_owned())
}

/// A link is used once, but one whose email is in use elsewhere could be pressed for ever.
async fn count_press(app: &App, origin: &Origin) -> Result<(), AccountError> {
    let limit = Limit { name: "email_undo_tries_per_source", rate: app.config.limits.codes_per_source };
    match rate_limit::take_now(app, limit, &rate_limit::source(origin.ip)).await? {
        Taken::Within(_) => Ok(()),
        Taken::Limited { retry_after, .. } => Err(AccountError::Limited { retry_after }),
    }
}

/// Uses the link, and ends those of later changes; false when somebody else was faster, or when it has ended.
async fn consume(tx: &Transaction, row: &rows::Model, now: Timestamp) -> Result<bool, DatabaseError> {
    let used = rows::Entity::delete_by_id(row.token_hash.clone())
        .filter(rows::Column::ExpiresAt.gt(now.micros()))
        .exec(tx)
        .await?;
    if used.rows_affected != 1 {
        return Ok(false);
    }
    rows::Entity::delete_many()
        .filter(rows::Column::UserId.eq(row.user_id))
        .filter(rows::Column::CreatedAt.gte(row.created_at))
        .exec(tx)
        .await?;
    Ok(true)
}

/// Removes the password, which whoever changed the email may know, and every device and recovery code that may be theirs.
async fn remove_suspects(tx: &Transaction, row: &rows::Model) -> Result<(), DatabaseError> {
    let since = (Timestamp::from_micros(row.created_at) - SUSPECT_BEFORE).micros();
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

fn with_place<T>(
    user_id: Uuid,
    token_hash: &[u8],
    work: impl FnOnce(&[&str]) -> Result<T, CryptoError>,
) -> Result<T, CryptoError> {
    work(&["former_emails", &user_id.to_string(), &crypto::hex(token_hash)])
}
