//! Lets people change the address of their own account.
//!
//! ```text
//!   ask ──► a link to the new address, a notice to the old one ──► confirm ──► the account has the new address
//! ```
//!
//! Nothing changes before the owner of the account, signed in to it, follows the link. The mailbox alone is not enough:
//! with the press of somebody who only reads their mail, a stranger's account would get their address. Whether the new
//! address has an account already is told to nobody but to who reads its mail.

use postern_entities::users as rows;
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set};

use super::{
    AccountError, count_mail,
    email_undo::FormerEmail,
    links::{self, Link, NewLink, Purpose},
};
use crate::{
    App,
    audit::{Event, Origin},
    login::attempt,
    mail::{self, Letter, allowance::Requester},
    readable,
    sessions::Principal,
    users::{self, Email, User},
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
    // Whoever reads it must see to which account the address would go. Only the address: a name is free text of a
    // stranger.
    let facts = [("account", user.email.clone())];
    let letter = mail::letter_until(app, letter, facts, link.expires_at())?;
    let notice = mail::notice(app, user, "email-change-asked")?;
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

/// A change of address that waits for its link to be followed.
pub struct PendingChange {
    /// Whose address changes.
    pub user: User,
    /// The new address.
    pub email: String,
    link: Link<()>,
}

/// The change that a link would make, if the link still works.
pub async fn find_change(app: &App, token: &str) -> Result<Option<PendingChange>, AccountError> {
    let now = app.clock.now();
    let Some(link) = links::find::<()>(app, Purpose::ChangeEmail, token, now).await? else { return Ok(None) };
    let Some(user_id) = link.user_id else { return Ok(None) };
    let user = users::find(app.db.reader(), user_id).await?.filter(users::may_get_tokens);
    Ok(user.map(|user| PendingChange { user, email: link.email.clone(), link }))
}

/// Makes the address to which the link was mailed that of the account that is signed in, and proven. Sessions stay; logins
/// in progress and other links end, because what was sent to the old address must not open the account any more. The old
/// address can undo it ([`email_undo`](super::email_undo)).
pub async fn confirm(
    app: &App,
    principal: Principal<'_>,
    token: &str,
    origin: &Origin,
) -> Result<String, AccountError> {
    let now = app.clock.now();
    let PendingChange { user, link, .. } = find_change(app, token).await?.ok_or(AccountError::LinkOver)?;
    if user.id != principal.user.id {
        return Err(AccountError::OtherAccount);
    }
    let user_id = user.id;
    let former = FormerEmail::new(app, &user, now)?;
    let path = format!("/undo-email-change?token={}", former.token);
    let language = &mail::language_of(app, &user);
    let told = Letter { to: Some(&user.email), template: "email-changed", language, path: Some(&path) };
    let told = mail::letter_with(app, told, [("date", readable::minute(former.expires_at))])?;
    principal
        .write_exclusive(app, async |tx, row| {
            // The notice goes to the address that was read: of two changes at once, one is refused.
            if row.email != user.email || !link.consume(tx, now).await? {
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
            former.store(tx).await?;
            Event::new("email.changed").user(user_id).record(app, tx, origin, now).await?;
            Ok(told.enqueue(tx).await?)
        })
        .await?;
    app.jobs.wake();
    Ok(link.email)
}
