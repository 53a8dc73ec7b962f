//! Resets a forgotten password.
//!
//! A person who follows the link proves only that they read the mail of the account. So a reset opens no
//! session and replaces no second factor. It ends all sessions, grants, logins in progress and other links of
//! the account, and the owner gets a mail.

use postern_entities::users as rows;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use super::{
    AccountError, count_mail,
    password::{self, PasswordReplacement},
};
use crate::{
    App,
    audit::Event,
    core::RequestContext,
    grants::EndCause,
    links::{self, LinkRecipient, NewLink, Purpose},
    login::{credential_change::AccessTermination, devices},
    mail::{self, MailTemplate, allowance::MailRequester},
    users::{self, Email},
};

/// Whether a reset link can be mailed.
pub fn reset_available(app: &App) -> bool {
    app.mailer.delivers()
}

/// A request for a reset link.
#[derive(Clone, Copy, Default)]
pub struct ResetRequest<'a> {
    /// The email as typed, not parsed yet.
    pub email: &'a str,
    /// The authorization request that continues after the reset.
    pub authorization_request_id: Option<Uuid>,
    /// The unverified device secret from the cookie. A device that the account knows has a mail limit of its
    /// own.
    pub device_secret: Option<&'a str>,
}

/// Mails a link to set a new password if the email has an account. Otherwise the same rows are written and no
/// mail is sent. Earlier reset links become invalid.
pub async fn request_reset(
    app: &App,
    ResetRequest { email, authorization_request_id: request, device_secret: device }: ResetRequest<'_>,
    context: &RequestContext,
) -> Result<(), AccountError> {
    if !reset_available(app) {
        return Err(AccountError::MailUnavailable);
    }
    let email = Email::parse(email).map_err(|_| AccountError::MalformedEmail)?;
    let now = context.now;
    let user = users::find_by_email(app.db.reader(), &email).await?;
    let user = user.filter(|user| users::may_sign_in(user, now));
    let purpose = if user.is_some() { Purpose::Reset } else { Purpose::Decoy };
    let link = NewLink::new(
        app,
        purpose,
        LinkRecipient { user_id: user.as_ref().map(|user| user.id), email: &email },
        &request,
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
    Ok(links::find::<Option<Uuid>>(app, Purpose::Reset, token, app.clock.now()).await?.is_some())
}

/// Sets a new password by a mailed link, and ends every session and grant of the account. Returns the
/// authorization request that continues.
pub async fn reset(
    app: &App,
    token: &str,
    password: &str,
    context: &RequestContext,
) -> Result<Option<Uuid>, AccountError> {
    let now = context.now;
    let link = links::find::<Option<Uuid>>(app, Purpose::Reset, token, now).await?;
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
    app.write(context, async |write| {
        // The user row is locked first, as in every change of credentials, so that concurrent changes run
        // one after another.
        users::lock(write, user.id).await?;
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
        Ok(termination.apply(write).await?)
    })
    .await?;
    Ok(link.payload)
}
