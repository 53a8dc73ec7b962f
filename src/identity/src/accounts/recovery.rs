//! Resets a forgotten password.
//!
//! A person who follows the link proves only that they read the mail of the account. So a reset replaces no second
//! factor. It ends all sessions, grants, logins in progress and other links of the account, and the owner gets a mail.
//! The browser that asked for the link is signed in at once where a mailed code would be enough for a sign-in
//! ([`mailbox_assurance`](link_sign_in::mailbox_assurance)). Any other browser is not: a link may be forwarded or be opened
//! on a machine that is not the owner's.

use postern_entities::{users as rows, values::Hash256};
use sea_orm::{ActiveValue::Set, ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    AccountError, count_mail,
    password::{self, PasswordReplacement},
};
use crate::{
    App,
    audit::Event,
    authorization::{LoginStepRecorder, RequestNotPending},
    core::{RequestContext, Write},
    crypto,
    grants::EndCause,
    links::{self, LinkRecipient, NewLink, Purpose},
    login::{
        self,
        attempt::CompletedLogin,
        credential_change::AccessTermination,
        devices,
        link_sign_in::{self, LinkBrowser, LinkSignIn},
    },
    mail::{self, MailTemplate, allowance::MailRequester},
    users::{self, Email, User},
};

/// Refuses everything here where nobody signs in by a password: a reset would set one that is of no use until the method is
/// switched on, and known then only to who reads the mailbox today.
fn require_password_method(app: &App) -> Result<(), AccountError> {
    login::require_method(app, "password").map_err(AccountError::Login)
}

/// Requires that people sign in by passwords, and that a reset link can be mailed.
pub fn require_reset(app: &App) -> Result<(), AccountError> {
    require_password_method(app)?;
    if app.mailer.delivers() { Ok(()) } else { Err(AccountError::MailUnavailable) }
}

/// A request for a reset link.
#[derive(Clone, Copy, Default)]
pub struct ResetRequest<'a> {
    /// The email as typed, not parsed yet.
    pub email: &'a str,
    /// The authorization request that continues after the reset.
    pub authorization_request_id: Option<Uuid>,
    /// The secret of the browser that asks; none for an app.
    pub browser_secret: Option<&'a str>,
    /// The unverified device secret from the cookie. A device that the account knows has a mail limit of its
    /// own.
    pub device_secret: Option<&'a str>,
}

/// What a reset link carries.
#[derive(Default, Serialize, Deserialize)]
#[serde(from = "StoredResetPayload")]
pub(super) struct ResetPayload {
    request: Option<Uuid>,
    /// Hash of the secret of the browser that asked.
    browser: Option<Hash256>,
}

/// What the row of a reset link may hold: the link of an earlier version has the request alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredResetPayload {
    WithBrowser { request: Option<Uuid>, browser: Option<Hash256> },
    RequestOnly(Option<Uuid>),
}

impl From<StoredResetPayload> for ResetPayload {
    fn from(stored: StoredResetPayload) -> Self {
        match stored {
            StoredResetPayload::WithBrowser { request, browser } => Self { request, browser },
            StoredResetPayload::RequestOnly(request) => Self { request, browser: None },
        }
    }
}

/// A new password that was set by a mailed link.
pub struct CompletedReset {
    /// The authorization request that continues.
    pub authorization_request_id: Option<Uuid>,
    /// The session of the browser that asked, if the link is a whole sign-in for this account.
    pub sign_in: Option<CompletedLogin<Result<(), RequestNotPending>>>,
}

/// Mails a link to set a new password if the email has an account. Otherwise the same rows are written and no
/// mail is sent. Earlier reset links become invalid.
pub async fn request_reset(
    app: &App,
    asked: ResetRequest<'_>,
    context: &RequestContext,
) -> Result<(), AccountError> {
    require_reset(app)?;
    let ResetRequest { email, authorization_request_id: request, device_secret: device, .. } = asked;
    let email = Email::parse(email).map_err(|_| AccountError::MalformedEmail)?;
    let now = context.now;
    let payload = ResetPayload { request, browser: asked.browser_secret.map(crypto::token_hash) };
    let user = users::find_by_email(app.db.reader(), &email).await?;
    let user = user.filter(|user| users::may_sign_in(user, now));
    let purpose = if user.is_some() { Purpose::Reset } else { Purpose::Decoy };
    let link = NewLink::new(
        app,
        purpose,
        LinkRecipient { user_id: user.as_ref().map(|user| user.id), email: &email },
        &payload,
        now,
    )?;
    let path = format!("/reset-password?token={}", link.token.expose_secret());
    let to = user.as_ref().map(|user| user.email.as_str());
    let mail_template =
        MailTemplate { to, template: "reset-password", language: &context.language, path: Some(&path) };
    let reset_mail = mail::prepare_until(app, mail_template, [], link.expires_at())?;
    let event = Event::new("password.reset_asked").user(user.as_ref().map(|user| user.id));
    let limited = app
        .write(context, async |write| -> Result<_, AccountError> {
            // A reset locks the user before the link, so this does too. The same statement runs for an email without an
            // account.
            let owner = user.as_ref().map_or(Uuid::nil(), |user| user.id);
            write.query_one(&users::lock_user_shared_statement(owner)).await?;
            let device =
                devices::find_known(write, user.as_ref().map(|user| user.id), device, write.now()).await?;
            let requester = device.as_deref().map_or(MailRequester::Stranger, MailRequester::KnownDevice);
            let limited = count_mail(write, (&email, requester)).await?;
            if limited.is_none() {
                // The same statement runs for an email without an account.
                links::end_email_links(write, Purpose::Reset, &email).await?;
                link.store(write).await?;
                reset_mail.enqueue(write).await?;
                event.record(write).await?;
            }
            Ok(limited)
        })
        .await?;
    limited.map_or(Ok(()), |retry_after| Err(AccountError::RateLimited { retry_after }))
}

/// Whether the link is still valid, for the page that asks for the new password.
pub async fn reset_link_usable(app: &App, token: &str) -> Result<bool, AccountError> {
    require_password_method(app)?;
    Ok(links::find::<ResetPayload>(app, Purpose::Reset, token, app.clock.now()).await?.is_some())
}

/// Sets a new password by a mailed link, and ends every session and grant of the account. `browser` is the one that the
/// link was opened in; none for an app.
pub async fn reset(
    app: &App,
    (token, password): (&str, &str),
    browser: Option<LinkBrowser<'_>>,
    context: &RequestContext,
) -> Result<CompletedReset, AccountError> {
    require_password_method(app)?;
    let now = context.now;
    let link = links::find::<ResetPayload>(app, Purpose::Reset, token, now).await?;
    let link = link.ok_or(AccountError::InvalidLink)?;
    let user = match link.user_id {
        Some(id) => users::find(app.db.reader(), id).await?,
        None => None,
    };
    let user = user.filter(|user| users::may_sign_in(user, now) && user.email == link.email);
    let user = user.ok_or(AccountError::InvalidLink)?;
    password::count_password_try(app, ("password_reset", &link.id()), context).await?;
    // Judged before the link is used, so that a weak password does not use up the link.
    let replacement = PasswordReplacement::new(app, &user, password, context).await?;
    let email_proven =
        rows::ActiveModel { email_verified: Set(true), updated_at: Set(now), ..Default::default() };
    let asked =
        |browser: &LinkBrowser<'_>| link.payload.browser == Some(crypto::token_hash(browser.browser_secret));
    let browser = browser.filter(asked);
    let sign_in = app
        .write(context, async |write| {
            // The user row is locked first, as in every change of credentials, so that concurrent changes run
            // one after another; with it that of another user who is signed in here.
            let other = browser.and_then(|browser| browser.current_session).map(|other| other.user.id);
            users::lock_all(write, [user.id, other.unwrap_or(user.id)]).await?;
            if !link.consume(write).await? {
                return Err(AccountError::InvalidLink);
            }
            rows::Entity::update_many()
                .set(email_proven)
                .filter(rows::Column::Id.eq(user.id))
                .exec(write)
                .await?;
            let termination =
                AccessTermination { user_id: user.id, kept_session: None, cause: EndCause::PasswordReset };
            replacement.store(write, &termination).await?;
            termination.apply(write).await?;
            match browser {
                Some(browser) => sign_in(app, write, &user, browser).await,
                None => Ok(None),
            }
        })
        .await?;
    Ok(CompletedReset { authorization_request_id: link.payload.request, sign_in })
}

/// Signs the owner in, if the link is a whole sign-in for the account as it is now. The write holds the user's row.
async fn sign_in(
    app: &App,
    write: &Write<'_>,
    user: &User,
    browser: LinkBrowser<'_>,
) -> Result<Option<CompletedLogin<Result<(), RequestNotPending>>>, AccountError> {
    let held = users::find(&**write, user.id).await?.filter(users::may_get_tokens);
    let Some(user) = held.filter(|held| held.email == user.email) else { return Ok(None) };
    let Some(assurance) = link_sign_in::mailbox_assurance(app, write, &user).await? else { return Ok(None) };
    // The app's request decides by the session: a sign-in that it wants anew is asked for.
    let completion = &LoginStepRecorder { request_id: None, browser_secret: browser.browser_secret };
    let sign_in = LinkSignIn { user: &user, browser, assurance, completion };
    Ok(Some(link_sign_in::sign_in(app, write, sign_in).await?))
}
