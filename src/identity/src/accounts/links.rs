//! Stores the links that are mailed to people. Each link can be used once.
//!
//! ```text
//!   created ──► used
//!      └──────► expired, deleted
//! ```
//!
//! The token in a link is 256 random bits and is stored hashed. The payload that the link completes is sealed
//! in its row, so nothing in the payload takes effect before the reader of the mailbox follows the link. For
//! an email that has nothing to complete, a decoy row is written ([`Purpose::Decoy`]), so that a stranger
//! cannot measure the difference.

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Register,
    Reset,
    /// To change the email of an account.
    ChangeEmail,
    /// To create an account by invitation.
    Invite,
    /// A decoy that no use case looks for.
    Decoy,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Reset => "reset",
            Self::ChangeEmail => "change_email",
            Self::Invite => "invite",
            Self::Decoy => "none",
        }
    }
}

/// A link that is sealed and not stored yet.
pub(super) struct NewLink {
    pub(super) token: String,
    row: Model,
}

impl NewLink {
    /// Seals `payload` under a new token. The lifetime is `registration.link_lifetime`.
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
            payload_sealed: Some(app.vault.seal(&associated_data(&crypto::encode_hex(&token_hash)), &plain)?),
            token_hash,
            purpose: purpose.as_str().to_owned(),
            user_id,
            email: email.as_str().to_owned(),
            created_at: now.micros(),
            expires_at: (now + app.config.registration.link_lifetime.duration()).micros(),
            used_at: None,
        };
        Ok(Self { token, row })
    }

    /// Replaces the default lifetime.
    pub(super) fn with_expiry(mut self, expires_at: Timestamp) -> Self {
        self.row.expires_at = expires_at.micros();
        self
    }

    pub(super) fn expires_at(&self) -> Timestamp {
        Timestamp::from_micros(self.row.expires_at)
    }

    pub(super) async fn store(self, tx: &Transaction) -> Result<(), DatabaseError> {
        links::Entity::insert(links::ActiveModel::from(self.row)).exec_without_returning(tx).await?;
        Ok(())
    }
}

/// A link that is neither used nor expired, with its payload opened.
pub(super) struct Link<T> {
    token_hash: Vec<u8>,
    pub(super) user_id: Option<Uuid>,
    pub(super) email: String,
    pub(super) payload: T,
}

/// The usable link with this token and purpose.
pub(super) async fn find<T: DeserializeOwned>(
    app: &App,
    purpose: Purpose,
    token: &str,
    now: Timestamp,
) -> Result<Option<Link<T>>, LinkError> {
    let row = usable_links_statement(purpose, now)
        .filter(Column::TokenHash.eq(crypto::token_hash(token)))
        .one(app.db.reader())
        .await
        .map_err(DatabaseError::from)?;
    row.map(|row| Link::from_row(app, row)).transpose()
}

/// The newest usable link to this email, of this purpose.
pub(super) async fn find_newest<T: DeserializeOwned>(
    app: &App,
    purpose: Purpose,
    email: &Email,
    now: Timestamp,
) -> Result<Option<Link<T>>, LinkError> {
    let row = usable_links_statement(purpose, now)
        .filter(Column::Email.eq(email.as_str()))
        .order_by_desc(Column::CreatedAt)
        .one(app.db.reader())
        .await
        .map_err(DatabaseError::from)?;
    row.map(|row| Link::from_row(app, row)).transpose()
}

/// The usable links of one purpose, the oldest first.
pub(super) async fn list_usable(
    app: &App,
    purpose: Purpose,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<Model>, DatabaseError> {
    Ok(usable_links_statement(purpose, now)
        .order_by_asc(Column::CreatedAt)
        .limit(limit)
        .all(app.db.reader())
        .await?)
}

fn usable_links_statement(purpose: Purpose, now: Timestamp) -> Select<links::Entity> {
    links::Entity::find()
        .filter(Column::Purpose.eq(purpose.as_str()))
        .filter(Column::UsedAt.is_null())
        .filter(Column::ExpiresAt.gt(now.micros()))
}

impl<T: DeserializeOwned> Link<T> {
    fn from_row(app: &App, row: Model) -> Result<Self, LinkError> {
        let sealed = row.payload_sealed.as_deref().unwrap_or_default();
        let plain = app.vault.open(&associated_data(&crypto::encode_hex(&row.token_hash)), sealed)?;
        let payload = serde_json::from_slice(&plain).map_err(|_| CryptoError::Altered)?;
        Ok(Self { token_hash: row.token_hash, user_id: row.user_id, email: row.email, payload })
    }
}

impl<T> Link<T> {
    /// Identifies the link, for example in a rate limit. The id is the hash of the token, so it cannot be
    /// used as the token.
    pub(super) fn id(&self) -> String {
        crypto::encode_hex(&self.token_hash)
    }

    /// Marks the link as used; the conditional update is the only gate. False if it was used before or has
    /// expired.
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

/// Invalidates all unused links of an account: their purpose is fulfilled, or must not be fulfilled any more.
pub(crate) async fn end_user_links(
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

/// Invalidates the unused links of an account that have this purpose.
pub(super) async fn end_user_links_for(
    tx: &Transaction,
    user_id: Uuid,
    purpose: Purpose,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    end_where(tx, purpose, Column::UserId.eq(user_id), now).await?;
    Ok(())
}

/// Invalidates the unused links to an email that have this purpose. Returns whether there were any.
pub(super) async fn end_email_links(
    tx: &Transaction,
    purpose: Purpose,
    email: &Email,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    Ok(end_where(tx, purpose, Column::Email.eq(email.as_str()), now).await? > 0)
}

async fn end_where(
    tx: &Transaction,
    purpose: Purpose,
    owner_condition: SimpleExpr,
    now: Timestamp,
) -> Result<u64, DatabaseError> {
    let ended = links::Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(now.micros()))
        .col_expr(Column::PayloadSealed, Expr::value(None::<Vec<u8>>))
        .filter(owner_condition)
        .filter(Column::Purpose.eq(purpose.as_str()))
        .filter(Column::UsedAt.is_null())
        .filter(Column::ExpiresAt.gt(now.micros()))
        .exec(tx)
        .await?;
    Ok(ended.rows_affected)
}

/// Why a link could not be created or read.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// The payload could not be sealed or opened.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

fn associated_data(token_hash: &str) -> [&str; 2] {
    ["links", token_hash]
}
