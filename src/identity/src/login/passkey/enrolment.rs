//! Defines the passkeys of an account: enrolment, names and removal.
//!
//! ```text
//!   begin() ──► pending challenge, proves nothing ──► complete() ──► a passkey ──► rename(), remove()
//! ```
//!
//! The key is sealed in `credentials`; what the account pages list is in `passkeys`.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use postern_entities::{
    credentials,
    passkeys::{self, Column},
};
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait as _, QueryFilter, QueryOrder, sea_query::Expr};
use serde::Deserialize as _;
use serde_json::{Value, json};
use uuid::Uuid;
use webauthn_rs::prelude::{PasskeyRegistration, RegisterPublicKeyCredential, WebauthnError};

use super::{
    KIND, LoginError, authenticators, cbor, find, library_error, relying_party_id, seal, unseal, webauthn,
};
use crate::{
    app::App,
    audit::Event,
    core::{RequestContext, Write},
    grants::EndCause,
    links::owner_notice::{self, NoticeDetails},
    login::{self, credential_change::CredentialChange, second_factor},
    readable,
    sessions::{Principal, SessionEnded},
    users::User,
};

/// A passkey as the account pages list it.
pub type PasskeyRow = passkeys::Model;

/// Passkeys that an account may have.
const MOST: u64 = 20;
/// The longest name, in characters.
const LONGEST_NAME: usize = 64;
/// The name of a passkey of which nothing is known.
const DEFAULT_NAME: &str = "Passkey";

/// Why a passkey was not enrolled, renamed or removed.
#[derive(Debug, thiserror::Error)]
pub enum PasskeyError {
    /// There is no pending enrolment: none was begun, or it has expired or was completed.
    #[error("no enrolment was begun, or it took too long")]
    NotBegun,
    /// The authenticator's response does not match the challenge.
    #[error("the passkey was not accepted")]
    RegistrationRejected(#[source] Option<WebauthnError>),
    /// The key is enrolled already, for this account or another one.
    #[error("this passkey is set up already")]
    AlreadyRegistered,
    /// The account has the maximum number of passkeys.
    #[error("an account has at most {MOST} passkeys")]
    TooMany,
    #[error("there is no such passkey")]
    UnknownPasskey,
    /// The name is empty, too long, or has characters that deceive a reader.
    #[error(
        "must be 1 to {LONGEST_NAME} characters without control characters, invisible ones, or ones that turn the direction of text"
    )]
    InvalidName,
    /// The session has ended, or the database, a secret or the login method failed.
    #[error(transparent)]
    Login(#[from] LoginError),
}

impl From<SessionEnded> for PasskeyError {
    fn from(cause: SessionEnded) -> Self {
        Self::Login(cause.into())
    }
}

impl From<DatabaseError> for PasskeyError {
    fn from(cause: DatabaseError) -> Self {
        // The credential id must be unique (WebAuthn level 3 section 7.1, step 26).
        match cause.unique_violation() {
            Some(columns) if columns == "passkeys.credential_id" => Self::AlreadyRegistered,
            _ => Self::Login(cause.into()),
        }
    }
}

impl From<sea_orm::DbErr> for PasskeyError {
    fn from(cause: sea_orm::DbErr) -> Self {
        DatabaseError::from(cause).into()
    }
}

/// The passkeys of an account, oldest first.
pub async fn list(app: &App, user: &User) -> Result<Vec<PasskeyRow>, DatabaseError> {
    let of_user = passkeys::Entity::find().filter(Column::UserId.eq(user.id));
    Ok(of_user.order_by_asc(Column::CreatedAt).order_by_asc(Column::Id).all(app.db.reader()).await?)
}

/// The list for `allowCredentials` (WebAuthn level 3 section 5.8.3).
pub(super) fn descriptors(rows: &[PasskeyRow]) -> Value {
    rows.iter()
        .map(|row| json!({ "type": "public-key", "id": URL_SAFE_NO_PAD.encode(&row.credential_id) }))
        .collect()
}

/// The name that a browser shows beside the email.
fn display_name(user: &User) -> &str {
    user.profile["name"].as_str().unwrap_or(&user.email)
}

/// What browsers and password managers are told, so that they offer the passkeys that the account has and no others, under
/// the account's name (WebAuthn level 3 section 5.1.10).
#[derive(Debug)]
pub struct SignalValues {
    pub rp_id: String,
    /// The user handle in base64url.
    pub user_id: String,
    /// Every credential id of the account in base64url, separated by spaces.
    pub accepted: String,
    pub name: String,
    pub display_name: String,
}

/// `rows` is all passkeys of the user: one that is left out may be removed from the user's devices.
pub fn signal_values(app: &App, user: &User, rows: &[PasskeyRow]) -> Option<SignalValues> {
    let ids: Vec<_> = rows.iter().map(|row| URL_SAFE_NO_PAD.encode(&row.credential_id)).collect();
    Some(SignalValues {
        rp_id: relying_party_id(&app.config)?,
        user_id: URL_SAFE_NO_PAD.encode(user.subject.as_bytes()),
        accepted: ids.join(" "),
        name: user.email.clone(),
        display_name: display_name(user).to_owned(),
    })
}

/// Begins an enrolment and returns `publicKey` for `navigator.credentials.create()`. An earlier pending
/// enrolment is dropped.
pub async fn begin(
    app: &App,
    principal: Principal<'_>,
    context: &RequestContext,
) -> Result<Value, PasskeyError> {
    login::require_method(app, KIND)?;
    let (user, now) = (principal.user, context.now);
    let known = list(app, user).await?;
    if known.len() as u64 >= MOST {
        return Err(PasskeyError::TooMany);
    }
    let known = known.into_iter().map(|row| row.credential_id).collect();
    let (asked, state) = webauthn(app)?
        .start_passkey_registration(user.subject, &user.email, display_name(user), Some(known))
        .map_err(library_error)?;
    let mut asked = json!(asked.public_key);
    // A passkey is a discoverable credential: the authenticator finds it without an email.
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
        created_at: now,
    };
    principal
        .write(app, context, async |write, user| -> Result<(), PasskeyError> {
            delete_unconfirmed_statement(user.id).exec(write).await?;
            credentials::Entity::insert(credentials::ActiveModel::from(row))
                .exec_without_returning(write)
                .await?;
            record(write, "credential.enrolment_begun", &user, None).await?;
            Ok(())
        })
        .await?;
    Ok(asked)
}

/// Completes an enrolment by the authenticator's response, and notifies the account's owner by mail.
pub async fn complete(
    app: &App,
    change: CredentialChange<'_>,
    answer: &Value,
    name: &str,
) -> Result<PasskeyRow, PasskeyError> {
    let CredentialChange { principal, context, .. } = change;
    login::require_method(app, KIND)?;
    let (user, now) = (principal.user, app.clock.now());
    let answer = RegisterPublicKeyCredential::deserialize(answer)
        .map_err(|_| PasskeyError::RegistrationRejected(None))?;
    let name = match name.trim().is_empty() {
        true => automatic_name(&answer, context),
        false => validate_name(name)?.to_owned(),
    };
    if !cbor::unambiguous_attestation(&answer.response.attestation_object) {
        return Err(PasskeyError::RegistrationRejected(None));
    }
    if find(app, &answer.raw_id).await?.is_some() {
        return Err(PasskeyError::AlreadyRegistered);
    }
    let begun = find_pending(app, user, now).await?.ok_or(PasskeyError::NotBegun)?;
    let state: PasskeyRegistration = unseal(app, &begun)?;
    let passkey = webauthn(app)?
        .finish_passkey_registration(&answer, &state)
        .map_err(|cause| PasskeyError::RegistrationRejected(Some(cause)))?;
    let row = PasskeyRow {
        credential_id: passkey.cred_id().as_slice().to_vec(),
        id: begun.id,
        user_id: user.id,
        name,
        sign_count: i64::from(webauthn_rs::prelude::Credential::from(passkey.clone()).counter),
        created_at: now,
        last_used_at: None,
        flagged_at: None,
    };
    let key = seal(app, begun.id, user.id, &passkey)?;
    let notice =
        owner_notice::prepare(app, &app.templates, user, NoticeDetails::new("passkey-added", context))
            .map_err(LoginError::from)?;
    principal
        .write_exclusive(app, context, async |write, user| -> Result<(), PasskeyError> {
            if passkeys::Entity::find().filter(Column::UserId.eq(user.id)).count(write).await? >= MOST {
                return Err(PasskeyError::TooMany);
            }
            let confirmed = credentials::Entity::update_many()
                .col_expr(credentials::Column::ConfirmedAt, Expr::value(now))
                .col_expr(credentials::Column::SecretSealed, Expr::value(key))
                .filter(credentials::Column::Id.eq(begun.id))
                .filter(credentials::Column::ConfirmedAt.is_null())
                .exec(write)
                .await?;
            if confirmed.rows_affected != 1 {
                return Err(PasskeyError::NotBegun);
            }
            passkeys::Entity::insert(passkeys::ActiveModel::from(row.clone()))
                .exec_without_returning(write)
                .await?;
            record(write, "credential.enrolled", &user, Some(row.id)).await?;
            change.end_others(write, EndCause::CredentialChanged).await?;
            notice.enqueue(write).await?;
            Ok(())
        })
        .await?;
    Ok(row)
}

/// The name of a passkey that the user gave none: that of the authenticator, or else of the browser.
fn automatic_name(answer: &RegisterPublicKeyCredential, context: &RequestContext) -> String {
    let authenticator =
        cbor::attested_aaguid(&answer.response.attestation_object).and_then(authenticators::name);
    let browser = || context.user_agent.as_deref().map(readable::device_name);
    let name = authenticator.map(str::to_owned).or_else(browser);
    name.filter(|name| validate_name(name).is_ok()).unwrap_or_else(|| DEFAULT_NAME.to_owned())
}

pub async fn rename(
    app: &App,
    principal: Principal<'_>,
    id: Uuid,
    name: &str,
    context: &RequestContext,
) -> Result<(), PasskeyError> {
    let name = validate_name(name)?;
    principal
        .write(app, context, async |write, user| {
            let renamed = passkeys::Entity::update_many()
                .col_expr(Column::Name, Expr::value(name))
                .filter(Column::Id.eq(id))
                .filter(Column::UserId.eq(user.id))
                .exec(write)
                .await?;
            if renamed.rows_affected != 1 {
                return Err(PasskeyError::UnknownPasskey);
            }
            record(write, "credential.renamed", &user, Some(id)).await?;
            Ok(())
        })
        .await
}

/// Removes a passkey, and notifies the account's owner by mail.
pub async fn remove(app: &App, change: CredentialChange<'_>, id: Uuid) -> Result<(), PasskeyError> {
    let CredentialChange { principal, context, .. } = change;
    let user = principal.user;
    let notice =
        owner_notice::prepare(app, &app.templates, user, NoticeDetails::new("passkey-removed", context))
            .map_err(LoginError::from)?;
    principal
        .write_exclusive(app, context, async |write, user| -> Result<(), PasskeyError> {
            let theirs =
                passkeys::Entity::find().filter(Column::Id.eq(id)).filter(Column::UserId.eq(user.id));
            if theirs.one(write).await?.is_none() {
                return Err(PasskeyError::UnknownPasskey);
            }
            second_factor::reassign_recovery_codes(write, user.id, id).await?;
            credentials::Entity::delete_by_id(id).exec(write).await?;
            record(write, "credential.removed", &user, Some(id)).await?;
            change.end_others(write, EndCause::CredentialChanged).await?;
            notice.enqueue(write).await?;
            Ok(())
        })
        .await?;
    Ok(())
}

/// The latest unconfirmed challenge, while it is younger than `login.attempt_lifetime`.
async fn find_pending(
    app: &App,
    user: &User,
    now: Timestamp,
) -> Result<Option<credentials::Model>, DatabaseError> {
    let since = now - app.config.login.attempt_lifetime.duration();
    Ok(credentials::Entity::find()
        .filter(credentials::Column::UserId.eq(user.id))
        .filter(credentials::Column::Kind.eq(KIND))
        .filter(credentials::Column::ConfirmedAt.is_null())
        .filter(credentials::Column::CreatedAt.gte(since))
        .order_by_desc(credentials::Column::CreatedAt)
        .one(app.db.reader())
        .await?)
}

fn delete_unconfirmed_statement(user_id: Uuid) -> sea_orm::DeleteMany<credentials::Entity> {
    credentials::Entity::delete_many()
        .filter(credentials::Column::UserId.eq(user_id))
        .filter(credentials::Column::Kind.eq(KIND))
        .filter(credentials::Column::ConfirmedAt.is_null())
}

fn validate_name(name: &str) -> Result<&str, PasskeyError> {
    let name = name.trim();
    let fits = (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits && !readable::has_invisible_characters(name) { Ok(name) } else { Err(PasskeyError::InvalidName) }
}

async fn record(
    write: &Write<'_>,
    kind: &'static str,
    user: &User,
    id: Option<Uuid>,
) -> Result<(), DatabaseError> {
    let details = json!({ "method": KIND, "credential": id });
    Event::new(kind).user(user.id).details(details).record(write).await
}
