//! Issues the secrets of clients.
//!
//! A secret is 256 random bits, shown once, or one that the operator brings. It is stored hashed. Only a client
//! that signs with its secret (`client_secret_jwt`) has the secret itself in the database too, sealed and bound
//! to its row. During a rotation two secrets are valid until the overlap ends.

use std::time::Duration;

use postern_entities::client_secrets::{ActiveModel, Column, Entity};
use postern_service::{clock::Timestamp, database::changes};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, sea_query::Expr,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::{ChangeError, clients::lock_client, metadata::ClientMetadata};
use crate::{
    App,
    audit::Event,
    clients::{self, ClientAuthMethod, TOPIC},
    core::{RequestContext, Write},
    crypto,
};

/// In characters. A secret of an operator may have little entropy a character.
const MIN_LENGTH: usize = 32;
const MAX_LENGTH: usize = 512;

/// A new client secret, and when the previous secret expires.
#[derive(Debug)]
pub struct NewSecret {
    /// Shown once: only its hash is stored.
    pub client_secret: SecretString,
    /// When the previous secret expires; none if there was none.
    pub previous_expires_at: Option<Timestamp>,
}

/// Issues another secret to a confidential client. The previous secret stays valid for `overlap`, so that the
/// client can switch without an interruption; zero ends it at once.
pub async fn rotate(
    app: &App,
    client_id: &str,
    overlap: Duration,
    context: &RequestContext,
) -> Result<NewSecret, ChangeError> {
    let made = app
        .write(context, async |write| {
            let row = lock_client(write, client_id).await?;
            let method = ClientMetadata::from_row(&row)?.token_endpoint_auth_method;
            if !method.has_secret() {
                let kind = if method == ClientAuthMethod::None {
                    "is a public client"
                } else {
                    "signs with its keys"
                };
                return Err(ChangeError::Refused(format!("{client_id} {kind} and has no secret")));
            }
            let previous_expires_at = end_valid(write, client_id, overlap).await?;
            let client_secret = write.core.random.token();
            insert(write, client_id, method, &client_secret).await?;
            let details = json!({ "previous_expires_at": previous_expires_at.map(Timestamp::rfc3339) });
            Event::new("client.secret_rotated").client(client_id).details(details).record(write).await?;
            changes::announce(write, TOPIC).await?;
            Ok(NewSecret { client_secret, previous_expires_at })
        })
        .await?;
    app.reload(TOPIC).await?;
    Ok(made)
}

/// Creates or removes the secrets of a client, as its authentication method requires. Returns a secret that was
/// generated.
pub(super) async fn reconcile(
    write: &Write<'_>,
    client_id: &str,
    method: ClientAuthMethod,
) -> Result<Option<NewSecret>, ChangeError> {
    let of_client = Column::ClientId.eq(client_id);
    let all = || Entity::delete_many().filter(of_client.clone());
    match method {
        ClientAuthMethod::None | ClientAuthMethod::PrivateKeyJwt => {
            all().exec(write).await?;
        }
        // A secret that is stored as a hash alone verifies no signature.
        ClientAuthMethod::ClientSecretJwt => {
            all().filter(Column::SecretSealed.is_null()).exec(write).await?;
        }
        ClientAuthMethod::ClientSecretBasic | ClientAuthMethod::ClientSecretPost => {
            Entity::update_many()
                .col_expr(Column::SecretSealed, Expr::value(None::<Vec<u8>>))
                .filter(of_client.clone())
                .exec(write)
                .await?;
        }
    }
    if !method.has_secret() || Entity::find().filter(of_client).one(write).await?.is_some() {
        return Ok(None);
    }
    let client_secret = write.core.random.token();
    insert(write, client_id, method, &client_secret).await?;
    Ok(Some(NewSecret { client_secret, previous_expires_at: None }))
}

/// Stores a secret: its hash, and for a client that signs with it the sealed secret.
pub(super) async fn insert(
    write: &Write<'_>,
    client_id: &str,
    method: ClientAuthMethod,
    secret: &SecretString,
) -> Result<(), ChangeError> {
    let id = write.core.random.row_id(write.now());
    let secret_sealed = if method == ClientAuthMethod::ClientSecretJwt {
        let sealed = clients::seal_secret(&write.core.vault, id, client_id, secret);
        Some(sealed.map_err(|cause| ChangeError::Refused(format!("the secret cannot be sealed: {cause}")))?)
    } else {
        None
    };
    let row = ActiveModel {
        id: Set(id),
        client_id: Set(client_id.to_owned()),
        secret_hash: Set(crypto::token_hash(secret.expose_secret())),
        secret_sealed: Set(secret_sealed),
        created_at: Set(write.now()),
        expires_at: Set(None),
    };
    Entity::insert(row).exec_without_returning(write).await?;
    Ok(())
}

/// Whether a secret that an operator brings may be stored: long enough that nobody guesses it, in the characters
/// of RFC 6749 appendix A.2.
pub(super) fn check_brought(secret: &SecretString) -> Result<(), ChangeError> {
    let text = secret.expose_secret();
    let printable = text.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
    if printable && (MIN_LENGTH..=MAX_LENGTH).contains(&text.len()) && text.trim() == text {
        Ok(())
    } else {
        Err(ChangeError::invalid(
            "client_secret",
            format!(
                "must have {MIN_LENGTH} to {MAX_LENGTH} printable ASCII characters, and no space around them"
            ),
        ))
    }
}

/// Sets the end of the valid secret and deletes the expired ones. Refuses if two secrets are valid.
async fn end_valid(
    write: &Write<'_>,
    client_id: &str,
    overlap: Duration,
) -> Result<Option<Timestamp>, ChangeError> {
    let of_client = Column::ClientId.eq(client_id);
    // Without an overlap all secrets end; with an overlap only the expired ones are deleted.
    let ended = if overlap.is_zero() {
        Condition::all()
    } else {
        Condition::all().add(Column::ExpiresAt.lte(write.now()))
    };
    Entity::delete_many().filter(of_client.clone()).filter(ended).exec(write).await?;
    let live = Entity::find().filter(of_client).order_by_asc(Column::CreatedAt).all(write).await?;
    if let Some(end) = live.iter().find_map(|secret| secret.expires_at) {
        return Err(ChangeError::Refused(format!(
            "{client_id} has two live secrets until {end}: wait until then, or end both now with an overlap of 0s"
        )));
    }
    let Some(last) = live.into_iter().next_back() else { return Ok(None) };
    let end = write.now() + overlap;
    let mut last = ActiveModel::from(last);
    last.expires_at = Set(Some(end));
    last.update(write).await?;
    Ok(Some(end))
}
