//! Lets people change the address of their own account.
//!
//! ```text
//!   ask ──► a link to the new address, a notice to the old one ──► confirm ──► the account has the new address
//! ```
//!
//! Nothing changes before somebody who reads the new mailbox follows the link. Whether the new address has an account
//! already is told to nobody but to who reads its mail.

use postern_entities::users as rows;
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set, EntityTrait as _, QuerySelect as _};

use super::{
    AccountError, count_mail,
    links::{self, NewLink, Purpose},
};
use crate::{
    App,
    audit::{Event, Origin},
    login::attempt,
    mail::{self, Letter, allowance::Requester},
    sessions::Principal,
    users::{self, Email},
};

/// Mails a link to the new address and a notice to the old one, for somebody who proved lately who they are
/// ([`second_factor::requirement_to_change`](crate::login::second_factor::requirement_to_change)). A link of an earlier
/// wish ends.
pub async fn ask(
    app: &App,
    principal: Principal<'_>,
    email: &str,
    language: &str,
    origin: &Origin,
) -> Result<(), AccountError> {
    let email = Email::parse(email).map_err(|_| AccountError::MalformedEmail)?;
    let user = principal.user;
    if email.as_str() == user.email {
        return Err(AccountError::SameEmail);
    }
    let now = app.clock.now();
    let taken = users::find_by_email(app.db.reader(), &email).await?.is_some();
    let (purpose, template) =
        if taken { (Purpose::Nothing, "address-taken") } else { (Purpose::ChangeEmail, "confirm-email") };
    let link = NewLink::new(app, purpose, Some(user.id), &email, &(), now)?;
    let path = match purpose {
        Purpose::ChangeEmail => format!("/confirm-email?token={}", link.token),
        _ => "/account".to_owned(),
    };
    let letter = Letter { to: Some(email.as_str()), template, language, path: Some(&path) };
    let letter = mail::letter_until(app, letter, link.expires_at())?;
    let notice = mail::notice(app, &user.email, "email-change-asked", language)?;
    let limited = principal
        .write(app, async |tx, user| -> Result<_, AccountError> {
            let limited = count_mail(app, tx, (&email, Requester::Stranger), origin, now).await?;
            if limited.is_none() {
                links::end_of_user_for(tx, user.id, Purpose::ChangeEmail, now).await?;
                link.store(tx).await?;
                letter.enqueue(tx).await?;
                notice.enqueue(tx).await?;
                Event::new("email.change_asked").user(user.id).record(app, tx, origin, now).await?;
            }
            Ok(limited)
        })
        .await?;
    app.jobs.wake();
    limited.map_or(Ok(()), |retry_after| Err(AccountError::Limited { retry_after }))
}

/// The address that a link would make an account's own, if it still works: for the page that asks.
pub async fn awaited(app: &App, token: &str) -> Result<Option<String>, AccountError> {
    let link = links::find::<()>(app, Purpose::ChangeEmail, token, app.clock.now()).await?;
    Ok(link.map(|link| link.email))
}

/// Makes the address to which the link was mailed the account's own, and proven. Sessions stay; logins in progress and
/// other links end, because what was sent to the old address must not open the account any more.
pub async fn confirm(
    app: &App,
    token: &str,
    language: &str,
    origin: &Origin,
) -> Result<String, AccountError> {
    let now = app.clock.now();
    let link = links::find::<()>(app, Purpose::ChangeEmail, token, now).await?;
    let link = link.ok_or(AccountError::LinkOver)?;
    let user_id = link.user_id.ok_or(AccountError::LinkOver)?;
    let user = users::find(app.db.reader(), user_id).await?.ok_or(AccountError::LinkOver)?;
    let told = mail::notice(app, &user.email, "email-changed", language)?;
    app.db
        .write(async |tx| {
            // First, as in every change of what an account signs in with.
            let row = rows::Entity::find_by_id(user_id).lock_exclusive().one(tx).await?;
            // The notice goes to the address that was read: of two changes at once, one is refused.
            let row = row.filter(|row| users::may_sign_in(row, now) && row.email == user.email);
            let row = row.ok_or(AccountError::LinkOver)?;
            if !link.consume(tx, now).await? {
                return Err(AccountError::LinkOver);
            }
            let changed = rows::ActiveModel {
                id: Set(row.id),
                email: Set(link.email.clone()),
                email_verified: Set(true),
                updated_at: Set(now.micros()),
                ..Default::default()
            };
            changed.update(tx).await.map_err(AccountError::of_taken_address)?;
            links::end_of_user(tx, user_id, now).await?;
            attempt::end_of_user(tx, user_id, now).await?;
            Event::new("email.changed").user(user_id).record(app, tx, origin, now).await?;
            Ok(told.enqueue(tx).await?)
        })
        .await?;
    app.jobs.wake();
    Ok(link.email)
}
