//! Tells how good a password would be while somebody types it, by the rules that decide when it is set.
//!
//! Only who may set one is told: an estimate is slow, and a stranger could ask for any number of them. Nothing is kept of
//! it, and nothing is looked up by an address that a stranger names.

use uuid::Uuid;

use super::{
    AccountError, invitations, known_words,
    links::{self, Purpose},
    registration,
};
use crate::{
    App,
    audit::Origin,
    login::second_factor,
    passwords::{self, Judged, Password, Weakness},
    rate_limit::{self, Limit, Taken},
    users::{self, User},
};

/// Whose password it would be.
pub enum Whose<'a> {
    /// That of an account that is being asked for.
    New {
        /// The address, as typed so far.
        email: &'a str,
        /// The name, as typed so far.
        name: &'a str,
    },
    /// That of an account that is being made by invitation.
    Invited {
        /// The token in the link.
        token: &'a str,
        /// The name, as typed so far.
        name: &'a str,
    },
    /// That of the account to which a link to set a new password was mailed.
    Link {
        /// The token in the link.
        token: &'a str,
    },
    /// One's own.
    Own(&'a User),
}

/// Judges a password as it would be judged when it is set. `None` while too many others are being judged.
pub async fn judge(
    app: &App,
    typed: &str,
    whose: Whose<'_>,
    origin: &Origin,
) -> Result<Option<Judged>, AccountError> {
    let account = Account::find(app, whose).await?;
    let limit = Limit { name: "strengths_per_source", rate: app.config.limits.strengths_per_source };
    if let Taken::Limited { retry_after, .. } =
        rate_limit::take_now(app, limit, &rate_limit::source(origin.ip)).await?
    {
        return Err(AccountError::Limited { retry_after });
    }
    let Some(password) = Password::typed(typed) else {
        return Ok(Some(Judged { score: 0, weakness: Some(Weakness::TooLong) }));
    };
    let judged = passwords::estimate(app, &password, account.second_factor, &account.words(app)).await;
    Ok(judged.ok())
}

/// What the rules for passwords ask of an account.
pub(super) struct Account {
    email: String,
    name: Option<String>,
    /// Whether a password is used there beside a second factor.
    pub(super) second_factor: bool,
}

impl Account {
    /// The account whose password may be set; refuses where none may be.
    async fn find(app: &App, whose: Whose<'_>) -> Result<Self, AccountError> {
        let typed = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        Ok(match whose {
            Whose::New { email, name } => {
                registration::must_be_open(app)?;
                Self { email: email.to_owned(), name: typed(name), second_factor: false }
            }
            Whose::Invited { token, name } => {
                let email = invitations::invited(app, token).await?.ok_or(AccountError::LinkOver)?;
                Self { email, name: typed(name), second_factor: false }
            }
            Whose::Link { token } => Self::of_user(app, &owner(app, token).await?).await?,
            Whose::Own(user) => Self::of_user(app, user).await?,
        })
    }

    /// One that there is.
    pub(super) async fn of_user(app: &App, user: &User) -> Result<Self, AccountError> {
        let second_factor = second_factor::has_second_factor(app, user).await.map_err(AccountError::Login)?;
        let name = user.profile["name"].as_str().map(str::to_owned);
        Ok(Self { email: user.email.clone(), name, second_factor })
    }

    /// What everybody knows about it.
    pub(super) fn words<'a>(&'a self, app: &'a App) -> Vec<&'a str> {
        known_words(app, &self.email, self.name.as_deref())
    }
}

async fn owner(app: &App, token: &str) -> Result<User, AccountError> {
    let link = links::find::<Option<Uuid>>(app, Purpose::Reset, token, app.clock.now()).await?;
    let id = link.and_then(|link| link.user_id).ok_or(AccountError::LinkOver)?;
    users::find(app.db.reader(), id).await?.ok_or(AccountError::LinkOver)
}
