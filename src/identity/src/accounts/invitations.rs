//! Creates accounts for invited people.
//!
//! The link goes to the invited email and so verifies it: the person who follows the link chooses a password,
//! and the account is created. An invitation is valid until it is used, withdrawn, expired, or replaced by a
//! newer one to the same email.

use postern_service::clock::Timestamp;
use secrecy::ExposeSecret as _;

use super::{
    AccountError, context_words,
    registration::{VerifiedAccount, count_registration_try},
};
use crate::{
    App,
    audit::Event,
    authorization::{LoginStepRecorder, RequestNotPending},
    claims::Profile,
    config::RegistrationMode,
    core::RequestContext,
    links::{self, LinkRecipient, NewLink, Purpose},
    login::{
        self,
        attempt::CompletedLogin,
        link_sign_in::{self, LinkBrowser, LinkSignIn},
    },
    mail::{
        self, MailTemplate,
        allowance::{self, Allowance, MailRequester},
    },
    passwords::{Password, Weakness},
    users::{self, Email},
};

/// An invitation that is neither used nor expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The invited email, normalized.
    pub email: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// An invitation that was just created.
#[derive(Clone)]
pub struct NewInvitation {
    pub invitation: Invitation,
    /// The link, if no mail can be sent and the operator has to pass it on; otherwise none.
    pub link: Option<String>,
}

fn invitations_allowed(app: &App) -> bool {
    app.config.registration.mode != RegistrationMode::Closed && login::password_enabled(app)
}

/// Invites an email for an operator: without a rate limit, and with a link to pass on if no mail can be sent.
pub async fn invite(app: &App, email: &str, context: &RequestContext) -> Result<NewInvitation, AccountError> {
    create(app, email, None, context).await
}

/// Invites an email for a client. If the email has an account, the mail says so; the result is the same.
pub async fn invite_for_client(
    app: &App,
    client_id: &str,
    email: &str,
    context: &RequestContext,
) -> Result<Invitation, AccountError> {
    if !app.mailer.delivers() {
        return Err(AccountError::RegistrationClosed);
    }
    Ok(create(app, email, Some(client_id), context).await?.invitation)
}

async fn create(
    app: &App,
    email: &str,
    client_id: Option<&str>,
    context: &RequestContext,
) -> Result<NewInvitation, AccountError> {
    if !invitations_allowed(app) {
        return Err(AccountError::RegistrationClosed);
    }
    let email = Email::parse(email).map_err(|_| AccountError::MalformedEmail)?;
    let now = context.now;
    let expires_at = now + app.config.registration.invitation_lifetime.duration();
    let taken = users::find_by_email(app.db.reader(), &email).await?.is_some();
    let (purpose, template) =
        if taken { (Purpose::Decoy, "invited-already") } else { (Purpose::Invite, "invitation") };
    let link = NewLink::new(app, purpose, LinkRecipient { user_id: None, email: &email }, &(), now)?
        .with_expiry(expires_at);
    let path = if taken {
        "/account".to_owned()
    } else {
        format!("/register?invitation={}", link.token.expose_secret())
    };
    let manual_link = (!app.mailer.delivers()).then(|| format!("{}{path}", app.config.issuer));
    let mail_template =
        MailTemplate { to: Some(email.as_str()), template, language: &context.language, path: Some(&path) };
    let invitation_mail = mail::prepare_until(app, mail_template, [], expires_at)?;
    let mut event = Event::new("user.invited");
    if let Some(client_id) = client_id {
        event = event.client(client_id);
    }
    let limited = app
        .write(context, async |write| -> Result<_, AccountError> {
            let recipient = (email.as_str(), MailRequester::Stranger);
            if client_id.is_some()
                && let Allowance::Limited { retry_after } =
                    allowance::take_for_recipient(write, recipient).await?
            {
                return Ok(Some(retry_after));
            }
            links::end_email_links(write, Purpose::Invite, &email).await?;
            link.store(write).await?;
            if manual_link.is_none() {
                invitation_mail.enqueue(write).await?;
            }
            event.record(write).await?;
            Ok(None)
        })
        .await?;
    if let Some(retry_after) = limited {
        return Err(AccountError::RateLimited { retry_after });
    }
    let invitation = Invitation { email: email.as_str().to_owned(), created_at: now, expires_at };
    Ok(NewInvitation { invitation, link: manual_link })
}

/// The invited email of a valid invitation, for the page that completes the account.
pub async fn find_invited_email(app: &App, token: &str) -> Result<Option<String>, AccountError> {
    if !invitations_allowed(app) {
        return Err(AccountError::RegistrationClosed);
    }
    let link = links::find::<()>(app, Purpose::Invite, token, app.clock.now()).await?;
    Ok(link.map(|link| link.email))
}

/// What an invited person enters.
pub struct InvitationAnswer<'a> {
    /// The token of the link.
    pub token: &'a str,
    pub password: &'a str,
    pub profile: Profile,
}

/// Creates the account of the invited person, and signs its owner in where the password was chosen: the link has
/// proven the email, as it does for a registration.
pub async fn accept(
    app: &App,
    InvitationAnswer { token, password, profile }: InvitationAnswer<'_>,
    browser: LinkBrowser<'_>,
    context: &RequestContext,
) -> Result<CompletedLogin<Result<(), RequestNotPending>>, AccountError> {
    if !invitations_allowed(app) {
        return Err(AccountError::RegistrationClosed);
    }
    let now = context.now;
    let link = links::find::<()>(app, Purpose::Invite, token, now).await?.ok_or(AccountError::InvalidLink)?;
    let profile = profile.validate()?;
    let password = Password::from_typed(password).ok_or(Weakness::TooLong)?;
    count_registration_try(app, context).await?;
    // Judged before the link is used, so that a weak password does not use up the link.
    let words = context_words(app, &link.email, profile.text("name"));
    app.passwords.check(&password, false, &words).await??;
    let password_hash = app.passwords.hash(&app.random, &password).await?;
    let account = VerifiedAccount::new(app, &link.email, &profile, &password_hash, now)?;
    let user = account.user.clone();
    app.write(context, async |write| {
        link_sign_in::lock_current_user(write, browser).await?;
        if !link.consume(write).await? {
            return Err(AccountError::InvalidLink);
        }
        account.store(write, "invitation").await?;
        let assurance = link_sign_in::password_assurance();
        // No app's request leads to an invitation.
        let completion = &LoginStepRecorder { request_id: None, browser_secret: browser.browser_secret };
        let sign_in = LinkSignIn { user: &user, browser, assurance, completion };
        Ok(link_sign_in::sign_in(app, write, sign_in).await?)
    })
    .await
}

/// At most `limit` valid invitations, the oldest first.
pub async fn list(app: &App, limit: u64) -> Result<Vec<Invitation>, AccountError> {
    let rows = links::list_usable(app, Purpose::Invite, app.clock.now(), limit).await?;
    let invitation = |row: postern_entities::links::Model| Invitation {
        email: row.email,
        created_at: row.created_at,
        expires_at: row.expires_at,
    };
    Ok(rows.into_iter().map(invitation).collect())
}

/// Withdraws the invitations to an email. False if none was valid.
pub async fn withdraw(app: &App, email: &str, context: &RequestContext) -> Result<bool, AccountError> {
    let email = Email::parse(email).map_err(|_| AccountError::MalformedEmail)?;
    app.write(context, async |write| {
        let withdrawn = links::end_email_links(write, Purpose::Invite, &email).await?;
        if withdrawn {
            Event::new("user.invitation_withdrawn").record(write).await?;
        }
        Ok(withdrawn)
    })
    .await
}
