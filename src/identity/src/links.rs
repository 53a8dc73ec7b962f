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

pub(crate) mod owner_notice;

use postern_entities::links::{self, Column, Model};
use postern_entities::values::Hash256;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait as _, QueryFilter, QueryOrder as _, QuerySelect as _, Select,
    sea_query::{Expr, SimpleExpr},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    core::{Core, Write},
    crypto::{self, CryptoError},
    users::Email,
};

/// More than the mails that one recipient gets while a link lives, by the defaults.
const MOST_TO_ONE_EMAIL: u64 = 25;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Register,
    Reset,
    /// To change the email of an account.
    ChangeEmail,
    /// To create an account by invitation.
    Invite,
    /// To sign out everywhere ([`owner_notice`]).
    SignOut,
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
            Self::SignOut => "sign_out",
            Self::Decoy => "none",
        }
    }
}

/// Whom a link is mailed to.
#[derive(Clone, Copy)]
pub(crate) struct LinkRecipient<'a> {
    /// None where no account has the email yet.
    pub(crate) user_id: Option<Uuid>,
    pub(crate) email: &'a Email,
}

/// A link that is sealed and not stored yet.
pub(crate) struct NewLink {
    pub(crate) token: SecretString,
    row: Model,
}

impl NewLink {
    /// Seals `payload` under a new token. The lifetime is `registration.link_lifetime`.
    pub(crate) fn new(
        core: &Core,
        purpose: Purpose,
        recipient: LinkRecipient<'_>,
        payload: &impl Serialize,
        now: Timestamp,
    ) -> Result<Self, CryptoError> {
        let LinkRecipient { user_id, email } = recipient;
        let mut link = Self::seal(core, purpose, payload, now)?;
        link.row.user_id = user_id;
        email.as_str().clone_into(&mut link.row.email);
        Ok(link)
    }

    /// [`Self::new`] for the owner of an account, without the email in the open.
    pub(crate) fn for_user(
        core: &Core,
        purpose: Purpose,
        user_id: Uuid,
        payload: &impl Serialize,
        now: Timestamp,
    ) -> Result<Self, CryptoError> {
        let mut link = Self::seal(core, purpose, payload, now)?;
        link.row.user_id = Some(user_id);
        Ok(link)
    }

    fn seal(
        core: &Core,
        purpose: Purpose,
        payload: &impl Serialize,
        now: Timestamp,
    ) -> Result<Self, CryptoError> {
        let token = core.random.token();
        let token_hash = crypto::token_hash(token.expose_secret());
        let plain = serde_json::to_vec(payload).map_err(|_| CryptoError::Library)?;
        let row = Model {
            payload_sealed: Some(
                core.vault.seal(&associated_data(&crypto::encode_hex(&token_hash)), &plain)?,
            ),
            token_hash,
            purpose: purpose.as_str().to_owned(),
            user_id: None,
            email: String::new(),
            created_at: now,
            expires_at: now + core.config.registration.link_lifetime.duration(),
            used_at: None,
        };
        Ok(Self { token, row })
    }

    /// Replaces the default lifetime.
    pub(crate) fn with_expiry(mut self, expires_at: Timestamp) -> Self {
        self.row.expires_at = expires_at;
        self
    }

    pub(crate) fn expires_at(&self) -> Timestamp {
        self.row.expires_at
    }

    pub(crate) async fn store(self, tx: &Transaction) -> Result<(), DatabaseError> {
        links::Entity::insert(links::ActiveModel::from(self.row)).exec_without_returning(tx).await?;
        Ok(())
    }
}

/// A link that is neither used nor expired, with its payload opened.
pub(crate) struct Link<T> {
    token_hash: Hash256,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) email: String,
    pub(crate) payload: T,
}

/// The usable link with this token and purpose.
pub(crate) async fn find<T: DeserializeOwned>(
    core: &Core,
    purpose: Purpose,
    token: &str,
    now: Timestamp,
) -> Result<Option<Link<T>>, LinkError> {
    let row = usable_links_statement(purpose, now)
        .filter(Column::TokenHash.eq(crypto::token_hash(token)))
        .one(core.db.reader())
        .await
        .map_err(DatabaseError::from)?;
    row.map(|row| Link::from_row(core, row)).transpose()
}

/// The usable links to this email, of this purpose, the newest first: at most [`MOST_TO_ONE_EMAIL`].
pub(crate) async fn newest_first<T: DeserializeOwned>(
    core: &Core,
    purpose: Purpose,
    email: &Email,
    now: Timestamp,
) -> Result<Vec<Link<T>>, LinkError> {
    let rows = usable_links_statement(purpose, now)
        .filter(Column::Email.eq(email.as_str()))
        .order_by_desc(Column::CreatedAt)
        .limit(MOST_TO_ONE_EMAIL)
        .all(core.db.reader())
        .await
        .map_err(DatabaseError::from)?;
    rows.into_iter().map(|row| Link::from_row(core, row)).collect()
}

/// The usable links of one purpose, the oldest first.
pub(crate) async fn list_usable(
    core: &Core,
    purpose: Purpose,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<Model>, DatabaseError> {
    Ok(usable_links_statement(purpose, now)
        .order_by_asc(Column::CreatedAt)
        .limit(limit)
        .all(core.db.reader())
        .await?)
}

fn usable_links_statement(purpose: Purpose, now: Timestamp) -> Select<links::Entity> {
    links::Entity::find()
        .filter(Column::Purpose.eq(purpose.as_str()))
        .filter(Column::UsedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
}

impl<T: DeserializeOwned> Link<T> {
    fn from_row(core: &Core, row: Model) -> Result<Self, LinkError> {
        let sealed = row.payload_sealed.as_deref().unwrap_or_default();
        let plain = core.vault.open(&associated_data(&crypto::encode_hex(&row.token_hash)), sealed)?;
        let payload = serde_json::from_slice(&plain).map_err(|_| CryptoError::Altered)?;
        Ok(Self { token_hash: row.token_hash, user_id: row.user_id, email: row.email, payload })
    }
}

impl<T> Link<T> {
    /// Identifies the link, for example in a rate limit. The id is the hash of the token, so it cannot be
    /// used as the token.
    pub(crate) fn id(&self) -> String {
        crypto::encode_hex(&self.token_hash)
    }

    /// Marks the link as used; the conditional update is the only gate. False if it was used before or has
    /// expired.
    pub(crate) async fn consume(&self, write: &Write<'_>) -> Result<bool, DatabaseError> {
        let used = links::Entity::update_many()
            .col_expr(Column::UsedAt, Expr::value(write.now()))
            .col_expr(Column::PayloadSealed, Expr::value(None::<Vec<u8>>))
            .filter(Column::TokenHash.eq(self.token_hash))
            .filter(Column::UsedAt.is_null())
            .filter(Column::ExpiresAt.gt(write.now()))
            .exec(write)
            .await?;
        Ok(used.rows_affected == 1)
    }
}

/// Invalidates the unused links of an account: their purpose is fulfilled, or must not be fulfilled any more. Those that
/// sign out stay, because a thief who changes the account must not take them from its owner.
pub(crate) async fn end_user_links(write: &Write<'_>, user_id: Uuid) -> Result<(), DatabaseError> {
    links::Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(write.now()))
        .filter(Column::UserId.eq(user_id))
        .filter(Column::Purpose.ne(Purpose::SignOut.as_str()))
        .filter(Column::UsedAt.is_null())
        .exec(write)
        .await?;
    Ok(())
}

/// Invalidates the links of an account that sign out, of notices since this time: they went to a mailbox that is not the
/// owner's.
pub(crate) async fn end_sign_out_links_since(
    write: &Write<'_>,
    user_id: Uuid,
    since: Timestamp,
) -> Result<(), DatabaseError> {
    let of_those_notices = Column::UserId.eq(user_id).and(Column::CreatedAt.gte(since));
    end_where(write, Purpose::SignOut, of_those_notices).await?;
    Ok(())
}

/// Invalidates the unused links of an account that have this purpose.
pub(crate) async fn end_user_links_for(
    write: &Write<'_>,
    user_id: Uuid,
    purpose: Purpose,
) -> Result<(), DatabaseError> {
    end_where(write, purpose, Column::UserId.eq(user_id)).await?;
    Ok(())
}

/// Invalidates the unused links to an email that have this purpose. Returns whether there were any.
pub(crate) async fn end_email_links(
    write: &Write<'_>,
    purpose: Purpose,
    email: &Email,
) -> Result<bool, DatabaseError> {
    Ok(end_where(write, purpose, Column::Email.eq(email.as_str())).await? > 0)
}

async fn end_where(
    write: &Write<'_>,
    purpose: Purpose,
    owner_condition: SimpleExpr,
) -> Result<u64, DatabaseError> {
    let ended = links::Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(write.now()))
        .col_expr(Column::PayloadSealed, Expr::value(None::<Vec<u8>>))
        .filter(owner_condition)
        .filter(Column::Purpose.eq(purpose.as_str()))
        .filter(Column::UsedAt.is_null())
        .filter(Column::ExpiresAt.gt(write.now()))
        .exec(write)
        .await?;
    Ok(ended.rows_affected)
}

/// Why a link could not be created or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The payload could not be sealed or opened.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

fn associated_data(token_hash: &str) -> [&str; 2] {
    ["links", token_hash]
}
