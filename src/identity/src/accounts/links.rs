//! Keeps the links that are mailed to people, each to be used once.
//!
//! ```text
//!   made ──► used
//!     └────► expired, removed
//! ```
//!
//! The token in a link is 256 random bits, stored hashed. What the link completes lies sealed in its row, so that nothing
//! of it is true before somebody who reads that mailbox says so. For an address where there is nothing to do a row is
//! written all the same, of a purpose that nothing asks for: what a stranger sees costs the same.

use postern_entities::links::{self, Column, Model};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    App,
    crypto::{self, CryptoError},
    users::Email,
};

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To complete a registration.
    Register,
    /// To set a new password.
    Reset,
    /// Nothing.
    Nothing,
}

impl Purpose {
    const fn word(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Reset => "reset",
            Self::Nothing => "none",
        }
    }
}

/// A link in the making.
pub(super) struct NewLink {
    /// The token in it.
    pub(super) token: String,
    row: Model,
}

impl NewLink {
    /// One that completes what `payload` says.
    pub(super) fn new(
        app: &App,
        purpose: Purpose,
        user_id: Option<Uuid>,
        email: &Email,
        payload: &impl Serialize,
        now: Timestamp,
    ) -> Result<Self, CryptoError> {
        let token = app.random.token();
        let token_hash = crypto::token_hash(&token);
        let plain = serde_json::to_vec(payload).map_err(|_| CryptoError::Library)?;
        let row = Model {
            payload_sealed: Some(app.vault.seal(&place(&crypto::hex(&token_hash)), &plain)?),
            token_hash,
            purpose: purpose.word().to_owned(),
            user_id,
            email: email.as_str().to_owned(),
            created_at: now.micros(),
            expires_at: (now + app.config.registration.link_lifetime.duration()).micros(),
            used_at: None,
        };
        Ok(Self { token, row })
    }

    /// Keeps it.
    pub(super) async fn store(self, tx: &Transaction) -> Result<(), DatabaseError> {
        links::Entity::insert(links::ActiveModel::from(self.row)).exec_without_returning(tx).await?;
        Ok(())
    }
}

/// A link that may be used.
pub(super) struct Link<T> {
    token_hash: Vec<u8>,
    pub(super) user_id: Option<Uuid>,
    pub(super) email: String,
    pub(super) payload: T,
}

/// The link with this token, if it is for this and was not used yet.
pub(super) async fn find<T: DeserializeOwned>(
    app: &App,
    purpose: Purpose,
    token: &str,
    now: Timestamp,
) -> Result<Option<Link<T>>, LinkError> {
    let token_hash = crypto::token_hash(token);
    let row = links::Entity::find_by_id(token_hash.clone())
        .filter(Column::Purpose.eq(purpose.word()))
        .filter(Column::UsedAt.is_null())
        .filter(Column::ExpiresAt.gt(now.micros()))
        .one(app.db.reader())
        .await
        .map_err(DatabaseError::from)?;
    let Some(row) = row else { return Ok(None) };
    let sealed = row.payload_sealed.as_deref().unwrap_or_default();
    let plain = app.vault.open(&place(&crypto::hex(&token_hash)), sealed)?;
    let payload = serde_json::from_slice(&plain).map_err(|_| CryptoError::Altered)?;
    Ok(Some(Link { token_hash, user_id: row.user_id, email: row.email, payload }))
}

impl<T> Link<T> {
    /// Uses it; false when somebody else did, or when it has ended.
    pub(super) async fn consume(&self, tx: &Transaction, now: Timestamp) -> Result<bool, DatabaseError> {
        let used = links::Entity::update_many()
            .col_expr(Column::UsedAt, Expr::value(now.micros()))
            .col_expr(Column::PayloadSealed, Expr::value(None::<Vec<u8>>))
            .filter(Column::TokenHash.eq(self.token_hash.clone()))
            .filter(Column::UsedAt.is_null())
            .filter(Column::ExpiresAt.gt(now.micros()))
            .exec(tx)
            .await?;
        Ok(used.rows_affected == 1)
    }
}

/// Ends the other links of an account: what they were asked for is done.
pub(super) async fn end_of_user(
    tx: &Transaction,
    user_id: Uuid,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    links::Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(now.micros()))
        .filter(Column::UserId.eq(user_id))
        .filter(Column::UsedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Why a link was not found.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// What it completes does not open.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// The database did not answer.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

fn place(token_hash: &str) -> [&str; 2] {
    ["links", token_hash]
}
