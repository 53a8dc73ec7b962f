//! Answers with which devices an account has signed in.
//!
//! A device is known by a secret that its first sign-in gives it, stored hashed, and kept when somebody signs out: a browser
//! has it in a cookie of its own, an app in the answer of a sign-in. A known device that shows its secret is not slowed by
//! strangers ([`super::guesses`], [`allowance`](crate::mail::allowance)), and its sign-ins are no news to the owner of the
//! account. The secret proves nothing else.
//!
//! An app that shows none gets the same one again whenever it comes from the same network and calls itself the same, so
//! that apps which keep nothing leave one row each. Once an account forgets its devices it gets another one: what whoever
//! was at the same network got before stays unknown.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use postern_entities::devices::{self, Column};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect as _,
    QueryTrait as _, sea_query::OnConflict,
};
use uuid::Uuid;

use crate::{app::App, audit::Origin, crypto, rate_limit, sessions};

/// Since when an account remembers devices; since now where it knows none. The same statement runs for nobody.
pub(super) async fn remembered_since(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    now: Timestamp,
) -> Result<Timestamp, DatabaseError> {
    let first: Option<Option<i64>> = devices::Entity::find()
        .select_only()
        .column_as(Column::FirstSeenAt.min(), "first")
        .filter(Column::UserId.eq(user_id))
        .into_tuple()
        .one(db)
        .await?;
    Ok(first.flatten().map_or(now, Timestamp::from_micros))
}

/// The secret of an app that shows none, for one account that remembers devices since then: nobody else can work it out.
pub(super) fn secret_of_app(app: &App, user_id: Uuid, since: Timestamp, origin: &Origin) -> String {
    let name = origin.user_agent.as_deref().unwrap_or_default();
    let source = rate_limit::source(origin.ip);
    let since = since.micros().to_be_bytes();
    let mac = app.vault.mac(&[b"device", user_id.as_bytes(), &since, source.as_bytes(), name.as_bytes()]);
    URL_SAFE_NO_PAD.encode(mac)
}

/// Whether an account knows a device. The same statement runs when there is no account.
pub(super) async fn known(
    db: &impl ConnectionTrait,
    user_id: Option<Uuid>,
    device_hash: &[u8],
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let row = devices::Entity::find_by_id((user_id.unwrap_or(Uuid::nil()), device_hash.to_vec()));
    Ok(row.filter(Column::ExpiresAt.gt(now.micros())).one(db).await?.is_some())
}

/// The hash of the device with this secret, if the account knows it. The same statement runs when there is no account.
pub(crate) async fn recognised(
    db: &impl ConnectionTrait,
    user_id: Option<Uuid>,
    secret: Option<&str>,
    now: Timestamp,
) -> Result<Option<Vec<u8>>, DatabaseError> {
    let Some(secret) = secret else { return Ok(None) };
    let hash = crypto::token_hash(secret);
    Ok(known(db, user_id, &hash, now).await?.then_some(hash))
}

/// Whether others than this device signed in before, and it did not; before the write has opened a session.
pub(super) async fn is_new(
    tx: &Transaction,
    user_id: Uuid,
    device_hash: &[u8],
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    Ok(!known(tx, Some(user_id), device_hash, now).await?
        && (any(tx, user_id).await? || sessions::any_of_user(tx, user_id).await?))
}

/// Remembers a device, at the end of the write that completes its sign-in.
pub(super) fn remember(app: &App, tx: &Transaction, user_id: Uuid, device_hash: &[u8], now: Timestamp) {
    let row = devices::ActiveModel {
        user_id: Set(user_id),
        device_hash: Set(device_hash.to_vec()),
        first_seen_at: Set(now.micros()),
        last_seen_at: Set(now.micros()),
        expires_at: Set((now + app.config.login.device_lifetime.duration()).micros()),
    };
    let again = OnConflict::columns([Column::UserId, Column::DeviceHash])
        .update_columns([Column::LastSeenAt, Column::ExpiresAt])
        .to_owned();
    tx.later(&devices::Entity::insert(row).on_conflict(again).into_query());
}

async fn any(tx: &Transaction, user_id: Uuid) -> Result<bool, DatabaseError> {
    Ok(devices::Entity::find().filter(Column::UserId.eq(user_id)).one(tx).await?.is_some())
}

/// Forgets every device of an account.
pub async fn forget(tx: &Transaction, user_id: Uuid) -> Result<(), DatabaseError> {
    devices::Entity::delete_many().filter(Column::UserId.eq(user_id)).exec(tx).await?;
    Ok(())
}
