//! Answers which devices an account has signed in with.
//!
//! A device is recognised by a secret that its first sign-in returns; the database stores the hash. Sign-out
//! does not erase the secret. A browser keeps it in a separate cookie, an app receives it in the JSON of a
//! sign-in. A known device is exempt from delays and mail limits that strangers have used up
//! ([`super::login_throttle`], [`allowance`](crate::mail::allowance)), and its sign-ins cause no notice to
//! the account's owner. The secret authenticates nothing else.
//!
//! An app that sends no secret is given a derived one: the same for the same network and user agent, so that
//! such apps leave one row each. After the account has forgotten its devices the derived secret changes, so
//! that a secret which an attacker received on the same network becomes unknown.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use postern_entities::devices::{self, Column};
use postern_entities::values::Hash256;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect as _, QueryTrait as _,
    sea_query::{Expr, OnConflict},
};
use secrecy::SecretString;
use uuid::Uuid;

use crate::{
    app::App,
    core::{RequestContext, Write},
    crypto, rate_limit,
    sessions::{self, Principal, WriteError},
};

/// The time since which the account has known devices; now when it knows none. Without an account the same
/// statement runs.
pub(super) async fn remembered_since(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    now: Timestamp,
) -> Result<Timestamp, DatabaseError> {
    let first: Option<Option<Timestamp>> = devices::Entity::find()
        .select_only()
        .column_as(Column::FirstSeenAt.min(), "first")
        .filter(Column::UserId.eq(user_id))
        .into_tuple()
        .one(db)
        .await?;
    Ok(first.flatten().unwrap_or(now))
}

/// The device secret of an app that sends none, derived from the account, the network, the user agent and
/// `since`. A MAC under a server key, so that nobody else can compute it.
pub(super) fn derived_app_secret(
    app: &App,
    user_id: Uuid,
    since: Timestamp,
    context: &RequestContext,
) -> SecretString {
    let name = context.user_agent.as_deref().unwrap_or_default();
    let source = rate_limit::source_of_ip(context.ip);
    let since = since.micros().to_be_bytes();
    let mac = app.vault.mac(&[b"device", user_id.as_bytes(), &since, source.as_bytes(), name.as_bytes()]);
    URL_SAFE_NO_PAD.encode(mac).into()
}

/// Whether an account knows a device. Without an account the same statement runs.
pub(super) async fn known(
    db: &impl ConnectionTrait,
    user_id: Option<Uuid>,
    device_hash: Hash256,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let row = devices::Entity::find_by_id((user_id.unwrap_or_default(), device_hash));
    Ok(row.filter(Column::ExpiresAt.gt(now)).one(db).await?.is_some())
}

/// The hash of the device secret, if the account knows the device. Without an account the same statement
/// runs.
pub(crate) async fn find_known(
    db: &impl ConnectionTrait,
    user_id: Option<Uuid>,
    secret: Option<&str>,
    now: Timestamp,
) -> Result<Option<Hash256>, DatabaseError> {
    let Some(secret) = secret else { return Ok(None) };
    let hash = crypto::token_hash(secret);
    Ok(known(db, user_id, hash, now).await?.then_some(hash))
}

/// Whether this device is new to an account that has signed in with another one before. Must run before the
/// write has opened the session, because an existing session counts as another device.
pub(super) async fn new_to_account(
    write: &Write<'_>,
    user_id: Uuid,
    device_hash: Hash256,
) -> Result<bool, DatabaseError> {
    Ok(!known(write, Some(user_id), device_hash, write.now()).await?
        && (any_of_user(write, user_id).await? || sessions::any_of_user(write, user_id).await?))
}

/// Stores a device, at the end of the write that completes its sign-in.
pub(super) fn remember(write: &Write<'_>, user_id: Uuid, device_hash: Hash256) {
    let row = devices::ActiveModel {
        user_id: Set(user_id),
        device_hash: Set(device_hash),
        first_seen_at: Set(write.now()),
        last_seen_at: Set(write.now()),
        expires_at: Set(write.now() + write.core.config.login.device_lifetime.duration()),
        ..devices::ActiveModel::default()
    };
    let again = OnConflict::columns([Column::UserId, Column::DeviceHash])
        .update_columns([Column::LastSeenAt, Column::ExpiresAt])
        .to_owned();
    write.defer(&devices::Entity::insert(row).on_conflict(again).into_query());
}

/// Whether a passkey is still to be offered on a device that the account knows.
pub async fn passkey_offer_due(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    secret: &str,
) -> Result<bool, DatabaseError> {
    let row = devices::Entity::find_by_id((user_id, crypto::token_hash(secret)));
    Ok(row.filter(Column::PasskeyOfferedAt.is_null()).one(db).await?.is_some())
}

/// Records that a passkey is offered on a device. True for one caller only, who offers it.
pub async fn mark_passkey_offered(
    app: &App,
    principal: Principal<'_>,
    secret: &str,
    context: &RequestContext,
) -> Result<bool, WriteError> {
    principal
        .write(app, context, async |write, user| {
            let marked = devices::Entity::update_many()
                .col_expr(Column::PasskeyOfferedAt, Expr::value(write.now()))
                .filter(Column::UserId.eq(user.id))
                .filter(Column::DeviceHash.eq(crypto::token_hash(secret)))
                .filter(Column::PasskeyOfferedAt.is_null())
                .exec(write)
                .await?;
            Ok(marked.rows_affected == 1)
        })
        .await
}

async fn any_of_user(tx: &Transaction, user_id: Uuid) -> Result<bool, DatabaseError> {
    let users = devices::Entity::find().select_only().column(Column::UserId);
    let user: Option<Uuid> = users.filter(Column::UserId.eq(user_id)).limit(1).into_tuple().one(tx).await?;
    Ok(user.is_some())
}

/// Forgets every device of an account, so that each one counts as new again.
pub async fn forget_all(tx: &Transaction, user_id: Uuid) -> Result<(), DatabaseError> {
    devices::Entity::delete_many().filter(Column::UserId.eq(user_id)).exec(tx).await?;
    Ok(())
}
