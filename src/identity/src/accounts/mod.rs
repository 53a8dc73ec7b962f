//! Defines how a person gets an account, gets back into it, and manages it.
//!
//! ```text
//!   register ──link──► verify_email ──► an account          (no claim is stored as verified before)
//!   invite ────link──► accept ────────► an account
//!   forgot ────link──► reset ──► a new password; every session and grant of the account has ended
//!   a notice ──link──► sign_out_everywhere ──► every session and grant of the account has ended
//!   request ───link──► confirm, signed in ──► another email ──link──► undo ──► the former email again
//! ```
//!
//! Owns registration, invitations, password reset, the change of email and its undoing, and self-service:
//! [`profile`], [`password`], [`applications`], [`activity`], [`export`], [`deletion`]. Leaves to `login` how
//! a person authenticates, and to `administration` what an operator changes.
//!
//! Rule against account enumeration: only the person who reads the mailbox of an email learns whether the
//! email has an account. Both cases take the same steps, write as many rows and give the same response. Links
//! are built from the configured issuer and never from a request header.

pub mod activity;
pub mod applications;
pub mod change_limit;
pub mod deletion;
pub mod email_change;
pub mod email_undo;
pub mod export;
pub mod invitations;
pub mod password;
pub mod password_strength;
pub mod profile;
pub mod recovery;
pub mod recovery_codes;
pub mod registration;
pub mod security_summary;
pub mod sign_out_link;

use std::time::Duration;

use postern_service::database::DatabaseError;

use crate::{
    App,
    claims::InvalidClaim,
    config::DEFAULT_NAME,
    core::{RequestContext, Write},
    crypto::CryptoError,
    links::LinkError,
    login::LoginError,
    mail::allowance::{self, Allowance, MailRequester},
    passwords::{HashError, PasswordError, Weakness},
    pool::Busy,
    sessions::SessionEnded,
    users::Email,
};

/// Why a use case of this module refused a request.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Only operators add users here, accounts have no password, or no mail can be sent.
    #[error("registration is closed")]
    RegistrationClosed,
    /// No mail can be sent, so a reset link could not reach its owner.
    #[error("no mail can be sent")]
    MailUnavailable,
    /// `registration.mode` is `invitation`, and the request has none.
    #[error("registration needs an invitation")]
    InvitationRequired,
    #[error("email is not an email address such as name@example.com")]
    MalformedEmail,
    /// The requested email is the email that the account already has.
    #[error("is the address of the account already")]
    SameEmail,
    /// A rule for new passwords refused the password.
    #[error("password {0}")]
    UnacceptablePassword(#[from] Weakness),
    #[error("{field} {rule}")]
    InvalidClaim {
        /// Name of the claim, with its parent: `address.country`.
        field: &'static str,
        /// Reads on from the name of the claim: "must be ...".
        rule: String,
    },
    /// The link was used, has expired, or never existed. The three causes must stay indistinguishable.
    #[error("the link does not work any more")]
    InvalidLink,
    /// The link belongs to an account other than the signed-in one.
    #[error("the link is for another account")]
    LinkForOtherAccount,
    /// Another account took the email after this account gave it up.
    #[error("another account uses the email")]
    EmailInUse,
    /// The password differs from the password that was chosen when the registration began.
    #[error("is not the one that the registration began with")]
    WrongPassword,
    /// The registration began on a page, and an app gave no password.
    #[error("is needed: the registration began on a page of this service")]
    PasswordRequired,
    /// The account has no authenticator that recovery codes could replace.
    #[error("there is no authenticator")]
    NoAuthenticator,
    #[error(transparent)]
    Login(LoginError),
    /// A rate limit of the source or of the recipient refused the request.
    #[error("too many requests")]
    RateLimited { retry_after: Duration },
    /// The budget of the whole installation (`limits.mails_per_installation`) is used up.
    #[error("as many mails were sent as limits.mails_per_installation allows")]
    MailQuotaExhausted { retry_after: Duration },
    #[error("too many changes")]
    TooManyChanges { retry_after: Duration },
    /// The queue of the password hasher is full.
    #[error(transparent)]
    HasherBusy(#[from] Busy),
    #[error("a password could not be hashed")]
    Hash(#[source] HashError),
    #[error("a secret could not be sealed or opened")]
    Crypto(#[from] CryptoError),
    /// The session that authorized the request ended before the write.
    #[error(transparent)]
    SessionEnded(#[from] SessionEnded),
    /// A statement failed, or the database could not be reached.
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
            HashError::Busy(busy) => Self::HasherBusy(busy),
            HashError::UnusableStoredHash | HashError::Parameters(_) => Self::Hash(cause),
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

impl From<InvalidClaim> for AccountError {
    fn from(InvalidClaim { claim, rule }: InvalidClaim) -> Self {
        Self::InvalidClaim { field: claim, rule: rule.to_owned() }
    }
}

impl AccountError {
    /// Maps the failed write of a former email: if another account has the email, the owner learns so.
    fn from_restored_email_error(cause: sea_orm::DbErr) -> Self {
        match Self::from_email_error(cause) {
            Self::InvalidLink => Self::EmailInUse,
            cause => cause,
        }
    }

    /// Maps a failed write of an email: when two accounts want one email, the unique constraint decides which
    /// was first.
    fn from_email_error(cause: sea_orm::DbErr) -> Self {
        match postern_service::database::unique_violation(&cause).as_deref() {
            Some("users.email") => Self::InvalidLink,
            _ => cause.into(),
        }
    }
}

/// Completes a registration for an app and returns the email ([`registration::verify_email`]). The link of a change of email
/// is refused here, because only its signed-in account may use that link ([`email_change::confirm`]).
pub async fn verify_email(
    app: &App,
    token: &str,
    password: Option<&str>,
    context: &RequestContext,
) -> Result<String, AccountError> {
    match registration::verify_email(app, token, password, context).await {
        Ok(user) => Ok(user.email),
        Err(
            cause @ (AccountError::InvalidLink
            | AccountError::RegistrationClosed
            | AccountError::InvitationRequired),
        ) => Err(if email_change::find_pending(app, token).await?.is_some() {
            AccountError::LinkForOtherAccount
        } else {
            cause
        }),
        Err(cause) => Err(cause),
    }
}

/// Counts a mail to an email that the request names. Returns the delay if the limit is exceeded. The caller
/// must commit the write also then, so that the count lasts.
async fn count_mail(
    write: &Write<'_>,
    (email, requester): (&Email, MailRequester<'_>),
) -> Result<Option<Duration>, DatabaseError> {
    Ok(match allowance::take(write, (email.as_str(), requester)).await? {
        Allowance::Limited { retry_after } => Some(retry_after),
        // An exhausted installation budget refuses registrations only; owners of accounts still get their
        // mail.
        Allowance::Granted | Allowance::Exhausted { .. } => None,
    })
}

/// Words that must not be the substance of a password: the email, the name, the host of the service (SP
/// 800-63B, context-specific words).
fn context_words<'a>(app: &'a App, email: &'a str, name: Option<&'a str>) -> Vec<&'a str> {
    let host = app.config.issuer.split("://").last().unwrap_or_default();
    [email, host, DEFAULT_NAME, &app.config.pages.name].into_iter().chain(name).collect()
}
