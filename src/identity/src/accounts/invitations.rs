//! Makes accounts for people whom somebody invited.
//!
//! The link goes to the invited address and proves it: whoever follows it chooses a password, and the account is there.
//! An invitation stands until it is used, withdrawn, replaced by a newer one to the same address, or over.

use postern_service::clock::Timestamp;

use super::{
    AccountError, known_words,
    links::{self, NewLink, Purpose},
    registration::{Account, by_password, count_try},
};
use crate::{
    App, administration,
    audit::{Event, Origin},
    config::Registration,
    mail::{
        self, Letter,
        allowance::{self, Allowance, Requester},
    },
    passwords::{self, Password, Weakness},
    users::{self, Email, Profile, User},
};

/// An invitation that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Whom it is for.
    pub email: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its end.
    pub expires_at: Timestamp,
}

/// An invitation that was just made.
#[derive(Clone)]
pub struct Invited {
    /// The invitation.
    pub invitation: Invitation,
    /// The link, where no mail can be sent: somebody has to hand it over.
    pub link: Option<String>,
}

/// Whether anybody can be invited.
fn possible(app: &App) -> bool {
    app.config.registration.mode != Registration::Closed && by_password(app)
}

/// Invites an address as an operator: without a limit, and by hand where no mail is set.
pub async fn invite(
    app: &App,
    email: &str,
    language: &str,
    origin: &Origin,
) -> Result<Invited, AccountError> {
    write(app, email, None, language, origin).await
}

/// Invites an address for a client. To an address that has an account a letter is mailed that says so; the answer is
/// the same.
pub async fn invite_for(
    app: &App,
    client_id: &str,
    email: &str,
    language: &str,
    origin: &Origin,
) -> Result<Invitation, AccountError> {
    if !app.mailer.delivers() {
        return Err(AccountError::Closed);
    }
    Ok(write(app, email, Some(client_id), language, origin).await?.invitation)
}

async fn write(
    app: &App,
    email: &str,
    client_id: Option<&str>,
    language: &str,
    origin: &Origin,
) -> Result<Invited, AccountError> {
    if !possible(app) {
        return Err(AccountError::Closed);
    }
    let email = Email::parse(email).map_err(|_| AccountError::MalformedEmail)?;
    let now = app.clock.now();
    let expires_at = now + app.config.registration.invitation_lifetime.duration();
    let taken = users::find_by_email(app.db.reader(), &email).await?.is_some();
    let (purpose, template) =
        if taken { (Purpose::Nothing, "invited-already") } else { (Purpose::Invite, "invitation") };
    let link = NewLink::new(app, purpose, None, &email, &(), now)?.until(expires_at);
    let path = if taken { "/account".to_owned() } else { format!("/register?invitation={}", link.token) };
    let by_hand = (!app.mailer.delivers()).then(|| format!("{}{path}", app.config.issuer));
    let letter = Letter { to: Some(email.as_str()), template, language, path: Some(&path) };
    let letter = mail::letter_until(app, letter, [], expires_at)?;
    let mut event = Event::new("user.invited");
    if let Some(client_id) = client_id {
        event = event.client(client_id);
    }
    let limited = app
        .db
        .write(async |tx| -> Result<_, AccountError> {
            let recipient = (email.as_str(), Requester::Stranger);
            if client_id.is_some()
                && let Allowance::Limited { retry_after } =
                    allowance::take_of_recipient(app, tx, recipient, origin, now).await?
            {
                return Ok(Some(retry_after));
            }
            links::end_of_address(tx, Purpose::Invite, &email, now).await?;
            link.store(tx).await?;
            if by_hand.is_none() {
                letter.enqueue(tx).await?;
            }
            event.record(app, tx, origin, now).await?;
            Ok(None)
        })
        .await?;
    app.jobs.wake();
    if let Some(retry_after) = limited {
        return Err(AccountError::Limited { retry_after });
    }
    let invitation = Invitation { email: email.as_str().to_owned(), created_at: now, expires_at };
    Ok(Invited { invitation, link: by_hand })
}

/// Whom an invitation is for, if it stands: for the page that asks for the rest.
pub async fn invited(app: &App, token: &str) -> Result<Option<String>, AccountError> {
    if !possible(app) {
        return Err(AccountError::Closed);
    }
    let link = links::find::<()>(app, Purpose::Invite, token, app.clock.now()).await?;
    Ok(link.map(|link| link.email))
}

/// Makes the account of somebody who was invited.
pub async fn accept(
    app: &App,
    token: &str,
    password: &str,
    profile: Profile,
    origin: &Origin,
) -> Result<User, AccountError> {
    if !possible(app) {
        return Err(AccountError::Closed);
    }
    let now = app.clock.now();
    let link = links::find::<()>(app, Purpose::Invite, token, now).await?.ok_or(AccountError::LinkOver)?;
    let profile = administration::users::checked(profile)?;
    let password = Password::typed(password).ok_or(Weakness::TooLong)?;
    count_try(app, origin).await?;
    // Before the link is used: a weak password must not cost it.
    let words = known_words(app, &link.email, profile.name.as_deref());
    passwords::check(app, &password, false, &words).await??;
    let password_hash = passwords::hash(app, &password).await?;
    let account = Account::new(app, &link.email, &profile, &password_hash, now)?;
    let user = account.user.clone();
    app.db
        .write(async |tx| {
            if !link.consume(tx, now).await? {
                return Err(AccountError::LinkOver);
            }
            account.store(app, tx, "invitation", origin, now).await
        })
        .await?;
    Ok(user)
}

/// At most `limit` invitations that stand, the oldest first.
pub async fn list(app: &App, limit: u64) -> Result<Vec<Invitation>, AccountError> {
    let rows = links::list(app, Purpose::Invite, app.clock.now(), limit).await?;
    let invitation = |row: postern_entities::links::Model| Invitation {
        email: row.email,
        created_at: Timestamp::from_micros(row.created_at),
        expires_at: Timestamp::from_micros(row.expires_at),
    };
    Ok(rows.into_iter().map(invitation).collect())
}

/// Takes an invitation back. False when none stands.
pub async fn withdraw(app: &App, email: &str, origin: &Origin) -> Result<bool, AccountError> {
    let email = Email::parse(email).map_err(|_| AccountError::MalformedEmail)?;
    let now = app.clock.now();
    app.db
        .write(async |tx| {
            let stood = links::end_of_address(tx, Purpose::Invite, &email, now).await?;
            if stood {
                Event::new("user.invitation_withdrawn").record(app, tx, origin, now).await?;
            }
            Ok(stood)
        })
        .await
}
