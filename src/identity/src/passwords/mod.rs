//! Answers whether a password matches an account's, and which passwords may be set.
//!
//! Owns the `credentials` rows of kind `password`: an Argon2id hash with its parameters (PHC string), sealed
//! for its row, so that a copy of the database alone does not allow an offline search. [`hasher`] makes
//! hashes; `stored` defines which hashes of other systems an imported account may bring; [`rules`] defines
//! what a password must fulfil; [`breached`] knows the compromised ones. [`estimate`] rates a password while
//! it is entered, on a thread that sign-ins do not need.
//!
//! Leaves the sign-in to `login::password`, and who may set a password to `accounts`.

pub mod breached;
pub mod hasher;
pub mod rules;
mod stored;
pub mod workers;

use std::{io, sync::Arc};

use postern_entities::credentials::{self, Column};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
    random::Random,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryTrait as _, Select,
    sea_query::{CaseStatement, Expr, ExprTrait as _, UpdateStatement},
};
use uuid::Uuid;

use self::{
    breached::{BreachedError, BreachedPasswords},
    workers::Workers,
};
pub use self::{
    hasher::{HashError, Hasher, PasswordVerification},
    rules::{Password, PasswordAssessment, Weakness},
};
use crate::{config::PasswordSettings, core::Core, crypto::CryptoError, pool::Busy, sealed_credentials};

const KIND: &str = "password";

/// A password hash, sealed and ready to be stored for one account.
#[derive(Clone)]
pub struct NewPassword {
    row: credentials::Model,
}

/// The stored password hash of an account.
pub struct StoredPassword {
    id: Uuid,
    user_id: Uuid,
    sealed: Vec<u8>,
    /// In plain text: a PHC string, or bcrypt's own form for an imported hash.
    pub hash: String,
}

#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

/// Estimates that may wait: about a tenth of a second's work. A page that is refused asks again at the next
/// key.
const MAX_WAITING_ESTIMATES: usize = 8;

/// What checks and hashes passwords, each on threads of its own.
pub struct Passwords {
    pub hasher: Hasher,
    /// Rates passwords while they are entered. Separate from the threads that hash, so that estimates, which anybody can
    /// request, delay no sign-in.
    pub strength_estimator: Workers,
    /// None unless the operator has configured a file of breached passwords.
    pub breached: Option<Arc<BreachedPasswords>>,
    settings: PasswordSettings,
}

/// Why [`Passwords`] cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("passwords cannot be hashed")]
    Hasher(#[from] HashError),
    #[error(transparent)]
    Breached(#[from] BreachedError),
}

impl Passwords {
    /// Starts the threads, and opens the file of breached passwords.
    pub fn start(settings: &PasswordSettings) -> Result<Self, StartError> {
        let estimator =
            Workers::start("estimates", 1, MAX_WAITING_ESTIMATES, || ()).map_err(HashError::from)?;
        let breached = settings.breached_file.as_deref().map(BreachedPasswords::open).transpose()?;
        Ok(Self {
            hasher: Hasher::new(settings)?,
            strength_estimator: estimator,
            breached: breached.map(Arc::new),
            settings: settings.clone(),
        })
    }

    /// Whether a password may be set: see [`Password::assess`]. Runs on the threads that hash, because the hash follows.
    pub async fn check(
        &self,
        password: &Password,
        second_factor: bool,
        words: &[&str],
    ) -> Result<Result<(), Weakness>, Busy> {
        let judged = self.hasher.run_assessment(self.assessment_work(password, second_factor, words)).await?;
        let PasswordAssessment { weakness, .. } = busy_if_unreadable(judged)?;
        Ok(weakness.map_or(Ok(()), Err))
    }

    /// The assessment of a password that is still being entered: see [`Password::assess`].
    pub async fn estimate(
        &self,
        password: &Password,
        second_factor: bool,
        words: &[&str],
    ) -> Result<PasswordAssessment, Busy> {
        let judge = self.assessment_work(password, second_factor, words);
        busy_if_unreadable(self.strength_estimator.run(|()| judge()).await?)
    }

    fn assessment_work(
        &self,
        password: &Password,
        second_factor: bool,
        words: &[&str],
    ) -> impl FnOnce() -> io::Result<PasswordAssessment> + Send + 'static {
        let (password, settings) = (password.clone(), self.settings.clone());
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let breached = self.breached.clone();
        move || {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            password.assess(&settings, second_factor, &words, breached.as_deref())
        }
    }

    pub async fn hash(&self, random: &Random, password: &Password) -> Result<String, HashError> {
        self.hasher.hash(password.text(), random.bytes()).await
    }
}

/// Maps an unreadable file of breached passwords to [`Busy`]: no password may be set without the file.
fn busy_if_unreadable(judged: io::Result<PasswordAssessment>) -> Result<PasswordAssessment, Busy> {
    judged.map_err(|cause| {
        tracing::error!(%cause, "the file of breached passwords cannot be read");
        Busy
    })
}

/// Whether a hash of another system can be stored. The error says which rule the hash breaks, as the rest of
/// a sentence that begins with the field's name.
pub fn check_hash(hash: &str) -> Result<(), &'static str> {
    stored::StoredHash::parse(hash).map(drop)
}

/// Seals a hash for an account, before the write that stores it.
pub fn seal(core: &Core, user_id: Uuid, hash: &str, now: Timestamp) -> Result<NewPassword, CryptoError> {
    let id = core.random.row_id(now);
    let row = credentials::Model {
        id,
        user_id,
        kind: KIND.to_owned(),
        secret_sealed: sealed_credentials::seal(&core.vault, id, user_id, hash.as_bytes())?,
        confirmed_at: Some(now),
        last_used_step: None,
        created_at: now,
    };
    Ok(NewPassword { row })
}

impl NewPassword {
    /// Replaces the account's password. The write must hold the user's row exclusively
    /// ([`users::lock`](crate::users::lock)), or have inserted it.
    pub async fn store(self, tx: &Transaction) -> Result<(), DatabaseError> {
        delete_statement(self.row.user_id).exec(tx).await?;
        let row: credentials::ActiveModel = self.row.into();
        credentials::Entity::insert(row).exec_without_returning(tx).await?;
        Ok(())
    }
}

/// Stores the first passwords of accounts that the same write inserted.
pub async fn store_first(tx: &Transaction, passwords: Vec<NewPassword>) -> Result<(), DatabaseError> {
    if passwords.is_empty() {
        return Ok(());
    }
    let rows = passwords.into_iter().map(|password| credentials::ActiveModel::from(password.row));
    credentials::Entity::insert_many(rows).exec_without_returning(tx).await?;
    Ok(())
}

/// Removes the password of an account. True when the account had one.
pub async fn remove(tx: &Transaction, user_id: Uuid) -> Result<bool, DatabaseError> {
    Ok(delete_statement(user_id).exec(tx).await?.rows_affected > 0)
}

fn delete_statement(user_id: Uuid) -> sea_orm::DeleteMany<credentials::Entity> {
    credentials::Entity::delete_many().filter(Column::UserId.eq(user_id)).filter(Column::Kind.eq(KIND))
}

/// The password of an account. Without an account the same statement runs.
pub async fn find(
    core: &Core,
    db: &impl ConnectionTrait,
    user_id: Option<Uuid>,
) -> Result<Option<StoredPassword>, PasswordError> {
    let row = password_statement(user_id.unwrap_or_default()).one(db).await.map_err(DatabaseError::from)?;
    let Some(row) = row else { return Ok(None) };
    let hash = sealed_credentials::open(&core.vault, &row)?;
    let hash = String::from_utf8(hash).map_err(|_| CryptoError::Altered)?;
    Ok(Some(StoredPassword { id: row.id, user_id: row.user_id, sealed: row.secret_sealed, hash }))
}

/// Finds the password of an account, if it has one.
pub fn password_statement(user_id: Uuid) -> Select<credentials::Entity> {
    credentials::Entity::find().filter(Column::UserId.eq(user_id)).filter(Column::Kind.eq(KIND))
}

/// Changes one row if this is still the account's password, and locks that row until the write ends: a
/// concurrent change of the password waits, and then ends the session that this write opens. `resealed`, a
/// new hash of the same password, replaces the hash that was verified, unless another sign-in has already
/// replaced it.
pub fn lock_password_statement(stored: &StoredPassword, resealed: Option<Vec<u8>>) -> UpdateStatement {
    let now = || Expr::col(Column::SecretSealed);
    let seal = match resealed {
        Some(anew) => CaseStatement::new().case(now().eq(stored.sealed.clone()), anew).finally(now()).into(),
        None => now(),
    };
    credentials::Entity::update_many()
        .col_expr(Column::SecretSealed, seal)
        .filter(Column::Id.eq(stored.id))
        .into_query()
}

/// Seals a new hash for the row of an outdated one.
pub fn reseal(core: &Core, stored: &StoredPassword, hash: &str) -> Result<Vec<u8>, CryptoError> {
    sealed_credentials::seal(&core.vault, stored.id, stored.user_id, hash.as_bytes())
}
