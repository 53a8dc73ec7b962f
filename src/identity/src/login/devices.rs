//! Answers with which devices an account has signed in.
//!
//! A browser is known by a secret in a cookie of its own, made at its first sign-in, stored hashed, and kept when somebody
//! signs out. An app keeps no cookie: it is known by the network it comes from and by what it calls itself. What is known
//! is not slowed by strangers ([`super::guesses`]), and its sign-ins are no news to the owner of the account. It proves
//! nothing else.

use postern_entities::devices::{self, Column};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryTrait as _,
    sea_query::OnConflict,
};
use uuid::Uuid;

use crate::{app::App, audit::Origin, crypto, rate_limit, sessions};

/// What names a device: a browser by the secret of its cookie, an app by where it is and what it says it is.
pub(super) fn hash(browser_secret: Option<&str>, origin: &Origin) -> Vec<u8> {
    if let Some(secret) = browser_secret {
        return crypto::token_hash(secret);
    }
    let name = origin.user_agent.as_deref().unwrap_or_default();
    crypto::token_hash(&format!("app\n{}\n{name}", rate_limit::source(origin.ip)))
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
