//! Lets people who forgot their password set a new one.
//!
//! Whoever follows the link proves that they read the account's mail, and nothing more: a reset opens no session and
//! stands in for no second factor. It ends whatever the account had open, and the account is told.

use postern_entities::users as rows;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use uuid::Uuid;

use super::{
    AccountError, count_mail,
    links::{self, NewLink, Purpose},
    password::{self, Replacement},
};
use crate::{
    App,
    audit::{Event, Origin},
    login::{credential_change::Ending, devices},
    mail::{self, Letter, allowance::Requester},
    users::{self, Email},
};

const BECAUSE: &str = "password_reset";

/// Whether links reach anybody.
pub fn possible(app: &App) -> bool {
    app.mailer.delivers()
}

/// Who forgot a password.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forgot<'a> {
    /// The address, as typed.
    pub email: &'a str,
    /// The authorization request that led here, to go on with afterwards.
    pub request: Option<Uuid>,
    /// The secret by which accounts know the device, as it came.
    pub device: Option<&'a str>,
}

/// Mails a link to set a new password, if the address has an account; otherwise the same, to nobody. A link of an earlier
/// wish ends.
pub async fn forgot(
    app: &App,
    Forgot { email, request, device }: Forgot<'_>,
    language: &str,
    origin: &Origin,
) -> Result<(), AccountError> {
    if !possible(app) {
        return Err(AccountError::NoMail);
    }
    let email = Email::parse(email).map_err(|_| AccountError::MalformedEmail)?;
    let now = app.clock.now();
    let user = users::find_by_email(app.db.reader(), &email).await?;
    let user = user.filter(|user| users::may_sign_in(user, now));
    let purpose = if user.is_some() { Purpose::Reset } else { Purpose::Nothing };
    let link = NewLink::new(app, purpose, user.as_ref().map(|user| user.id), &email, &request, now)?;
    let path = format!("/reset-password?token={}", link.token);
    let to = user.as_ref().map(|user| user.email.as_str());
    let letter = Letter { to, template: "reset-password", language, path: Some(&path) };
    let letter = mail::letter_until(app, letter, [], link.expires_at())?;
    let event = Event::new("password.reset_asked").user(user.as_ref().map(|user| user.id));
    let limited = app
        .db
        .write(async |tx| -> Result<_, AccountError> {
            let device = devices::recognised(tx, user.as_ref().map(|user| user.id), device, now).await?;
            let requester = device.as_deref().map_or(Requester::Stranger, Requester::KnownDevice);
            let limited = count_mail(app, tx, (&email, requester), origin, now).await?;
            if limited.is_none() {
                // The same statement for an address that has no account.
                links::end_of_address(tx, Purpose::Reset, &email, now).await?;
                link.store(tx).await?;
                letter.enqueue(tx).await?;
                event.record(app, tx, origin, now).await?;
            }
            Ok(limited)
        })
        .await?;
    app.jobs.wake();
    limited.map_or(Ok(()), |retry_after| Err(AccountError::Limited { retry_after }))
}

/// Whether a link to set a new password still works: for the page that asks for it.
pub async fn works(app: &App, token: &str) -> Result<bool, AccountError> {
    Ok(links::find::<Option<Uuid>>(app, Purpose::Reset, token, app.clock.now()).await?.is_some())
}

/// Sets a new password by a mailed link, and ends every session and grant of the account. Answers the authorization
/// request that led to it.
pub async fn reset(
    app: &App,
    token: &str,
    password: &str,
    origin: &Origin,
) -> Result<Option<Uuid>, AccountError> {
    let now = app.clock.now();
    let link = links::find::<Option<Uuid>>(app, Purpose::Reset, token, now).await?;
    let link = link.ok_or(AccountError::LinkOver)?;
    let user = match link.user_id {
        Some(id) => users::find(app.db.reader(), id).await?,
        None => None,
    };
    let user = user.filter(|user| users::may_sign_in(user, now) && user.email == link.email);
    let user = user.ok_or(AccountError::LinkOver)?;
    password::take_try(app, ("password_reset", &link.id()), now).await?;
    // Before the link is used: a weak password must not cost it.
    let replacement = Replacement::new(app, &user, password).await?;
    let proven =
        rows::ActiveModel { email_verified: Set(true), updated_at: Set(now.micros()), ..Default::default() };
    app.db
        .write(async |tx| {
            // First, as in every change of what an account signs in with.
            users::lock(tx, user.id).await?;
            if !link.consume(tx, now).await? {
                return Err(AccountError::LinkOver);
            }
            rows::Entity::update_many().set(proven).filter(rows::Column::Id.eq(user.id)).exec(tx).await?;
            let everything = Ending { user_id: user.id, kept: None, because: BECAUSE, origin };
            replacement.write(app, tx, &everything, now).await?;
            Ok(everything.end(app, tx, now).await?)
        })
        .await?;
    app.jobs.wake();
    Ok(link.payload)
}
