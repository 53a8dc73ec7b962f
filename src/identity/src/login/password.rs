//! Defines `password`: something the person knows.
//!
//! It is hashed for every answer, whether or not the address has an account or the account a password, so that both take
//! as long. A hash whose parameters are not those of the settings, or that another system made, is made anew by the sign-in
//! that proves it.

use async_trait::async_trait;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};

use super::{Answer, Challenge, Consumable, Context, LoginError, LoginMethod, Proof, policy::Factor};
use crate::{
    app::App,
    passwords::{self, Password, PasswordError, StoredPassword, Verdict, hasher::HashError},
    users::User,
};

/// The method `password`. Its own form of answer is the password, as text.
pub struct ByPassword;

#[async_trait]
impl LoginMethod for ByPassword {
    fn name(&self) -> &'static str {
        "password"
    }

    fn amr(&self) -> &'static [&'static str] {
        &["pwd"]
    }

    fn kind(&self) -> Factor {
        Factor::Knows
    }

    fn challenges(&self) -> bool {
        false
    }

    async fn enrolled(&self, app: &App, user: &User) -> Result<bool, LoginError> {
        Ok(passwords::find(app, app.db.reader(), Some(user.id)).await?.is_some())
    }

    async fn begin(&self, _: &Context<'_>, _: Option<&User>) -> Result<Challenge, LoginError> {
        Ok(Challenge::default())
    }

    async fn verify(&self, cx: &Context<'_>, _: &Challenge, answer: &Answer) -> Result<Proof, LoginError> {
        let password = answer.own.as_str().and_then(Password::typed).ok_or(LoginError::Refused)?;
        let stored = passwords::find(cx.app, cx.app.db.reader(), cx.user.map(|user| user.id)).await?;
        let hash = stored.as_ref().map(|stored| stored.hash.as_str());
        let verdict = cx.app.hasher.verify(password.text(), hash).await?;
        let sealed = match (verdict, &stored) {
            (Verdict::Right, _) => None,
            (Verdict::Outdated, Some(stored)) => Some(sealed_again(cx.app, stored, &password).await?),
            _ => return Err(LoginError::Refused),
        };
        let proven = Proven { stored: stored.ok_or(LoginError::Refused)?, sealed };
        Ok(Proof { consumes: Some(Box::new(proven)), ..Proof::default() })
    }
}

/// The same password, hashed as the settings say now.
async fn sealed_again(
    app: &App,
    stored: &StoredPassword,
    password: &Password,
) -> Result<Vec<u8>, LoginError> {
    let hash = passwords::hash(app, password).await?;
    Ok(passwords::seal_again(app, stored, &hash)?)
}

/// A password that was right a moment ago: it must still be the account's when the sign-in is written.
struct Proven {
    stored: StoredPassword,
    /// Stored with the sign-in that proved it.
    sealed: Option<Vec<u8>>,
}

#[async_trait]
impl Consumable for Proven {
    async fn consume(&self, _: &App, tx: &Transaction, _: Timestamp) -> Result<bool, DatabaseError> {
        if let Some(sealed) = &self.sealed {
            passwords::renew(tx, &self.stored, sealed).await?;
        }
        passwords::still(tx, &self.stored).await
    }
}

impl From<HashError> for LoginError {
    fn from(cause: HashError) -> Self {
        match cause {
            HashError::Busy(_) => Self::Busy,
            HashError::Stored | HashError::Parameters(_) => Self::Method(Box::new(cause)),
        }
    }
}

impl From<PasswordError> for LoginError {
    fn from(cause: PasswordError) -> Self {
        match cause {
            PasswordError::Hash(cause) => cause.into(),
            PasswordError::Crypto(cause) => cause.into(),
            PasswordError::Database(cause) => cause.into(),
        }
    }
}
