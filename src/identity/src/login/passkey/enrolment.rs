//! Answers which passkeys an account has, and sets them up.
//!
//! ```text
//!   begin() ──► a challenge that proves nothing ──► complete() ──► a passkey ──► rename(), remove()
//! ```

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use postern_entities::{
    credentials,
    passkeys::{self, Column},
};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait as _, QueryFilter, QueryOrder, sea_query::Expr};
use serde::Deserialize as _;
use serde_json::{Value, json};
use uuid::Uuid;
use webauthn_rs::prelude::{PasskeyRegistration, RegisterPublicKeyCredential, WebauthnError};

use super::{KIND, LoginError, cbor, find, library, seal, unseal, webauthn};
use crate::{
    app::App,
    audit::{Event, Origin},
    login::{
        credential_change::{CREDENTIAL_CHANGED, CredentialChange},
        second_factor,
    },
    mail, readable,
    sessions::{Principal, SessionEnded},
    users::User,
};

/// A passkey as it is shown.
pub type Row = passkeys::Model;

/// An account has at most so many.
const MOST: u64 = 20;
/// Longest name, in characters.
const LONGEST_NAME: usize = 64;
/// What one is called when nobody gave it a name.
const NAMELESS: &str = "Passkey";

/// Why a passkey was not set up, renamed or removed.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// Nothing was begun, or too long ago, or it was completed already.
    #[error("no enrolment was begun, or it took too long")]
    NotBegun,
    /// The device's answer is not one to the challenge.
    #[error("the passkey was not accepted")]
    Refused(#[source] Option<WebauthnError>),
    /// The device's key is set up already, here or for somebody else.
    #[error("this passkey is set up already")]
    Registered,
    /// The account has as many as it may.
    #[error("an account has at most {MOST} passkeys")]
    TooMany,
    /// There is no such passkey.
    #[error("there is no such passkey")]
    Unknown,
    /// It cannot be called that.
    #[error(
        "must be 1 to {LONGEST_NAME} characters without control characters, invisible ones, or ones that turn the direction of text"
    )]
    Name,
    /// The session that allowed it has ended, the database, or a secret, or the method itself.
    #[error(transparent)]
    Login(#[from] LoginError),
}

impl From<SessionEnded> for EnrolError {
    fn from(cause: SessionEnded) -> Self {
        Self::Login(cause.into())
    }
}

impl From<DatabaseError> for EnrolError {
    fn from(cause: DatabaseError) -> Self {
        // Two of one credential id (WebAuthn level 3 section 7.1, step 26).
        match cause.unique_violation() {
            Some(columns) if columns == "passkeys.credential_id" => Self::Registered,
            _ => Self::Login(cause.into()),
        }
    }
}

impl From<sea_orm::DbErr> for EnrolError {
    fn from(cause: sea_orm::DbErr) -> Self {
        DatabaseError::from(cause).into()
    }
}

/// The passkeys of an account, the newest last.
pub async fn list(app: &App, user: &User) -> Result<Vec<Row>, DatabaseError> {
    let of_user = passkeys::Entity::find().filter(Column::UserId.eq(user.id));
    Ok(of_user.order_by_asc(Column::CreatedAt).order_by_asc(Column::Id).all(app.db.reader()).await?)
}

/// As `allowCredentials` names them.
pub(super) fn descriptors(rows: &[Row]) -> Value {
    rows.iter()
        .map(|row| json!({ "type": "public-key", "id": URL_SAFE_NO_PAD.encode(&row.credential_id) }))
        .collect()
}

/// Begins: what the browser must be asked, `publicKey` of `navigator.credentials.create()`. One begun before is dropped.
pub async fn begin(app: &App, principal: Principal<'_>, origin: &Origin) -> Result<Value, EnrolError> {
    let (user, now) = (principal.user, app.clock.now());
    let known = list(app, user).await?;
    if known.len() as u64 >= MOST {
        return Err(EnrolError::TooMany);
    }
    let known = known.into_iter().map(|row| row.credential_id).collect();
    let name = user.profile["name"].as_str().unwrap_or(&user.email);
    let (asked, state) = webauthn(app)?
        .start_passkey_registration(user.subject, &user.email, name, Some(known))
        .map_err(library)?;
    let mut asked = json!(asked.public_key);
    // A passkey is one that the browser finds without a name.
    asked["authenticatorSelection"]["residentKey"] = "required".into();
    asked["authenticatorSelection"]["requireResidentKey"] = true.into();
    let id = app.random.row_id(now);
    let row = credentials::Model {
        id,
        user_id: user.id,
        kind: KIND.to_owned(),
        secret_sealed: seal(app, id, user.id, &state)?,
        confirmed_at: None,
        last_used_step: None,
        created_at: now.micros(),
    };
    principal
        .write(app, async |tx, user| -> Result<(), EnrolError> {
            unconfirmed(user.id).exec(tx).await?;
            credentials::Entity::insert(credentials::ActiveModel::from(row))
                .exec_without_returning(tx)
                .await?;
            record(app, tx, "credential.enrolment_begun", &user, None, origin, now).await?;
            Ok(())
        })
        .await?;
    Ok(asked)
}

/// Completes what was begun by what the device answered, and tells the account's owner by mail.
pub async fn complete(
    app: &App,
    change: CredentialChange<'_>,
    answer: &Value,
    name: &str,
) -> Result<Row, EnrolError> {
    let CredentialChange { principal, origin, .. } = change;
    let (user, now) = (principal.user, app.clock.now());
    let name = if name.trim().is_empty() { NAMELESS } else { checked(name)? };
    let answer = RegisterPublicKeyCredential::deserialize(answer).map_err(|_| EnrolError::Refused(None))?;
    if !cbor::unambiguous_attestation(&answer.response.attestation_object) {
        return Err(EnrolError::Refused(None));
    }
    if find(app, &answer.raw_id).await?.is_some() {
        return Err(EnrolError::Registered);
    }
    let begun = begun(app, user, now).await?.ok_or(EnrolError::NotBegun)?;
    let state: PasskeyRegistration = unseal(app, &begun)?;
    let passkey = webauthn(app)?
        .finish_passkey_registration(&answer, &state)
        .map_err(|cause| EnrolError::Refused(Some(cause)))?;
    let row = Row {
        credential_id: passkey.cred_id().as_slice().to_vec(),
        id: begun.id,
        user_id: user.id,
        name: name.to_owned(),
        sign_count: i64::from(webauthn_rs::prelude::Credential::from(passkey.clone()).counter),
        created_at: now.micros(),
        last_used_at: None,
        flagged_at: None,
    };
    let key = seal(app, begun.id, user.id, &passkey)?;
    let notice = mail::notice(app, user, "passkey-added").map_err(LoginError::from)?;
    principal
        .write_exclusive(app, async |tx, user| -> Result<(), EnrolError> {
            if passkeys::Entity::find().filter(Column::UserId.eq(user.id)).count(tx).await? >= MOST {
                return Err(EnrolError::TooMany);
            }
            let confirmed = credentials::Entity::update_many()
                .col_expr(credentials::Column::ConfirmedAt, Expr::value(now.micros()))
                .col_expr(credentials::Column::SecretSealed, Expr::value(key))
                .filter(credentials::Column::Id.eq(begun.id))
                .filter(credentials::Column::ConfirmedAt.is_null())
                .exec(tx)
                .await?;
            if confirmed.rows_affected != 1 {
                return Err(EnrolError::NotBegun);
            }
            passkeys::Entity::insert(passkeys::ActiveModel::from(row.clone()))
                .exec_without_returning(tx)
                .await?;
            record(app, tx, "credential.enrolled", &user, Some(row.id), origin, now).await?;
            change.end_others(app, tx, CREDENTIAL_CHANGED, now).await?;
            notice.enqueue(tx).await?;
            Ok(())
        })
        .await?;
    app.jobs.wake();
    Ok(row)
}

/// Gives one another name.
pub async fn rename(
    app: &App,
    principal: Principal<'_>,
    id: Uuid,
    name: &str,
    origin: &Origin,
) -> Result<(), EnrolError> {
    let now = app.clock.now();
    let name = checked(name)?;
    principal
        .write(app, async |tx, user| {
            let renamed = passkeys::Entity::update_many()
                .col_expr(Column::Name, Expr::value(name))
                .filter(Column::Id.eq(id))
                .filter(Column::UserId.eq(user.id))
                .exec(tx)
                .await?;
            if renamed.rows_affected != 1 {
                return Err(EnrolError::Unknown);
            }
            record(app, tx, "credential.renamed", &user, Some(id), origin, now).await?;
            Ok(())
        })
        .await
}

/// Removes one, and tells the account's owner by mail.
pub async fn remove(app: &App, change: CredentialChange<'_>, id: Uuid) -> Result<(), EnrolError> {
    let CredentialChange { principal, origin, .. } = change;
    let (user, now) = (principal.user, app.clock.now());
    let notice = mail::notice(app, user, "passkey-removed").map_err(LoginError::from)?;
    principal
        .write_exclusive(app, async |tx, user| -> Result<(), EnrolError> {
            let theirs =
                passkeys::Entity::find().filter(Column::Id.eq(id)).filter(Column::UserId.eq(user.id));
            if theirs.one(tx).await?.is_none() {
                return Err(EnrolError::Unknown);
            }
            second_factor::hand_over_codes(tx, user.id, id).await?;
            credentials::Entity::delete_by_id(id).exec(tx).await?;
            record(app, tx, "credential.removed", &user, Some(id), origin, now).await?;
            change.end_others(app, tx, CREDENTIAL_CHANGED, now).await?;
            notice.enqueue(tx).await?;
            Ok(())
        })
        .await?;
    app.jobs.wake();
    Ok(())
}

/// The challenge that was begun last, while it is as young as a login in progress may be.
async fn begun(app: &App, user: &User, now: Timestamp) -> Result<Option<credentials::Model>, DatabaseError> {
    let since = now - app.config.login.attempt_lifetime.duration();
    Ok(credentials::Entity::find()
        .filter(credentials::Column::UserId.eq(user.id))
        .filter(credentials::Column::Kind.eq(KIND))
        .filter(credentials::Column::ConfirmedAt.is_null())
        .filter(credentials::Column::CreatedAt.gte(since.micros()))
        .order_by_desc(credentials::Column::CreatedAt)
        .one(app.db.reader())
        .await?)
}

fn unconfirmed(user_id: Uuid) -> sea_orm::DeleteMany<credentials::Entity> {
    credentials::Entity::delete_many()
        .filter(credentials::Column::UserId.eq(user_id))
        .filter(credentials::Column::Kind.eq(KIND))
        .filter(credentials::Column::ConfirmedAt.is_null())
}

fn checked(name: &str) -> Result<&str, EnrolError> {
    let name = name.trim();
    let fits = (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits && !readable::deceptive(name) { Ok(name) } else { Err(EnrolError::Name) }
}

async fn record(
    app: &App,
    tx: &Transaction,
    kind: &'static str,
    user: &User,
    id: Option<Uuid>,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let details = json!({ "method": KIND, "credential": id });
    Event::new(kind).user(user.id).details(details).record(app, tx, origin, now).await
}
