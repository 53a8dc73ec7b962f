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
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder as _, QuerySelect as _, Select,
    sea_query::{Expr, SimpleExpr},
};
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
    /// To make another address the account's own.
    ChangeEmail,
    /// To make an account, by invitation.
    Invite,
    /// Nothing.
    Nothing,
}

impl Purpose {
    const fn word(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Reset => "reset",
            Self::ChangeEmail => "change_email",
            Self::Invite => "invite",
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

    /// The same with another end.
    pub(super) fn until(mut self, end: Timestamp) -> Self {
        self.row.expires_at = end.micros();
        self
    }

    /// Its end.
    pub(super) fn expires_at(&self) -> Timestamp {
        Timestamp::from_micros(self.row.expires_at)
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
    let row = waiting(purpose, now)
        .filter(Column::TokenHash.eq(crypto::token_hash(token)))
        .one(app.db.reader())
        .await
        .map_err(DatabaseError::from)?;
    row.map(|row| Link::open(app, row)).transpose()
}

/// The newest link to this address, if one is for this and was not used yet.
pub(super) async fn newest<T: DeserializeOwned>(
    app: &App,
    purpose: Purpose,
    email: &Email,
    now: Timestamp,
) -> Result<Option<Link<T>>, LinkError> {
    let row = waiting(purpose, now)
        .filter(Column::Email.eq(email.as_str()))
        .order_by_desc(Column::CreatedAt)
        .one(app.db.reader())
        .await
        .map_err(DatabaseError::from)?;
    row.map(|row| Link::open(app, row)).transpose()
}

/// What may be used of one kind, the oldest first.
pub(super) async fn list(
    app: &App,
    purpose: Purpose,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<Model>, DatabaseError> {
    Ok(waiting(purpose, now).order_by_asc(Column::CreatedAt).limit(limit).all(app.db.reader()).await?)
}

fn waiting(purpose: Purpose, now: Timestamp) -> Select<links::Entity> {
    links::Entity::find()
        .filter(Column::Purpose.eq(purpose.word()))
        .filter(Column::UsedAt.is_null())
        .filter(Column::ExpiresAt.gt(now.micros()))
}

impl<T: DeserializeOwned> Link<T> {
    fn open(app: &App, row: Model) -> Result<Self, LinkError> {
        let sealed = row.payload_sealed.as_deref().unwrap_or_default();
        let plain = app.vault.open(&place(&crypto::hex(&row.token_hash)), sealed)?;
        let payload = serde_json::from_slice(&plain).map_err(|_| CryptoError::Altered)?;
        Ok(Self { token_hash: row.token_hash, user_id: row.user_id, email: row.email, payload })
    }
}

impl<T> Link<T> {
    /// What names it, and does not open it.
    pub(super) fn id(&self) -> String {
        crypto::hex(&self.token_hash)
    }

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

/// Ends the links of an account that were not used: what they were asked for is done, or must not be done any more.
pub(crate) async fn end_of_user(
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

/// Ends the links of an account that are for this.
pub(super) async fn end_of_user_for(
    tx: &Transaction,
    user_id: Uuid,
    purpose: Purpose,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    end(tx, purpose, Column::UserId.eq(user_id), now).await?;
    Ok(())
}

/// Ends the links to an address that are for this. Whether there were any.
pub(super) async fn end_of_address(
    tx: &Transaction,
    purpose: Purpose,
    email: &Email,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    Ok(end(tx, purpose, Column::Email.eq(email.as_str()), now).await? > 0)
}

async fn end(
    tx: &Transaction,
    purpose: Purpose,
    whose: SimpleExpr,
    now: Timestamp,
) -> Result<u64, DatabaseError> {
    let ended = links::Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(now.micros()))
        .col_expr(Column::PayloadSealed, Expr::value(None::<Vec<u8>>))
        .filter(whose)
        .filter(Column::Purpose.eq(purpose.word()))
        .filter(Column::UsedAt.is_null())
        .filter(Column::ExpiresAt.gt(now.micros()))
        .exec(tx)
        .await?;
    Ok(ended.rows_affected)
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
