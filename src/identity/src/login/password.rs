//! Defines `password`: something the person knows.
//!
//! It is hashed for every answer, whether or not the address has an account or the account a password, so that both take
//! as long. A hash whose parameters are not those of the settings, or that another system made, is made anew by the sign-in
//! that proves it.

use async_trait::async_trait;
use sea_orm::{QueryTrait as _, sea_query::SelectStatement};
use uuid::Uuid;

use super::{Answer, Challenge, Context, LoginError, LoginMethod, Proof, policy::Factor};
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

    fn enrolment(&self, user_id: Uuid) -> Option<SelectStatement> {
        Some(passwords::finding(user_id).into_query())
    }

    async fn begin(&self, _: &Context<'_>, _: Option<&User>) -> Result<Challenge, LoginError> {
        Ok(Challenge::default())
    }

    async fn verify(&self, cx: &Context<'_>, _: &Challenge, answer: &Answer) -> Result<Proof, LoginError> {
        let password = answer.own.as_str().and_then(Password::typed).ok_or(LoginError::Refused)?;
        let stored = passwords::find(cx.app, cx.app.db.reader(), cx.user.map(|user| user.id)).await?;
        let hash = stored.as_ref().map(|stored| stored.hash.as_str());
        let verdict = cx.app.hasher.verify(password.text(), hash).await?;
        let stored = stored.filter(|_| verdict != Verdict::Wrong).ok_or(LoginError::Refused)?;
        let anew = match verdict {
            Verdict::Outdated => Some(sealed_again(cx.app, &stored, &password).await?),
            Verdict::Right | Verdict::Wrong => None,
        };
        Ok(Proof { consumes: Some(passwords::holding(&stored, anew)), ..Proof::default() })
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
