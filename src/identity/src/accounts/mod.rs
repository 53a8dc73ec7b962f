//! Answers how people come by an account and back into it, by links that are mailed to them, and what they keep of it in
//! their own hands: [`profile`], [`address`], [`password`], [`applications`], [`activity`], [`export`], [`deletion`].
//!
//! ```text
//!   register ──link──► verify_email ──► an account          (nothing is stored as true before)
//!   invite ────link──► accept ────────► an account
//!   forgot ────link──► reset ──► a new password; every session and grant of the account has ended
//!   ask ───────link──► confirm, signed in ──► another address ──link──► undo ──► the former one again
//! ```
//!
//! Whether an address has an account is told to nobody but to who reads its mail: both cases take the same steps, write
//! as many rows and give the same answer. Links are made from the configured issuer and from nothing that a request says.

pub mod activity;
pub mod address;
pub mod applications;
pub mod changes;
pub mod deletion;
pub mod email_undo;
pub mod export;
pub mod invitations;
mod links;
pub mod password;
pub mod profile;
pub mod recovery;
pub mod recovery_codes;
pub mod registration;
pub mod strength;

use std::time::Duration;

use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};

use self::links::LinkError;
pub(crate) use self::links::end_of_user as end_links;
use crate::{
    App,
    administration::ChangeError,
    audit::Origin,
    crypto::CryptoError,
    login::LoginError,
    mail::allowance::{self, Allowance, Requester},
    passwords::{HashError, PasswordError, Weakness},
    pool::Busy,
    sessions::SessionEnded,
    users::Email,
};

/// Why a person did not get what they asked for.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Only operators add users here, or no mail can be sent.
    #[error("registration is closed")]
    Closed,
    /// No mail can be sent, so there is no way back to an account.
    #[error("no mail can be sent")]
    NoMail,
    /// Who makes an account here needs an invitation.
    #[error("registration needs an invitation")]
    Uninvited,
    /// Nobody can have this address.
    #[error("email is not an email address such as name@example.com")]
    MalformedEmail,
    /// The account has this address.
    #[error("is the address of the account already")]
    SameEmail,
    /// The password may not be set.
    #[error("password {0}")]
    Password(#[from] Weakness),
    /// A claim of the profile breaks a rule.
    #[error("{field} {rule}")]
    Profile {
        /// The claim.
        field: &'static str,
        /// The rule.
        rule: String,
    },
    /// The link was used, has ended, or never was.
    #[error("the link does not work any more")]
    LinkOver,
    /// The link is for an account that is not the one that is signed in.
    #[error("the link is for another account")]
    OtherAccount,
    /// Another account uses the email by now.
    #[error("another account uses the email")]
    EmailInUse,
    /// The password is not the one that the registration began with.
    #[error("is not the one that the registration began with")]
    WrongPassword,
    /// There is no authenticator for which codes could stand in.
    #[error("there is no authenticator")]
    NoAuthenticator,
    /// A login method failed.
    #[error(transparent)]
    Login(LoginError),
    /// Too often.
    #[error("too many requests")]
    Limited {
        /// When it may be tried again.
        retry_after: Duration,
    },
    /// The installation has sent as many mails as it may.
    #[error("as many mails were sent as limits.mails_per_installation allows")]
    MailsExhausted {
        /// When it may send again.
        retry_after: Duration,
    },
    /// The account was changed too often.
    #[error("too many changes")]
    TooManyChanges {
        /// When it may be changed again.
        retry_after: Duration,
    },
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// A password could not be hashed.
    #[error("a password could not be hashed")]
    Hash(#[source] HashError),
    /// Something could not be sealed or opened.
    #[error("a secret could not be sealed or opened")]
    Crypto(#[from] CryptoError),
    /// The session that allowed it has ended.
    #[error(transparent)]
    SessionEnded(#[from] SessionEnded),
    /// The database did not answer.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

impl From<sea_orm::DbErr> for AccountError {
    fn from(cause: sea_orm::DbErr) -> Self {
        Self::Database(cause.into())
    }
}

impl From<HashError> for AccountError {
    fn from(cause: HashError) -> Self {
        match cause {
            HashError::Busy(busy) => Self::Busy(busy),
            HashError::Stored | HashError::Parameters(_) => Self::Hash(cause),
        }
    }
}

impl From<PasswordError> for AccountError {
    fn from(cause: PasswordError) -> Self {
        match cause {
            PasswordError::Hash(cause) => cause.into(),
            PasswordError::Crypto(cause) => cause.into(),
            PasswordError::Database(cause) => cause.into(),
        }
    }
}

impl From<LinkError> for AccountError {
    fn from(cause: LinkError) -> Self {
        match cause {
            LinkError::Crypto(cause) => cause.into(),
            LinkError::Database(cause) => cause.into(),
        }
    }
}

impl From<ChangeError> for AccountError {
    fn from(cause: ChangeError) -> Self {
        match cause {
            ChangeError::Invalid { field, rule } => Self::Profile { field, rule },
            ChangeError::Database(cause) => cause.into(),
            // Somebody else took the address first.
            ChangeError::Taken { .. } | ChangeError::Unknown { .. } | ChangeError::Refused(_) => {
                Self::LinkOver
            }
        }
    }
}

impl AccountError {
    /// Reads a failed write of an email that an account had before.
    fn of_email_in_use(cause: sea_orm::DbErr) -> Self {
        match Self::of_taken_address(cause) {
            Self::LinkOver => Self::EmailInUse,
            cause => cause,
        }
    }

    /// Reads a failed write of an address: of two accounts that want it, the constraint decided who was first.
    fn of_taken_address(cause: sea_orm::DbErr) -> Self {
        match postern_service::database::unique_violation(&cause).as_deref() {
            Some("users.email") => Self::LinkOver,
            _ => cause.into(),
        }
    }
}

/// Uses the token of a link that completes a registration. Answers the address. The link of a change of address is for
/// its account alone ([`address::confirm`]).
pub async fn verify_email(app: &App, token: &str, origin: &Origin) -> Result<String, AccountError> {
    match registration::verify_email(app, token, None, origin).await {
        Ok(verified) => Ok(verified.user.email),
        Err(cause @ (AccountError::LinkOver | AccountError::Closed | AccountError::Uninvited)) => {
            Err(if address::find_change(app, token).await?.is_some() {
                AccountError::OtherAccount
            } else {
                cause
            })
        }
        Err(cause) => Err(cause),
    }
}

/// Counts a mail to an address that somebody named. How long to wait, if that was too often. The write must commit
/// whatever the answer is.
async fn count_mail(
    app: &App,
    tx: &Transaction,
    (email, requester): (&Email, Requester<'_>),
    origin: &Origin,
    now: Timestamp,
) -> Result<Option<Duration>, DatabaseError> {
    Ok(match allowance::take(app, tx, (email.as_str(), requester), origin, now).await? {
        Allowance::Limited { retry_after } => Some(retry_after),
        // Registrations alone are refused then.
        Allowance::Granted | Allowance::Exhausted { .. } => None,
    })
}

/// What everybody knows about an account, and so no part of its password.
fn known_words<'a>(app: &'a App, email: &'a str, name: Option<&'a str>) -> Vec<&'a str> {
    let host = app.config.issuer.split("://").last().unwrap_or_default();
    [email, host, "Postern"].into_iter().chain(name).collect()
}
