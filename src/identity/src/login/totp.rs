//! Defines the login method `totp`: six digits from an authenticator app (RFC 6238), as second factor or
//! step-up.
//!
//! The seed is sealed for its row. A code is accepted in its own time step and one step to either side. A
//! conditional update stores the last accepted step, so that neither the same code nor an older one is
//! accepted again (RFC 6238 section 5.2).
//!
//! ```text
//!   begin_enrolment() ──► unconfirmed seed ──► confirm() by its first code ──► enrolled ──► remove()
//!                         (proves nothing)
//! ```

use std::time::Duration;

use async_trait::async_trait;
use postern_entities::credentials;
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QueryTrait as _, Select,
    sea_query::{Expr, SelectStatement, UpdateStatement},
};
use totp_rs::{Builder, Secret, Totp as Generator};
use url::Url;
use uuid::Uuid;

use super::{
    Challenge, ChallengeResponse, Context, LoginError, LoginMethod, Proof,
    credential_change::CredentialChange, policy::Factor, second_factor, sent_code::normalise,
};
use crate::{
    app::App,
    audit::Event,
    config::Config,
    core::{Actor, RequestContext, Write},
    grants::EndCause,
    links::owner_notice::{self, NoticeDetails},
    rate_limit::{self, Limit, TakeOutcome},
    sealed_credentials,
    sessions::{Principal, SessionEnded},
    users::User,
};

const KIND: &str = "totp";
const DIGITS: usize = 6;
/// Bytes of a seed: the length that RFC 4226 section 4 recommends for SHA-1.
const SEED_BYTES: usize = 20;
/// Time steps to either side that are accepted (RFC 6238 section 5.2).
const WINDOW: u16 = 1;

pub struct TotpMethod;

#[async_trait]
impl LoginMethod for TotpMethod {
    fn name(&self) -> &'static str {
        KIND
    }

    fn amr(&self) -> &'static [&'static str] {
        &["otp"]
    }

    fn factor(&self) -> Factor {
        Factor::Possession { phishing_resistant: false }
    }

    fn requires_challenge(&self) -> bool {
        false
    }

    fn enrolment_statement(&self, user_id: Uuid) -> Option<SelectStatement> {
        Some(confirmed_statement(user_id).into_query())
    }

    async fn begin(&self, _cx: &Context<'_>, _user: Option<&User>) -> Result<Challenge, LoginError> {
        Ok(Challenge::default())
    }

    async fn verify(
        &self,
        cx: &Context<'_>,
        _: &Challenge,
        answer: &ChallengeResponse,
    ) -> Result<Proof, LoginError> {
        let user = cx.user.ok_or(LoginError::ResponseRejected)?;
        let credential =
            find_confirmed(cx.app.db.reader(), user.id).await?.ok_or(LoginError::ResponseRejected)?;
        let step = matching_step(cx.app, user, &credential, answer.code.as_deref(), cx.context.now)?;
        let step = step.filter(|step| credential.last_used_step.is_none_or(|last| *step > last));
        let step = step.ok_or(LoginError::ResponseRejected)?;
        Ok(Proof { consume_statement: Some(use_step_statement(credential.id, step)), ..Proof::default() })
    }
}

/// Marks a time step as used: changes no row when this step or a later one was used already.
fn use_step_statement(credential: Uuid, step: i64) -> UpdateStatement {
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

/// Why an authenticator was not enrolled or removed.
#[derive(Debug, thiserror::Error)]
pub enum TotpError {
    /// The account has a confirmed authenticator already.
    #[error("an authenticator is set up already")]
    AlreadyEnrolled,
    /// There is no pending enrolment: none was begun, or it has expired, was confirmed or was replaced
    /// meanwhile.
    #[error("no enrolment was begun")]
    NotBegun,
    /// The code does not belong to the seed.
    #[error("the code was not accepted")]
    WrongCode,
    /// The rate limit for confirmations refused the code.
    #[error("too many tries")]
    Limited {
        /// Time until the next try is allowed.
        retry_after: Duration,
    },
    /// The session that authorised the change has ended.
    #[error(transparent)]
    SessionEnded(#[from] SessionEnded),
    #[error("the database failed")]
    Database(#[from] DatabaseError),
    #[error("the seed could not be sealed, opened or shown")]
    Login(#[from] LoginError),
}

impl From<sea_orm::DbErr> for TotpError {
    fn from(cause: sea_orm::DbErr) -> Self {
        Self::Database(cause.into())
    }
}

/// The secret that the user's authenticator app needs. Displayed only while the enrolment is pending.
pub struct Enrolment {
    /// The seed in base32, for entry by hand.
    pub secret: String,
    pub uri: String,
    /// The URI as a QR code, in PNG format.
    pub qr_png: Vec<u8>,
}

/// The time at which the account's authenticator was confirmed; none without one.
pub async fn status(app: &App, user: &User) -> Result<Option<Timestamp>, DatabaseError> {
    let credential = find_confirmed(app.db.reader(), user.id).await?;
    Ok(credential.and_then(|credential| credential.confirmed_at))
}

/// Begins an enrolment with a new seed, which proves nothing before [`confirm`]. An earlier pending enrolment
/// is dropped.
pub async fn begin_enrolment(
    app: &App,
    principal: Principal<'_>,
    context: &RequestContext,
) -> Result<Enrolment, TotpError> {
    super::require_method(app, KIND)?;
    let user = principal.user;
    let now = context.now;
    let seed = app.random.bytes::<SEED_BYTES>();
    let id = app.random.row_id(now);
    let enrolment = enrolment_from_seed(app, user, &seed)?;
    let row = credentials::Model {
        id,
        user_id: user.id,
        kind: KIND.to_owned(),
        secret_sealed: sealed_credentials::seal(&app.vault, id, user.id, &seed).map_err(LoginError::from)?,
        confirmed_at: None,
        last_used_step: None,
        created_at: now,
    };
    principal
        .write(app, context, async |write, _| {
            if find_confirmed(write, user.id).await?.is_some() {
                return Err(TotpError::AlreadyEnrolled);
            }
            delete_unconfirmed_statement(user.id).exec(write).await?;
            let row: credentials::ActiveModel = row.into();
            credentials::Entity::insert(row).exec_without_returning(write).await?;
            Event::new("credential.enrolment_begun")
                .user(user.id)
                .details(serde_json::json!({ "method": KIND }))
                .record(write)
                .await?;
            Ok(())
        })
        .await?;
    Ok(enrolment)
}

/// The pending enrolment. It expires as early as an attempt would (`login.attempt_lifetime`).
pub async fn pending_enrolment(app: &App, user: &User) -> Result<Option<Enrolment>, TotpError> {
    let Some(begun) = find_pending(app, user).await? else { return Ok(None) };
    let seed = sealed_credentials::open(&app.vault, &begun).map_err(LoginError::from)?;
    Ok(Some(enrolment_from_seed(app, user, &seed)?))
}

/// Completes an enrolment by its first code, and notifies the account's owner by mail.
pub async fn confirm(app: &App, change: CredentialChange<'_>, code: &str) -> Result<(), TotpError> {
    let CredentialChange { principal, context, .. } = change;
    super::require_method(app, KIND)?;
    let (user, now) = (principal.user, app.clock.now());
    count_try(app, user, context).await?;
    let begun = find_pending(app, user).await?.ok_or(TotpError::NotBegun)?;
    let Some(step) = matching_step(app, user, &begun, Some(code), now)? else {
        record_failure(app, user, context).await?;
        return Err(TotpError::WrongCode);
    };
    let notice = owner_notice::prepare(app, &app.templates, user, NoticeDetails::new("totp-on", context))
        .map_err(LoginError::from)?;
    principal
        .write_exclusive(app, context, async |write, _| {
            // A partial unique index allows one confirmed authenticator per user.
            let confirmed = credentials::Entity::update_many()
                .col_expr(credentials::Column::ConfirmedAt, Expr::value(now))
                .col_expr(credentials::Column::LastUsedStep, Expr::value(step))
                .filter(credentials::Column::Id.eq(begun.id))
                .filter(credentials::Column::ConfirmedAt.is_null())
                .exec(write)
                .await?;
            if confirmed.rows_affected != 1 {
                return Err(TotpError::NotBegun);
            }
            record(write, "credential.enrolled", user).await?;
            change.end_others(write, EndCause::CredentialChanged).await?;
            notice.enqueue(write).await?;
            Ok(())
        })
        .await?;
    Ok(())
}

/// Removes the account's authenticator, confirmed or not, and notifies the owner by mail. True when an
/// authenticator was removed.
pub async fn remove(app: &App, change: CredentialChange<'_>) -> Result<bool, TotpError> {
    let CredentialChange { principal, context, .. } = change;
    let user = principal.user;
    let notice = owner_notice::prepare(app, &app.templates, user, NoticeDetails::new("totp-off", context))
        .map_err(LoginError::from)?;
    let removed = principal
        .write_exclusive(app, context, async |write, _| -> Result<bool, TotpError> {
            delete_unconfirmed_statement(user.id).exec(write).await?;
            if let Some(confirmed) = find_confirmed(write, user.id).await? {
                second_factor::reassign_recovery_codes(write, user.id, confirmed.id).await?;
            }
            let removed = credentials::Entity::delete_many()
                .filter(credentials::Column::UserId.eq(user.id))
                .filter(credentials::Column::Kind.eq(KIND))
                .exec(write)
                .await?;
            if removed.rows_affected == 0 {
                return Ok(false);
            }
            record(write, "credential.removed", user).await?;
            change.end_others(write, EndCause::CredentialChanged).await?;
            notice.enqueue(write).await?;
            Ok(true)
        })
        .await?;
    Ok(removed)
}

async fn record(write: &Write<'_>, kind: &'static str, user: &User) -> Result<(), DatabaseError> {
    let details = serde_json::json!({ "method": KIND });
    Event::new(kind).user(user.id).details(details).record(write).await
}

async fn record_failure(app: &App, user: &User, context: &RequestContext) -> Result<(), DatabaseError> {
    let context = &context.clone().by(Actor::User(user.id));
    app.write(context, async |write| record(write, "credential.enrolment_failed", user).await).await
}

/// Counts a try, so that the holder of a session cannot guess codes without limit.
async fn count_try(app: &App, user: &User, context: &RequestContext) -> Result<(), TotpError> {
    let limit = Limit { name: "totp_confirm", rate: app.config.limits.failures_per_account };
    let taken =
        app.write(context, async |write| rate_limit::take(write, limit, &user.id.to_string()).await).await?;
    match taken {
        TakeOutcome::Within(_) => Ok(()),
        TakeOutcome::Limited { retry_after, .. } => Err(TotpError::Limited { retry_after }),
    }
}

fn credentials_statement(user_id: Uuid) -> sea_orm::Select<credentials::Entity> {
    credentials::Entity::find()
        .filter(credentials::Column::UserId.eq(user_id))
        .filter(credentials::Column::Kind.eq(KIND))
}

fn delete_unconfirmed_statement(user_id: Uuid) -> sea_orm::DeleteMany<credentials::Entity> {
    credentials::Entity::delete_many()
        .filter(credentials::Column::UserId.eq(user_id))
        .filter(credentials::Column::Kind.eq(KIND))
        .filter(credentials::Column::ConfirmedAt.is_null())
}

async fn find_confirmed(
    db: &impl ConnectionTrait,
    user_id: Uuid,
) -> Result<Option<credentials::Model>, DatabaseError> {
    Ok(confirmed_statement(user_id).one(db).await?)
}

fn confirmed_statement(user_id: Uuid) -> Select<credentials::Entity> {
    credentials_statement(user_id).filter(credentials::Column::ConfirmedAt.is_not_null())
}

/// The latest unconfirmed seed, while it is younger than `login.attempt_lifetime`.
async fn find_pending(app: &App, user: &User) -> Result<Option<credentials::Model>, DatabaseError> {
    let since = app.clock.now() - app.config.login.attempt_lifetime.duration();
    Ok(credentials_statement(user.id)
        .filter(credentials::Column::ConfirmedAt.is_null())
        .filter(credentials::Column::CreatedAt.gte(since))
        .order_by_desc(credentials::Column::CreatedAt)
        .one(app.db.reader())
        .await?)
}

/// The time step whose code was entered, within the window around now.
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

fn enrolment_from_seed(app: &App, user: &User, seed: &[u8]) -> Result<Enrolment, LoginError> {
    let generator = generator(app, user, seed)?;
    Ok(Enrolment {
        secret: Secret::from(seed).to_base32(),
        uri: generator.to_url().map_err(library_error)?,
        qr_png: generator.to_qr_png().map_err(library_error)?,
    })
}

fn generator(app: &App, user: &User, seed: &[u8]) -> Result<Generator, LoginError> {
    Builder::new()
        .with_secret(seed)
        .with_skew(WINDOW)
        .with_account_name(user.email.clone())
        .with_issuer(Some(issuer_name(&app.config)))
        .build()
        .map_err(library_error)
}

/// The issuer name that an authenticator app displays: the operator's name, otherwise the host. A colon would end the
/// name (key URI format).
fn issuer_name(config: &Config) -> String {
    let host = || Url::parse(&config.issuer).ok().and_then(|url| url.host_str().map(str::to_owned));
    let name = config.pages.own_name().map(str::to_owned).or_else(host);
    name.unwrap_or_default().replace(':', ".")
}

fn library_error(cause: impl std::error::Error + Send + Sync + 'static) -> LoginError {
    LoginError::MethodFailed(Box::new(cause))
}
