//! Defines the login method `passkey`: a key on the user's device that signs a challenge for this origin only
//! (WebAuthn level 3).
//!
//! Every passkey here is a discoverable credential with user verification (biometrics or PIN): the response
//! names the user and is a complete sign-in alone. Before a first factor is verified the challenge is the
//! same for every email, and without one, so that it reveals no credentials.
//!
//! A conditional update stores the authenticator's signature counter. A counter that goes back may mean a
//! cloned key: the response is rejected, and the account's owner sees the passkey flagged ([`enrolment`]).

mod authenticators;
mod cbor;
pub mod enrolment;

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
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
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;
use webauthn_rs::prelude::{
    Credential, DiscoverableAuthentication, Passkey, PublicKeyCredential, Webauthn, WebauthnBuilder,
    WebauthnError,
};

use super::{Challenge, ChallengeResponse, Context, LoginError, LoginMethod, Proof, policy::Factor};
use crate::{
    app::App,
    audit::Event,
    config::Config,
    sealed_credentials,
    users::{self, User},
};

const KIND: &str = "passkey";

/// The relying party for this issuer; none when the issuer's host is an IP, which cannot be an `rpId`
/// (WebAuthn level 3 section 5.1.2).
pub fn relying_party(config: &Config) -> Option<Webauthn> {
    let origin = Url::parse(&config.issuer).ok()?;
    let host = origin.domain()?;
    WebauthnBuilder::new(host, &origin).ok()?.rp_name(config.pages.own_name().unwrap_or(host)).build().ok()
}

/// The `rpId` of this issuer: its host.
pub fn relying_party_id(config: &Config) -> Option<String> {
    Url::parse(&config.issuer).ok()?.domain().map(str::to_owned)
}

/// The credential id of a response in base64url, if no account has that passkey: it was removed here, and the browser still
/// offers it. A credential id is random, so nothing is told about accounts.
pub async fn unknown_credential(app: &App, answer: &Value) -> Result<Option<String>, DatabaseError> {
    let Ok(answer) = PublicKeyCredential::deserialize(answer) else { return Ok(None) };
    let id = answer.get_credential_id();
    Ok(find(app, id).await?.is_none().then(|| URL_SAFE_NO_PAD.encode(id)))
}

pub struct PasskeyMethod;

#[async_trait]
impl LoginMethod for PasskeyMethod {
    fn name(&self) -> &'static str {
        KIND
    }

    /// RFC 8176: the user was present. How the key is stored (`hwk`, `swk`) comes with the proof.
    fn amr(&self) -> &'static [&'static str] {
        &["user"]
    }

    fn factor(&self) -> Factor {
        Factor::Possession { phishing_resistant: true }
    }

    fn available(&self, app: &App) -> bool {
        app.webauthn.is_some()
    }

    fn discoverable(&self) -> bool {
        true
    }

    fn enrolment_statement(&self, user_id: Uuid) -> Option<SelectStatement> {
        Some(passkeys::Entity::find().filter(Column::UserId.eq(user_id)).into_query())
    }

    async fn begin(&self, cx: &Context<'_>, user: Option<&User>) -> Result<Challenge, LoginError> {
        let (asked, state) = webauthn(cx.app)?.start_discoverable_authentication().map_err(library_error)?;
        let mut options = json!(asked.public_key);
        if let Some(user) = user.filter(|_| cx.first_factor_verified) {
            options["allowCredentials"] = enrolment::descriptors(&enrolment::list(cx.app, user).await?);
        }
        let mut challenge = Challenge { state: Some(json!(state)), ..Challenge::default() };
        challenge.public_members.insert("publicKey".to_owned(), options);
        Ok(challenge)
    }

    async fn verify(
        &self,
        cx: &Context<'_>,
        challenge: &Challenge,
        answer: &ChallengeResponse,
    ) -> Result<Proof, LoginError> {
        let memory = challenge.state.as_ref().ok_or(LoginError::ResponseRejected)?;
        let state = DiscoverableAuthentication::deserialize(memory).map_err(library_error)?;
        let shown =
            PublicKeyCredential::deserialize(&answer.payload).map_err(|_| LoginError::ResponseRejected)?;
        if !cbor::unambiguous_authenticator_data(&shown.response.authenticator_data) {
            return Err(LoginError::ResponseRejected);
        }
        let row = find(cx.app, shown.get_credential_id()).await?.ok_or(LoginError::ResponseRejected)?;
        let user = owner(cx, &shown, row.user_id).await?.ok_or(LoginError::ResponseRejected)?;
        let passkey = load_credential(cx.app, &row).await?.ok_or(LoginError::ResponseRejected)?;
        match webauthn(cx.app)?.finish_discoverable_authentication_v2(&shown, state, &passkey) {
            Ok(result) if result.user_verified() => Ok(Proof {
                consume_statement: Some(use_assertion_statement(
                    &row,
                    i64::from(result.counter()),
                    cx.context.now,
                )),
                user_verified: true,
                amr: vec![if passkey.backup_eligible { "swk" } else { "hwk" }],
                user: Some(user),
                notice: None,
            }),
            // WebAuthn level 3 section 7.2, step 22.
            Err(WebauthnError::CredentialPossibleCompromise) => {
                flag_sign_count(cx, &row).await?;
                Err(LoginError::ResponseRejected)
            }
            Ok(_) => Err(LoginError::ResponseRejected),
            Err(cause) => {
                tracing::debug!(%cause, "a passkey was refused");
                Err(LoginError::ResponseRejected)
            }
        }
    }
}

/// The user of a response (WebAuthn level 3 section 7.2, step 6): the attempt's user or, when the attempt has
/// no email yet, the user that the response names. The user must own the key.
async fn owner(
    cx: &Context<'_>,
    shown: &PublicKeyCredential,
    user_id: Uuid,
) -> Result<Option<User>, DatabaseError> {
    let handle = shown.get_user_unique_id();
    let user = match cx.user {
        Some(user) => Some(user.clone()),
        None if cx.identifier.is_empty() && handle.is_some() => users::find(cx.app.db.reader(), user_id)
            .await?
            .filter(|user| users::may_sign_in(user, cx.context.now)),
        None => None,
    };
    let fits = |user: &User| {
        user.id == user_id && handle.is_none_or(|handle| handle == user.subject.as_bytes().as_slice())
    };
    Ok(user.filter(fits))
}

/// Uses an assertion, once: the new counter must be greater than the stored one, unless the authenticator
/// does not count (WebAuthn level 3 section 7.2, step 22).
fn use_assertion_statement(row: &passkeys::Model, count: i64, now: Timestamp) -> UpdateStatement {
    let further = Condition::any().add(Column::SignCount.lt(count));
    let further = if count == 0 { further.add(Column::SignCount.eq(0)) } else { further };
    passkeys::Entity::update_many()
        .col_expr(Column::SignCount, Expr::value(count))
        .col_expr(Column::LastUsedAt, Expr::value(now))
        .filter(Column::CredentialId.eq(row.credential_id.clone()))
        .filter(further)
        .into_query()
}

/// Flags the passkey because its counter went back. A write of its own, so that the flag stays although the
/// response is rejected.
async fn flag_sign_count(cx: &Context<'_>, row: &passkeys::Model) -> Result<(), DatabaseError> {
    let event = Event::new("credential.count_went_back").user(row.user_id);
    let event = event.details(json!({ "method": KIND, "credential": row.id }));
    cx.app
        .write(cx.context, async |write| {
            passkeys::Entity::update_many()
                .col_expr(Column::FlaggedAt, Expr::value(cx.context.now))
                .filter(Column::CredentialId.eq(row.credential_id.clone()))
                .exec(write)
                .await?;
            event.record(write).await
        })
        .await
}

async fn find(app: &App, credential_id: &[u8]) -> Result<Option<passkeys::Model>, DatabaseError> {
    Ok(passkeys::Entity::find_by_id(credential_id.to_vec()).one(app.db.reader()).await?)
}

/// The passkey's public key, with the signature counter of its row.
async fn load_credential(app: &App, row: &passkeys::Model) -> Result<Option<Credential>, LoginError> {
    let stored = credentials::Entity::find_by_id(row.id).one(app.db.reader()).await?;
    let Some(stored) = stored else { return Ok(None) };
    let mut credential: Credential = unseal::<Passkey>(app, &stored)?.into();
    credential.counter = u32::try_from(row.sign_count).unwrap_or(u32::MAX);
    Ok(Some(credential))
}

fn seal(app: &App, id: Uuid, user_id: Uuid, secret: &impl Serialize) -> Result<Vec<u8>, LoginError> {
    let plain = serde_json::to_vec(secret).map_err(library_error)?;
    Ok(sealed_credentials::seal(&app.vault, id, user_id, &plain)?)
}

fn unseal<T: DeserializeOwned>(app: &App, row: &credentials::Model) -> Result<T, LoginError> {
    let plain = sealed_credentials::open(&app.vault, row)?;
    serde_json::from_slice(&plain).map_err(library_error)
}

fn webauthn(app: &App) -> Result<&Webauthn, LoginError> {
    app.webauthn.as_ref().ok_or(LoginError::MethodNotOffered)
}

fn library_error(cause: impl std::error::Error + Send + Sync + 'static) -> LoginError {
    LoginError::MethodFailed(Box::new(cause))
}
