//! Answers whether a password is somebody's, and which ones may be.
//!
//! Owns the `credentials` rows of kind `password`: an Argon2id hash with its parameters (PHC string), sealed for its row,
//! so that a copy of the database alone gives nothing to guess at. [`hasher`] is where hashes are made, [`stored`] which
//! hashes of other systems may come with an imported account, [`rules`] what a password must be, [`breached`] which ones
//! everybody knows. How strong a password would be is told by [`estimate`], which takes nothing from who signs in. How a sign-in by password goes is `login::password`; who may set one is `accounts`.

pub mod breached;
pub mod hasher;
pub mod rules;
mod stored;
pub mod workers;

use std::io;

use postern_entities::credentials::{self, Column};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryTrait as _, Select,
    sea_query::{CaseStatement, Expr, ExprTrait as _, UpdateStatement},
};
use uuid::Uuid;

use self::workers::Workers;
pub use self::{
    hasher::{HashError, Hasher, Verdict},
    rules::{Judged, Password, Weakness},
};
use crate::{App, crypto::CryptoError, pool::Busy, sealed_credentials};

const KIND: &str = "password";

/// A hash of a password, ready to be stored for one account.
#[derive(Clone)]
pub struct NewPassword {
    row: credentials::Model,
}

/// The stored hash of an account.
pub struct StoredPassword {
    id: Uuid,
    user_id: Uuid,
    sealed: Vec<u8>,
    /// The PHC string.
    pub hash: String,
}

/// Why a password was not hashed or read.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It was not hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// It could not be sealed or opened.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// The database did not answer.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

/// Estimates which may wait: about a tenth of a second's work. Whoever types on asks again.
const MOST_WAITING_ESTIMATES: usize = 8;

/// Where strength is estimated while a password is typed: one thread apart from those that hash, so that estimates, which
/// strangers ask for, hold up no sign-in.
pub fn estimator() -> Result<Workers, Busy> {
    Workers::start("estimates", 1, MOST_WAITING_ESTIMATES, || ())
}

/// Whether a password may be set: see [`Password::judge`]. It is judged where it is hashed afterwards.
pub async fn check(
    app: &App,
    password: &Password,
    second_factor: bool,
    words: &[&str],
) -> Result<Result<(), Weakness>, Busy> {
    let judged = app.hasher.judge(judging(app, password, second_factor, words)).await?;
    let Judged { weakness, .. } = readable(judged)?;
    Ok(weakness.map_or(Ok(()), Err))
}

/// What a password that is still typed would be worth: see [`Password::judge`].
pub async fn estimate(
    app: &App,
    password: &Password,
    second_factor: bool,
    words: &[&str],
) -> Result<Judged, Busy> {
    let judge = judging(app, password, second_factor, words);
    readable(app.estimator.run(|()| judge()).await?)
}

fn judging(
    app: &App,
    password: &Password,
    second_factor: bool,
    words: &[&str],
) -> impl FnOnce() -> io::Result<Judged> + Send + 'static {
    let (password, settings) = (password.clone(), app.config.password.clone());
    let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    let breached = app.breached.clone();
    move || {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        password.judge(&settings, second_factor, &words, breached.as_deref())
    }
}

/// Without the file of breached passwords none may be set, so a file that cannot be read any more counts as too busy.
fn readable(judged: io::Result<Judged>) -> Result<Judged, Busy> {
    judged.map_err(|cause| {
        tracing::error!(%cause, "the file of breached passwords cannot be read");
        Busy
    })
}

/// Hashes a password.
pub async fn hash(app: &App, password: &Password) -> Result<String, HashError> {
    app.hasher.hash(password.text(), app.random.bytes()).await
}

/// Whether a hash of another system can be stored; says which rule it breaks, reading on from the name of its field.
pub fn check_hash(hash: &str) -> Result<(), &'static str> {
    stored::Stored::parse(hash).map(drop)
}

/// Seals a hash for an account, before the write that stores it.
pub fn seal(app: &App, user_id: Uuid, hash: &str, now: Timestamp) -> Result<NewPassword, CryptoError> {
    let id = app.random.row_id(now);
    let row = credentials::Model {
        id,
        user_id,
        kind: KIND.to_owned(),
        secret_sealed: sealed_credentials::seal(&app.vault, id, user_id, hash.as_bytes())?,
        confirmed_at: Some(now.micros()),
        last_used_step: None,
        created_at: now.micros(),
    };
    Ok(NewPassword { row })
}

impl NewPassword {
    /// Stores it; the account's former password is none any more. The write holds the user exclusively
    /// ([`users::lock`](crate::users::lock)), or made them.
    pub async fn store(self, tx: &Transaction) -> Result<(), DatabaseError> {
        of_user(self.row.user_id).exec(tx).await?;
        let row: credentials::ActiveModel = self.row.into();
        credentials::Entity::insert(row).exec_without_returning(tx).await?;
        Ok(())
    }
}

/// Stores the first passwords of accounts that the same write made.
pub async fn store_first(tx: &Transaction, passwords: Vec<NewPassword>) -> Result<(), DatabaseError> {
    if passwords.is_empty() {
        return Ok(());
    }
    let rows = passwords.into_iter().map(|password| credentials::ActiveModel::from(password.row));
    credentials::Entity::insert_many(rows).exec_without_returning(tx).await?;
    Ok(())
}

/// Removes the password of an account. Whether it had one.
pub async fn remove(tx: &Transaction, user_id: Uuid) -> Result<bool, DatabaseError> {
    Ok(of_user(user_id).exec(tx).await?.rows_affected > 0)
}

fn of_user(user_id: Uuid) -> sea_orm::DeleteMany<credentials::Entity> {
    credentials::Entity::delete_many().filter(Column::UserId.eq(user_id)).filter(Column::Kind.eq(KIND))
}

/// The password of an account; the same statement runs when there is no account.
pub async fn find(
    app: &App,
    db: &impl ConnectionTrait,
    user_id: Option<Uuid>,
) -> Result<Option<StoredPassword>, PasswordError> {
    let row = finding(user_id.unwrap_or(Uuid::nil())).one(db).await.map_err(DatabaseError::from)?;
    let Some(row) = row else { return Ok(None) };
    let hash = sealed_credentials::open(&app.vault, &row)?;
    let hash = String::from_utf8(hash).map_err(|_| CryptoError::Altered)?;
    Ok(Some(StoredPassword { id: row.id, user_id: row.user_id, sealed: row.secret_sealed, hash }))
}

/// What finds the password of an account, if it has one.
pub fn finding(user_id: Uuid) -> Select<credentials::Entity> {
    credentials::Entity::find().filter(Column::UserId.eq(user_id)).filter(Column::Kind.eq(KIND))
}

/// What changes one row if this is still the account's password, and holds it until the write ends: who changes it
/// meanwhile waits, and then ends what this write opens. A seal of the same password, made `anew`, replaces the one it was
/// made for, unless another one did already.
pub fn holding(stored: &StoredPassword, anew: Option<Vec<u8>>) -> UpdateStatement {
    let now = || Expr::col(Column::SecretSealed);
    let seal = match anew {
        Some(anew) => CaseStatement::new().case(now().eq(stored.sealed.clone()), anew).finally(now()).into(),
        None => now(),
    };
    credentials::Entity::update_many()
        .col_expr(Column::SecretSealed, seal)
        .filter(Column::Id.eq(stored.id))
        .into_query()
}

/// Seals a new hash for the row of an outdated one.
pub fn seal_again(app: &App, stored: &StoredPassword, hash: &str) -> Result<Vec<u8>, CryptoError> {
    sealed_credentials::seal(&app.vault, stored.id, stored.user_id, hash.as_bytes())
}
