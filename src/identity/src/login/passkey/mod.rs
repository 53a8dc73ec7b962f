//! Defines `passkey`: a key on a device of the person that signs a challenge for our origin only (WebAuthn level 3).
//!
//! Every passkey here verifies its user (by finger, face or PIN) and is found by the browser itself: so it names whose
//! it is, and is a whole sign-in alone. What the account has is told to nobody before a first factor was shown: until
//! then the challenge is the same for every name, and for none.
//!
//! The device's count of signatures is stored by a conditional update. One that goes back means that there may be a copy
//! of the key: it is refused, and the account's owner sees it ([`enrolment`]).

mod cbor;
pub mod enrolment;

use async_trait::async_trait;
use postern_entities::{
    credentials,
    passkeys::{self, Column},
};
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryTrait as _,
    sea_query::{Expr, SelectStatement, UpdateStatement},
};
use serde::{Deserialize as _, Serialize, de::DeserializeOwned};
use serde_json::json;
use url::Url;
use uuid::Uuid;
use webauthn_rs::prelude::{
    Credential, DiscoverableAuthentication, Passkey, PublicKeyCredential, Webauthn, WebauthnBuilder,
    WebauthnError,
};

use super::{Answer, Challenge, Context, LoginError, LoginMethod, Proof, policy::Factor};
use crate::{
    app::App,
    audit::Event,
    sealed_credentials,
    users::{self, User},
};

const KIND: &str = "passkey";

/// What judges passkeys for this issuer; none when the issuer's host is an address, which no passkey can be for
/// (WebAuthn level 3 section 5.1.2, `rpId`).
pub fn relying_party(issuer: &str) -> Option<Webauthn> {
    let origin = Url::parse(issuer).ok()?;
    let host = origin.domain()?;
    WebauthnBuilder::new(host, &origin).ok()?.rp_name(host).build().ok()
}

/// The method `passkey`.
pub struct ByPasskey;

#[async_trait]
impl LoginMethod for ByPasskey {
    fn name(&self) -> &'static str {
        KIND
    }

    /// RFC 8176: the person was present. Where the key is kept comes with the proof.
    fn amr(&self) -> &'static [&'static str] {
        &["user"]
    }

    fn kind(&self) -> Factor {
        Factor::Has { phishing_resistant: true }
    }

    fn ready(&self, app: &App) -> bool {
        app.webauthn.is_some()
    }

    fn names_its_user(&self) -> bool {
        true
    }

    fn enrolment(&self, user_id: Uuid) -> Option<SelectStatement> {
        Some(passkeys::Entity::find().filter(Column::UserId.eq(user_id)).into_query())
    }

    async fn begin(&self, cx: &Context<'_>, user: Option<&User>) -> Result<Challenge, LoginError> {
        let (asked, state) = webauthn(cx.app)?.start_discoverable_authentication().map_err(library)?;
        let mut options = json!(asked.public_key);
        if let Some(user) = user.filter(|_| cx.proven) {
            options["allowCredentials"] = enrolment::descriptors(&enrolment::list(cx.app, user).await?);
        }
        let mut challenge = Challenge { memory: Some(json!(state)), ..Challenge::default() };
        challenge.shown.insert("publicKey".to_owned(), options);
        Ok(challenge)
    }

    async fn verify(
        &self,
        cx: &Context<'_>,
        challenge: &Challenge,
        answer: &Answer,
    ) -> Result<Proof, LoginError> {
        let memory = challenge.memory.as_ref().ok_or(LoginError::Refused)?;
        let state = DiscoverableAuthentication::deserialize(memory).map_err(library)?;
        let shown = PublicKeyCredential::deserialize(&answer.own).map_err(|_| LoginError::Refused)?;
        if !cbor::unambiguous_data(&shown.response.authenticator_data) {
            return Err(LoginError::Refused);
        }
        let row = find(cx.app, shown.get_credential_id()).await?.ok_or(LoginError::Refused)?;
        let user = owner(cx, &shown, row.user_id).await?.ok_or(LoginError::Refused)?;
        let passkey = open(cx.app, &row).await?.ok_or(LoginError::Refused)?;
        match webauthn(cx.app)?.finish_discoverable_authentication_v2(&shown, state, &passkey) {
            Ok(result) if result.user_verified() => Ok(Proof {
                consumes: Some(using(&row, i64::from(result.counter()), cx.now)),
                user_verified: true,
                amr: vec![if passkey.backup_eligible { "swk" } else { "hwk" }],
                user: Some(user),
                notice: None,
            }),
            // WebAuthn level 3 section 7.2, step 22.
            Err(WebauthnError::CredentialPossibleCompromise) => {
                flag(cx, &row).await?;
                Err(LoginError::Refused)
            }
            Ok(_) => Err(LoginError::Refused),
            Err(cause) => {
                tracing::debug!(%cause, "a passkey was refused");
                Err(LoginError::Refused)
            }
        }
    }
}

/// Whose answer this is (WebAuthn level 3 section 7.2, step 6): of whom the attempt is about, or, when it is about
/// nobody yet, of whom the answer names. The account must be the one that has the key.
async fn owner(
    cx: &Context<'_>,
    shown: &PublicKeyCredential,
    user_id: Uuid,
) -> Result<Option<User>, DatabaseError> {
    let handle = shown.get_user_unique_id();
    let user = match cx.user {
        Some(user) => Some(user.clone()),
        None if cx.identifier.is_empty() && handle.is_some() => {
            users::find(cx.app.db.reader(), user_id).await?.filter(|user| users::may_sign_in(user, cx.now))
        }
        None => None,
    };
    let fits = |user: &User| {
        user.id == user_id && handle.is_none_or(|handle| handle == user.subject.as_bytes().as_slice())
    };
    Ok(user.filter(fits))
}

/// What uses an assertion, once: the count that came with it is greater than the one stored, unless the device does not
/// count (WebAuthn level 3 section 7.2, step 22).
fn using(row: &passkeys::Model, count: i64, now: Timestamp) -> UpdateStatement {
    let further = Condition::any().add(Column::SignCount.lt(count));
    let further = if count == 0 { further.add(Column::SignCount.eq(0)) } else { further };
    passkeys::Entity::update_many()
        .col_expr(Column::SignCount, Expr::value(count))
        .col_expr(Column::LastUsedAt, Expr::value(now.micros()))
        .filter(Column::CredentialId.eq(row.credential_id.clone()))
        .filter(further)
        .into_query()
}

/// Keeps that a count went back, whatever becomes of the answer.
async fn flag(cx: &Context<'_>, row: &passkeys::Model) -> Result<(), DatabaseError> {
    let event = Event::new("credential.count_went_back").user(row.user_id);
    let event = event.details(json!({ "method": KIND, "credential": row.id }));
    cx.app
        .db
        .write(async |tx| {
            passkeys::Entity::update_many()
                .col_expr(Column::FlaggedAt, Expr::value(cx.now.micros()))
                .filter(Column::CredentialId.eq(row.credential_id.clone()))
                .exec(tx)
                .await?;
            event.record(cx.app, tx, cx.origin, cx.now).await
        })
        .await
}

async fn find(app: &App, credential_id: &[u8]) -> Result<Option<passkeys::Model>, DatabaseError> {
    Ok(passkeys::Entity::find_by_id(credential_id.to_vec()).one(app.db.reader()).await?)
}

/// The key itself, with the count of its row.
async fn open(app: &App, row: &passkeys::Model) -> Result<Option<Credential>, LoginError> {
    let stored = credentials::Entity::find_by_id(row.id).one(app.db.reader()).await?;
    let Some(stored) = stored else { return Ok(None) };
    let mut credential: Credential = unseal::<Passkey>(app, &stored)?.into();
    credential.counter = u32::try_from(row.sign_count).unwrap_or(u32::MAX);
    Ok(Some(credential))
}

fn seal(app: &App, id: Uuid, user_id: Uuid, secret: &impl Serialize) -> Result<Vec<u8>, LoginError> {
    let plain = serde_json::to_vec(secret).map_err(library)?;
    Ok(sealed_credentials::seal(&app.vault, id, user_id, &plain)?)
}

fn unseal<T: DeserializeOwned>(app: &App, row: &credentials::Model) -> Result<T, LoginError> {
    let plain = sealed_credentials::open(&app.vault, row)?;
    serde_json::from_slice(&plain).map_err(library)
}

fn webauthn(app: &App) -> Result<&Webauthn, LoginError> {
    app.webauthn.as_ref().ok_or(LoginError::NotOffered)
}

fn library(cause: impl std::error::Error + Send + Sync + 'static) -> LoginError {
    LoginError::Method(Box::new(cause))
}
