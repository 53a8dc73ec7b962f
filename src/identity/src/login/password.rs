//! Defines the login method `password`.
//!
//! Every response is hashed, whether or not the email has an account and the account has a password, so that
//! all cases take equally long. A right password whose stored hash has outdated parameters, or came from
//! another system, is hashed again with the current parameters; the new hash is stored with the sign-in.

use async_trait::async_trait;
use sea_orm::{QueryTrait as _, sea_query::SelectStatement};
use uuid::Uuid;

use super::{Challenge, ChallengeResponse, Context, LoginError, LoginMethod, Proof, policy::Factor};
use crate::{
    app::App,
    passwords::{self, Password, PasswordError, PasswordVerification, StoredPassword, hasher::HashError},
    users::User,
};

/// The response's payload is the password, as a JSON string.
pub struct PasswordMethod;

#[async_trait]
impl LoginMethod for PasswordMethod {
    fn name(&self) -> &'static str {
        "password"
    }

    fn amr(&self) -> &'static [&'static str] {
        &["pwd"]
    }

    fn factor(&self) -> Factor {
        Factor::Knowledge
    }

    fn requires_challenge(&self) -> bool {
        false
    }

    fn enrolment_statement(&self, user_id: Uuid) -> Option<SelectStatement> {
        Some(passwords::password_statement(user_id).into_query())
    }

    async fn begin(&self, _: &Context<'_>, _: Option<&User>) -> Result<Challenge, LoginError> {
        Ok(Challenge::default())
    }

    async fn verify(
        &self,
        cx: &Context<'_>,
        _: &Challenge,
        answer: &ChallengeResponse,
    ) -> Result<Proof, LoginError> {
        let password =
            answer.payload.as_str().and_then(Password::from_typed).ok_or(LoginError::ResponseRejected)?;
        let stored = passwords::find(cx.app, cx.app.db.reader(), cx.user.map(|user| user.id)).await?;
        let hash = stored.as_ref().map(|stored| stored.hash.as_str());
        let verdict = cx.app.passwords.hasher.verify(password.text(), hash).await?;
        let stored = stored
            .filter(|_| verdict != PasswordVerification::Mismatch)
            .ok_or(LoginError::ResponseRejected)?;
        let resealed = match verdict {
            PasswordVerification::NeedsRehash => Some(rehash(cx.app, &stored, &password).await?),
            PasswordVerification::Match | PasswordVerification::Mismatch => None,
        };
        Ok(Proof {
            consume_statement: Some(passwords::lock_password_statement(&stored, resealed)),
            ..Proof::default()
        })
    }
}

/// The password's hash with the current parameters, sealed for the row of the outdated hash.
async fn rehash(app: &App, stored: &StoredPassword, password: &Password) -> Result<Vec<u8>, LoginError> {
    let hash = app.passwords.hash(&app.random, password).await?;
    Ok(passwords::reseal(app, stored, &hash)?)
}

impl From<HashError> for LoginError {
    fn from(cause: HashError) -> Self {
        match cause {
            HashError::Busy(_) => Self::HasherBusy,
            HashError::UnusableStoredHash | HashError::Parameters(_) => Self::MethodFailed(Box::new(cause)),
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
