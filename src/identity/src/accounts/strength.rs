//! Tells how good a password would be while somebody types it, by the rules that decide when it is set.
//!
//! Nothing is kept of it, and nothing is looked up by an address that a stranger names.

use uuid::Uuid;

use super::{
    AccountError, known_words,
    links::{self, Purpose},
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
    /// That of the account to which a link to set a new password was mailed.
    Link {
        /// The token in the link.
        token: &'a str,
    },
    /// One's own.
    Own(&'a User),
}

/// Judges a password as it would be judged when it is set.
pub async fn judge(
    app: &App,
    typed: &str,
    whose: Whose<'_>,
    origin: &Origin,
) -> Result<Judged, AccountError> {
    let limit = Limit { name: "strengths_per_source", rate: app.config.limits.strengths_per_source };
    if let Taken::Limited { retry_after, .. } =
        rate_limit::take_now(app, limit, &rate_limit::source(origin.ip)).await?
    {
        return Err(AccountError::Limited { retry_after });
    }
    let Some(password) = Password::typed(typed) else {
        return Ok(Judged { score: 0, weakness: Some(Weakness::TooLong) });
    };
    match whose {
        Whose::New { email, name } => {
            let name = Some(name).filter(|name| !name.is_empty());
            Ok(passwords::judge(app, &password, false, &known_words(app, email, name)).await?)
        }
        Whose::Link { token } => of_user(app, &password, &owner(app, token).await?).await,
        Whose::Own(user) => of_user(app, &password, user).await,
    }
}

async fn owner(app: &App, token: &str) -> Result<User, AccountError> {
    let link = links::find::<Option<Uuid>>(app, Purpose::Reset, token, app.clock.now()).await?;
    let id = link.and_then(|link| link.user_id).ok_or(AccountError::LinkOver)?;
    users::find(app.db.reader(), id).await?.ok_or(AccountError::LinkOver)
}

/// The same for a password of an account that there is.
pub(super) async fn of_user(app: &App, password: &Password, user: &User) -> Result<Judged, AccountError> {
    let second_factor = second_factor::has_second_factor(app, user).await.map_err(AccountError::Login)?;
    let name = user.profile["name"].as_str();
    Ok(passwords::judge(app, password, second_factor, &known_words(app, &user.email, name)).await?)
}
