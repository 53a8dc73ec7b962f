//! Signs in whoever followed a mailed link, in the write that completes what the link is for.
//!
//! A new account: the mailed link was opened, and the password was chosen or typed in this very browser. A forgotten
//! password: see [`mailbox_assurance`]. Leaves to `accounts` whether that is so.

use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::ConnectionTrait as _;
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    Enrolments,
    attempt::CompletedLogin,
    devices, first_factor_methods,
    policy::{AchievedAssurance, AuthenticationRequirement, NextStep, VerifiedFactor},
};
use crate::{
    acr::Acr,
    app::{App, Completion},
    core::Write,
    crypto,
    grants::EndCause,
    sessions::{self, AuthenticationContext, NewSession, OpenedSession, SessionKind, SignedInUser},
    users::{self, User},
};

/// The login method that proves the same as a mailed link: that its user reads the mailbox.
const MAILBOX_METHOD: &str = "email-otp";

/// The browser in which a mailed link is followed.
#[derive(Clone, Copy)]
pub struct LinkBrowser<'a> {
    /// The secret of the browser cookie.
    pub browser_secret: &'a str,
    /// The device secret as the request carried it, unverified ([`devices`]).
    pub device_secret: Option<&'a str>,
    /// The session that this browser has now, which ends.
    pub current_session: Option<&'a SignedInUser>,
    /// The client that the person came from.
    pub client_id: Option<&'a str>,
    /// When the person proved in this browser who they are.
    pub authenticated_at: Timestamp,
}

/// Who signs in by a mailed link, and where.
pub struct LinkSignIn<'a, C> {
    pub user: &'a User,
    pub browser: LinkBrowser<'a>,
    pub assurance: AchievedAssurance,
    pub completion: &'a C,
}

/// What the password of a new account amounts to.
pub fn password_assurance() -> AchievedAssurance {
    // RFC 8176 section 2: the password.
    AchievedAssurance { acr: Acr::Aal1, amr: vec!["pwd".to_owned()] }
}

/// What a link that was mailed to the account amounts to, as the account is set up now. None if that is not a whole
/// sign-in: the account has a second factor, or the installation lets nobody sign in by what is mailed. A link counts as
/// a mailed code does.
pub async fn mailbox_assurance(
    app: &App,
    write: &Write<'_>,
    user: &User,
) -> Result<Option<AchievedAssurance>, DatabaseError> {
    let requirement = AuthenticationRequirement::default();
    let enrolments = Enrolments::for_user(app, user.id);
    let method = enrolments.methods.iter().find(|method| method.name() == MAILBOX_METHOD);
    let may_begin = first_factor_methods(app, &requirement).iter().any(|name| name == MAILBOX_METHOD);
    let (Some(method), Some(row)) =
        (method.filter(|_| may_begin), write.query_one(&enrolments.statement).await?)
    else {
        return Ok(None);
    };
    let proof = VerifiedFactor {
        method: MAILBOX_METHOD.to_owned(),
        amr: method.amr().iter().map(|&word| word.to_owned()).collect(),
        factor: method.factor(),
        user_verified: false,
        at: write.now(),
    };
    let enrolled = enrolments.read_row(&row)?;
    Ok(match enrolments.next_step(&enrolled, &requirement, &[proof]) {
        NextStep::Complete(assurance) => Some(assurance),
        NextStep::FactorRequired(_) | NextStep::InsufficientAcr(_) => None,
    })
}

/// Locks whose session this browser has, before the account is made: the write that makes the account may wait for a change
/// of email to the same address, and that one for this session.
pub async fn lock_current_user(write: &Write<'_>, browser: LinkBrowser<'_>) -> Result<(), DatabaseError> {
    match browser.current_session {
        Some(current) => users::lock(write, current.user.id).await,
        None => Ok(()),
    }
}

/// Opens the session. Sessions of other people end, as at any sign-in.
pub async fn sign_in<C: Completion>(
    app: &App,
    write: &Write<'_>,
    LinkSignIn { user, browser, assurance, completion }: LinkSignIn<'_, C>,
) -> Result<CompletedLogin<C::Output>, DatabaseError> {
    if let Some(other) = browser.current_session {
        sessions::lock_user_and_end(write, other.session.sid, EndCause::Replaced).await?;
    }
    let device_secret = browser.device_secret.map_or_else(|| app.random.token(), SecretString::from);
    devices::remember(write, user.id, crypto::token_hash(device_secret.expose_secret()));
    let AchievedAssurance { acr, amr } = assurance;
    let authentication = AuthenticationContext { auth_time: browser.authenticated_at, acr, amr: amr.into() };
    let new = NewSession {
        user_id: user.id,
        kind: SessionKind::Browser,
        client_id: browser.client_id.map(str::to_owned),
        authentication,
        remembered: false,
    };
    let OpenedSession { session, cookie_secret } = sessions::open(write, new);
    let completion_output = completion.complete(app, write, &session, user).await?;
    Ok(CompletedLogin { session, user: user.clone(), cookie_secret, device_secret, completion_output })
}
