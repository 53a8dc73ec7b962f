//! Defines `totp`: six digits from an app in the person's hand (RFC 6238), as second factor or step-up.
//!
//! The seed is sealed for its row. A code counts for the step it was made in and one step to either
//! side; the last step accepted is stored by a conditional update, so that no code, and none older
//! than one that was used, is accepted again (RFC 6238 section 5.2).
//!
//! ```text
//!   enrol() ──► a seed that proves nothing ──► confirm() by its first code ──► enrolled ──► remove()
//! ```

use std::time::Duration;

use async_trait::async_trait;
use postern_entities::credentials;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QueryTrait as _, Select,
    sea_query::{Expr, SelectStatement, UpdateStatement},
};
use totp_rs::{Builder, Secret, Totp as Generator};
use url::Url;
use uuid::Uuid;

use super::{
    Answer, Challenge, Context, LoginError, LoginMethod, Proof,
    credential_change::{CREDENTIAL_CHANGED, CredentialChange},
    policy::Factor,
    second_factor,
    sent_code::normalise,
};
use crate::{
    app::App,
    audit::{Event, Origin},
    mail,
    rate_limit::{self, Limit, Taken},
    sealed_credentials,
    sessions::{Principal, SessionEnded},
    users::User,
};

const KIND: &str = "totp";
const DIGITS: usize = 6;
/// Bytes of a seed: what RFC 4226 section 4 recommends for SHA-1.
const SEED_BYTES: usize = 20;
/// Steps to either side (RFC 6238 section 5.2).
const WINDOW: u16 = 1;

/// The method `totp`.
pub struct Totp;

#[async_trait]
impl LoginMethod for Totp {
    fn name(&self) -> &'static str {
        KIND
    }

    fn amr(&self) -> &'static [&'static str] {
        &["otp"]
    }

    fn kind(&self) -> Factor {
        Factor::Has { phishing_resistant: false }
    }

    fn challenges(&self) -> bool {
        false
    }

    fn enrolment(&self, user_id: Uuid) -> Option<SelectStatement> {
        Some(set_up(user_id).into_query())
    }

    async fn begin(&self, _cx: &Context<'_>, _user: Option<&User>) -> Result<Challenge, LoginError> {
        Ok(Challenge::default())
    }

    async fn verify(&self, cx: &Context<'_>, _: &Challenge, answer: &Answer) -> Result<Proof, LoginError> {
        let user = cx.user.ok_or(LoginError::Refused)?;
        let credential = confirmed(cx.app.db.reader(), user.id).await?.ok_or(LoginError::Refused)?;
        let step = matching_step(cx.app, user, &credential, answer.code.as_deref(), cx.now)?;
        let step = step.filter(|step| credential.last_used_step.is_none_or(|last| *step > last));
        let step = step.ok_or(LoginError::Refused)?;
        Ok(Proof { consumes: Some(using(credential.id, step)), ..Proof::default() })
    }
}

/// What uses a time step, once.
fn using(credential: Uuid, step: i64) -> UpdateStatement {
    let earlier = Condition::any()
        .add(credentials::Column::LastUsedStep.is_null())
        .add(credentials::Column::LastUsedStep.lt(step));
    credentials::Entity::update_many()
        .col_expr(credentials::Column::LastUsedStep, Expr::value(step))
        .filter(credentials::Column::Id.eq(credential))
        .filter(credentials::Column::ConfirmedAt.is_not_null())
        .filter(earlier)
        .into_query()
}

/// Why enrolment does not go on.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The account has a confirmed authenticator already.
    #[error("an authenticator is set up already")]
    AlreadyEnrolled,
    /// No enrolment was begun, or it was confirmed or begun anew meanwhile.
    #[error("no enrolment was begun")]
    NotBegun,
    /// The code is not the seed's.
    #[error("the code was not accepted")]
    WrongCode,
    /// Too many codes were tried.
    #[error("too many tries")]
    Limited {
        /// When it may be tried again.
        retry_after: Duration,
    },
    /// The session that allowed it has ended.
    #[error(transparent)]
    SessionEnded(#[from] SessionEnded),
    /// The database did not do it.
    #[error("the database failed")]
    Database(#[from] DatabaseError),
    /// The seed could not be sealed, opened or shown.
    #[error("the seed could not be sealed, opened or shown")]
    Login(#[from] LoginError),
}

impl From<sea_orm::DbErr> for EnrolError {
    fn from(cause: sea_orm::DbErr) -> Self {
        Self::Database(cause.into())
    }
}

/// What the person's app must learn; shown once.
pub struct Enrolment {
    /// The seed in base32, for typing.
    pub secret: String,
    /// The seed as `otpauth:` URI.
    pub uri: String,
    /// The same as a QR code, PNG.
    pub qr_png: Vec<u8>,
}

/// When the account's authenticator was confirmed; none without one.
pub async fn status(app: &App, user: &User) -> Result<Option<Timestamp>, DatabaseError> {
    let credential = confirmed(app.db.reader(), user.id).await?;
    Ok(credential.and_then(|credential| credential.confirmed_at).map(Timestamp::from_micros))
}

/// Begins an enrolment: a new seed, which proves nothing before [`confirm`]. One begun before is dropped.
pub async fn enrol(app: &App, principal: Principal<'_>, origin: &Origin) -> Result<Enrolment, EnrolError> {
    let user = principal.user;
    let now = app.clock.now();
    let seed = app.random.bytes::<SEED_BYTES>();
    let id = app.random.row_id(now);
    let enrolment = show(app, user, &seed)?;
    let row = credentials::Model {
        id,
        user_id: user.id,
        kind: KIND.to_owned(),
        secret_sealed: sealed_credentials::seal(&app.vault, id, user.id, &seed).map_err(LoginError::from)?,
        confirmed_at: None,
        last_used_step: None,
        created_at: now.micros(),
    };
    principal
        .write(app, async |tx, _| {
            if confirmed(tx, user.id).await?.is_some() {
                return Err(EnrolError::AlreadyEnrolled);
            }
            unconfirmed_of(user.id).exec(tx).await?;
            let row: credentials::ActiveModel = row.into();
            credentials::Entity::insert(row).exec_without_returning(tx).await?;
            Event::new("credential.enrolment_begun")
                .user(user.id)
                .details(serde_json::json!({ "method": KIND }))
                .record(app, tx, origin, now)
                .await?;
            Ok(())
        })
        .await?;
    Ok(enrolment)
}

/// The enrolment that was begun and not confirmed yet, while it is as young as a login in progress may be.
pub async fn begun_enrolment(app: &App, user: &User) -> Result<Option<Enrolment>, EnrolError> {
    let Some(begun) = begun(app, user).await? else { return Ok(None) };
    let seed = sealed_credentials::open(&app.vault, &begun).map_err(LoginError::from)?;
    Ok(Some(show(app, user, &seed)?))
}

/// Completes an enrolment by its first code, and tells the account's owner by mail.
pub async fn confirm(app: &App, change: CredentialChange<'_>, code: &str) -> Result<(), EnrolError> {
    let CredentialChange { principal, origin, .. } = change;
    let (user, now) = (principal.user, app.clock.now());
    take_try(app, user, now).await?;
    let begun = begun(app, user).await?.ok_or(EnrolError::NotBegun)?;
    let Some(step) = matching_step(app, user, &begun, Some(code), now)? else {
        record_failure(app, user, origin, now).await?;
        return Err(EnrolError::WrongCode);
    };
    let notice = mail::notice(app, user, "totp-on").map_err(LoginError::from)?;
    principal
        .write_exclusive(app, async |tx, _| {
            // A partial unique index lets one confirmed authenticator live per user.
            let confirmed = credentials::Entity::update_many()
                .col_expr(credentials::Column::ConfirmedAt, Expr::value(now.micros()))
                .col_expr(credentials::Column::LastUsedStep, Expr::value(step))
                .filter(credentials::Column::Id.eq(begun.id))
                .filter(credentials::Column::ConfirmedAt.is_null())
                .exec(tx)
                .await?;
            if confirmed.rows_affected != 1 {
                return Err(EnrolError::NotBegun);
            }
            record(app, tx, "credential.enrolled", user, origin, now).await?;
            change.end_others(app, tx, CREDENTIAL_CHANGED, now).await?;
            notice.enqueue(tx).await?;
            Ok(())
        })
        .await?;
    app.jobs.wake();
    Ok(())
}

/// Removes the account's authenticator, confirmed or not, and tells its owner by mail. Whether there
/// was a confirmed one.
pub async fn remove(app: &App, change: CredentialChange<'_>) -> Result<bool, EnrolError> {
    let CredentialChange { principal, origin, .. } = change;
    let (user, now) = (principal.user, app.clock.now());
    let notice = mail::notice(app, user, "totp-off").map_err(LoginError::from)?;
    let removed = principal
        .write_exclusive(app, async |tx, _| -> Result<bool, EnrolError> {
            unconfirmed_of(user.id).exec(tx).await?;
            if let Some(confirmed) = confirmed(tx, user.id).await? {
                second_factor::hand_over_codes(tx, user.id, confirmed.id).await?;
            }
            let removed = credentials::Entity::delete_many()
                .filter(credentials::Column::UserId.eq(user.id))
                .filter(credentials::Column::Kind.eq(KIND))
                .exec(tx)
                .await?;
            if removed.rows_affected == 0 {
                return Ok(false);
            }
            record(app, tx, "credential.removed", user, origin, now).await?;
            change.end_others(app, tx, CREDENTIAL_CHANGED, now).await?;
            notice.enqueue(tx).await?;
            Ok(true)
        })
        .await?;
    app.jobs.wake();
    Ok(removed)
}

async fn record(
    app: &App,
    tx: &Transaction,
    kind: &'static str,
    user: &User,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let details = serde_json::json!({ "method": KIND });
    Event::new(kind).user(user.id).details(details).record(app, tx, origin, now).await
}

async fn record_failure(
    app: &App,
    user: &User,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    app.db.write(async |tx| record(app, tx, "credential.enrolment_failed", user, origin, now).await).await
}

/// Whoever holds a session may not guess for ever either.
async fn take_try(app: &App, user: &User, now: Timestamp) -> Result<(), EnrolError> {
    let limit = Limit { name: "totp_confirm", rate: app.config.limits.failures_per_account };
    let taken = app.db.write(async |tx| rate_limit::take(tx, limit, &user.id.to_string(), now).await).await?;
    match taken {
        Taken::Within(_) => Ok(()),
        Taken::Limited { retry_after, .. } => Err(EnrolError::Limited { retry_after }),
    }
}

fn of_user(user_id: Uuid) -> sea_orm::Select<credentials::Entity> {
    credentials::Entity::find()
        .filter(credentials::Column::UserId.eq(user_id))
        .filter(credentials::Column::Kind.eq(KIND))
}

fn unconfirmed_of(user_id: Uuid) -> sea_orm::DeleteMany<credentials::Entity> {
    credentials::Entity::delete_many()
        .filter(credentials::Column::UserId.eq(user_id))
        .filter(credentials::Column::Kind.eq(KIND))
        .filter(credentials::Column::ConfirmedAt.is_null())
}

async fn confirmed(
    db: &impl ConnectionTrait,
    user_id: Uuid,
) -> Result<Option<credentials::Model>, DatabaseError> {
    Ok(set_up(user_id).one(db).await?)
}

fn set_up(user_id: Uuid) -> Select<credentials::Entity> {
    of_user(user_id).filter(credentials::Column::ConfirmedAt.is_not_null())
}

/// The seed that was shown last, while it is as young as a login in progress may be.
async fn begun(app: &App, user: &User) -> Result<Option<credentials::Model>, DatabaseError> {
    let since = app.clock.now() - app.config.login.attempt_lifetime.duration();
    Ok(of_user(user.id)
        .filter(credentials::Column::ConfirmedAt.is_null())
        .filter(credentials::Column::CreatedAt.gte(since.micros()))
        .order_by_desc(credentials::Column::CreatedAt)
        .one(app.db.reader())
        .await?)
}

/// The step whose code was typed, within the window around now.
fn matching_step(
    app: &App,
    user: &User,
    credential: &credentials::Model,
    typed: Option<&str>,
    now: Timestamp,
) -> Result<Option<i64>, LoginError> {
    let Some(code) = typed.and_then(|code| normalise(code, DIGITS)) else { return Ok(None) };
    let seed = sealed_credentials::open(&app.vault, credential)?;
    let seconds = u64::try_from(now.seconds()).unwrap_or(0);
    let step = generator(app, user, &seed)?.check(&code, seconds);
    Ok(step.and_then(|step| i64::try_from(step).ok()))
}

fn show(app: &App, user: &User, seed: &[u8]) -> Result<Enrolment, LoginError> {
    let generator = generator(app, user, seed)?;
    Ok(Enrolment {
        secret: Secret::from(seed).to_base32(),
        uri: generator.to_url().map_err(library)?,
        qr_png: generator.to_qr_png().map_err(library)?,
    })
}

fn generator(app: &App, user: &User, seed: &[u8]) -> Result<Generator, LoginError> {
    Builder::new()
        .with_secret(seed)
        .with_skew(WINDOW)
        .with_account_name(user.email.clone())
        .with_issuer(Some(issuer_name(&app.config.issuer)))
        .build()
        .map_err(library)
}

/// What an authenticator app shows: the issuer's host. Colons would end the name (key URI format).
fn issuer_name(issuer: &str) -> String {
    Url::parse(issuer)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_default()
        .replace(':', ".")
}

fn library(cause: impl std::error::Error + Send + Sync + 'static) -> LoginError {
    LoginError::Method(Box::new(cause))
}
