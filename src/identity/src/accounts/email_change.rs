//! Changes the email of a person's own account.
//!
//! ```text
//!   request ──► link to the new email, notice to the old one ──► confirm ──► the account has the new email
//! ```
//!
//! The email changes only when the owner, signed in to the account, follows the link. Access to the mailbox
//! is not enough: otherwise a reader of the mailbox who presses the button would give their email to a
//! stranger's account. Only the person who reads the mailbox learns whether the new email already has an
//! account. Leaves to [`email_undo`](super::email_undo) how a change is undone.

use postern_entities::users as rows;
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set};
use secrecy::ExposeSecret as _;

use super::{AccountError, count_mail, email_undo::FormerEmail};
use crate::{
    App,
    audit::Event,
    core::RequestContext,
    links::{
        self, Link, LinkRecipient, NewLink, Purpose,
        owner_notice::{self, NoticeDetails},
    },
    login::attempt,
    mail::{self, MailTemplate, allowance::MailRequester},
    readable,
    sessions::Principal,
    users::{self, Email, User},
};

/// Mails a link to the new email and a notice to the old one. The caller has checked recent authentication
/// ([`credential_change_requirement`](crate::login::second_factor::credential_change_requirement)). An
/// earlier link becomes invalid.
pub async fn request(
    app: &App,
    principal: Principal<'_>,
    email: &str,
    context: &RequestContext,
) -> Result<(), AccountError> {
    let email = Email::parse(email).map_err(|_| AccountError::MalformedEmail)?;
    let user = principal.user;
    if email.as_str() == user.email {
        return Err(AccountError::SameEmail);
    }
    let now = context.now;
    let taken = users::find_by_email(app.db.reader(), &email).await?.is_some();
    let (purpose, template) =
        if taken { (Purpose::Decoy, "address-taken") } else { (Purpose::ChangeEmail, "confirm-email") };
    let link = NewLink::new(app, purpose, LinkRecipient { user_id: Some(user.id), email: &email }, &(), now)?;
    let path = match purpose {
        Purpose::ChangeEmail => format!("/confirm-email?token={}", link.token.expose_secret()),
        _ => "/account".to_owned(),
    };
    let mail_template =
        MailTemplate { to: Some(email.as_str()), template, language: &context.language, path: Some(&path) };
    // The reader must see which account would get the email. The mail names the account's email only: a name
    // is free text that a stranger may have chosen.
    let facts = [("account", user.email.clone())];
    let link_mail = mail::prepare_until(app, mail_template, facts, link.expires_at())?;
    let notice =
        owner_notice::prepare(app, &app.templates, user, NoticeDetails::new("email-change-asked", context))?;
    let limited = principal
        .write(app, context, async |write, user| -> Result<_, AccountError> {
            let limited = count_mail(write, (&email, MailRequester::Stranger)).await?;
            if limited.is_none() {
                links::end_user_links_for(write, user.id, Purpose::ChangeEmail).await?;
                link.store(write).await?;
                link_mail.enqueue(write).await?;
                notice.enqueue(write).await?;
                Event::new("email.change_asked").user(user.id).record(write).await?;
            }
            Ok(limited)
        })
        .await?;
    limited.map_or(Ok(()), |retry_after| Err(AccountError::RateLimited { retry_after }))
}

/// A change of email whose link was not followed yet.
pub struct PendingEmailChange {
    pub user: User,
    pub email: String,
    link: Link<()>,
}

/// The change that the link would make; none if the link is invalid.
pub async fn find_pending(app: &App, token: &str) -> Result<Option<PendingEmailChange>, AccountError> {
    let now = app.clock.now();
    let Some(link) = links::find::<()>(app, Purpose::ChangeEmail, token, now).await? else { return Ok(None) };
    let Some(user_id) = link.user_id else { return Ok(None) };
    let user = users::find(app.db.reader(), user_id).await?.filter(users::may_get_tokens);
    Ok(user.map(|user| PendingEmailChange { user, email: link.email.clone(), link }))
}

/// Sets the email to which the link was mailed as the verified email of the signed-in account. Sessions stay.
/// Logins in progress and other links end, because what was sent to the old email must not open the account
/// any more. The old email can undo the change ([`email_undo`](super::email_undo)).
pub async fn confirm(
    app: &App,
    principal: Principal<'_>,
    token: &str,
    context: &RequestContext,
) -> Result<String, AccountError> {
    let now = context.now;
    let PendingEmailChange { user, link, .. } =
        find_pending(app, token).await?.ok_or(AccountError::InvalidLink)?;
    if user.id != principal.user.id {
        return Err(AccountError::LinkForOtherAccount);
    }
    let user_id = user.id;
    let former = FormerEmail::from_user(app, &user, now)?;
    let path = format!("/undo-email-change?token={}", former.token.expose_secret());
    let language = &mail::account_language(&app.templates, &user);
    let mail_template =
        MailTemplate { to: Some(&user.email), template: "email-changed", language, path: Some(&path) };
    let change_notice =
        mail::prepare_with_facts(app, mail_template, [("date", readable::format_minute(former.expires_at))])?;
    principal
        .write_exclusive(app, context, async |write, row| {
            // The notice was sealed for the email that was read before; of two concurrent changes, the second
            // is refused.
            if row.email != user.email || !link.consume(write).await? {
                return Err(AccountError::InvalidLink);
            }
            let changed = rows::ActiveModel {
                id: Set(row.id),
                email: Set(link.email.clone()),
                email_verified: Set(true),
                updated_at: Set(now),
                ..Default::default()
            };
            changed.update(write).await.map_err(AccountError::from_email_error)?;
            links::end_user_links(write, user_id).await?;
            attempt::end_attempts_of_user(write, user_id).await?;
            former.store(write).await?;
            Event::new("email.changed").user(user_id).record(write).await?;
            Ok(change_notice.enqueue(write).await?)
        })
        .await?;
    Ok(link.email)
}
