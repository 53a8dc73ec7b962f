//! Estimates the strength of a password while it is typed, by the rules that decide when it is set.
//!
//! Only a person who may set a password gets an estimate: an estimate is slow, and strangers could request
//! any number. Nothing is stored, and no account is looked up by an email that the request names.

use super::{AccountError, context_words, invitations, recovery::ResetPayload, registration};
use crate::{
    App,
    core::RequestContext,
    links::{self, Purpose},
    login::second_factor,
    passwords::{Password, PasswordAssessment, Weakness},
    rate_limit::{self, Limit, TakeOutcome},
    users::{self, User},
};

/// The account that would have the password.
pub enum PasswordOwner<'a> {
    /// A registration that is being typed.
    Registration {
        /// May be incomplete while it is typed; not parsed.
        email: &'a str,
        /// May be incomplete while it is typed.
        name: &'a str,
    },
    /// An account that is being created by invitation.
    Invitation {
        token: &'a str,
        /// May be incomplete while it is typed.
        name: &'a str,
    },
    /// The account of a password reset link.
    ResetLink {
        token: &'a str,
    },
    User(&'a User),
}

/// Assesses a password as when it is set. None if too many other estimates are running.
pub async fn assess(
    app: &App,
    typed: &str,
    owner: PasswordOwner<'_>,
    context: &RequestContext,
) -> Result<Option<PasswordAssessment>, AccountError> {
    let account = PasswordContext::from_owner(app, owner).await?;
    let limit = Limit { name: "strengths_per_source", rate: app.config.limits.strengths_per_source };
    if let TakeOutcome::Limited { retry_after, .. } =
        rate_limit::take_relaxed(app, limit, &rate_limit::source_of_ip(context.ip)).await?
    {
        return Err(AccountError::RateLimited { retry_after });
    }
    let Some(password) = Password::from_typed(typed) else {
        return Ok(Some(PasswordAssessment { score: 0, weakness: Some(Weakness::TooLong) }));
    };
    let assessment =
        app.passwords.estimate(&password, account.second_factor, &account.context_words(app)).await;
    Ok(assessment.ok())
}

/// The facts of an account that the password rules depend on.
pub(super) struct PasswordContext {
    email: String,
    name: Option<String>,
    /// Whether the account uses the password together with a second factor; then shorter passwords are
    /// allowed.
    pub(super) second_factor: bool,
}

impl PasswordContext {
    /// Finds the context of the owner; refuses if the owner may not set a password.
    async fn from_owner(app: &App, owner: PasswordOwner<'_>) -> Result<Self, AccountError> {
        let typed = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        Ok(match owner {
            PasswordOwner::Registration { email, name } => {
                registration::require_self_registration(app)?;
                Self { email: email.to_owned(), name: typed(name), second_factor: false }
            }
            PasswordOwner::Invitation { token, name } => {
                let email =
                    invitations::find_invited_email(app, token).await?.ok_or(AccountError::InvalidLink)?;
                Self { email, name: typed(name), second_factor: false }
            }
            PasswordOwner::ResetLink { token } => {
                Self::from_user(app, &find_reset_link_owner(app, token).await?).await?
            }
            PasswordOwner::User(user) => Self::from_user(app, user).await?,
        })
    }

    /// Reads the context of an existing account.
    pub(super) async fn from_user(app: &App, user: &User) -> Result<Self, AccountError> {
        let second_factor = second_factor::has_second_factor(app, user).await.map_err(AccountError::Login)?;
        let name = user.profile["name"].as_str().map(str::to_owned);
        Ok(Self { email: user.email.clone(), name, second_factor })
    }

    pub(super) fn context_words<'a>(&'a self, app: &'a App) -> Vec<&'a str> {
        context_words(app, &self.email, self.name.as_deref())
    }
}

async fn find_reset_link_owner(app: &App, token: &str) -> Result<User, AccountError> {
    let link = links::find::<ResetPayload>(app, Purpose::Reset, token, app.clock.now()).await?;
    let id = link.and_then(|link| link.user_id).ok_or(AccountError::InvalidLink)?;
    users::find(app.db.reader(), id).await?.ok_or(AccountError::InvalidLink)
}
