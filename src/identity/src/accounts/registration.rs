//! Makes accounts for people who come by themselves.
//!
//! The account begins when its address is proven: until then the registration, with the hash of its password, lies sealed
//! in the link.

use postern_entities::users as rows;
use postern_service::clock::Timestamp;
use sea_orm::EntityTrait as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    AccountError, count_mail, known_words,
    links::{self, NewLink, Purpose},
};
use crate::{
    App, administration,
    audit::{Event, Origin},
    config::Registration,
    mail::{self, Letter},
    passwords::{self, Password, Verdict, Weakness},
    rate_limit::{self, Limit, Taken},
    users::{self, Email, Profile, User},
};

/// What somebody wants to be known by.
pub struct NewAccount<'a> {
    /// The address, as typed.
    pub email: &'a str,
    /// The password, as typed.
    pub password: &'a str,
    /// Standard claims.
    pub profile: Profile,
}

/// Sealed in the link until it is used.
#[derive(Serialize, Deserialize)]
struct Registered {
    password_hash: String,
    profile: Profile,
}

/// Counts what makes us hash a password for a stranger, in a write of its own.
async fn count_try(app: &App, origin: &Origin, now: Timestamp) -> Result<(), AccountError> {
    let limit = Limit { name: "registration_tries_per_source", rate: app.config.limits.codes_per_source };
    let source = rate_limit::source(origin.ip);
    match app.db.write(async |tx| rate_limit::take(tx, limit, &source, now).await).await? {
        Taken::Within(_) => Ok(()),
        Taken::Limited { retry_after, .. } => Err(AccountError::Limited { retry_after }),
    }
}

/// Whether people may make accounts here.
pub fn open(app: &App) -> bool {
    let by_password = app.config.login.methods.iter().any(|method| method == "password");
    app.config.registration.mode == Registration::Open && by_password && app.mailer.delivers()
}

/// Mails a link that completes the registration or, to an address that has an account, a letter that says so.
pub async fn register(
    app: &App,
    new: NewAccount<'_>,
    language: &str,
    origin: &Origin,
) -> Result<(), AccountError> {
    if !open(app) {
        return Err(AccountError::Closed);
    }
    let email = Email::parse(new.email).map_err(|_| AccountError::MalformedEmail)?;
    administration::users::check(&new.profile)?;
    let password = Password::typed(new.password).ok_or(Weakness::TooLong)?;
    let now = app.clock.now();
    // Counted before anything slow, and for a taken address as for a free one.
    count_try(app, origin, now).await?;
    let words = known_words(app, email.as_str(), new.profile.name.as_deref());
    passwords::check(app, &password, false, &words).await??;
    let registered =
        Registered { password_hash: passwords::hash(app, &password).await?, profile: new.profile };
    let user = users::find_by_email(app.db.reader(), &email).await?;
    let (purpose, template) = match user {
        None => (Purpose::Register, "verify-email"),
        Some(_) => (Purpose::Nothing, "already-registered"),
    };
    let link = NewLink::new(app, purpose, None, &email, &registered, now)?;
    let path = match purpose {
        Purpose::Register => format!("/verify-email?token={}", link.token),
        _ => "/forgot-password".to_owned(),
    };
    let letter = Letter { to: Some(email.as_str()), template, language, path: Some(&path) };
    keep(app, link, letter, &email, origin, now).await
}

async fn keep(
    app: &App,
    link: NewLink,
    letter: Letter<'_>,
    email: &Email,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), AccountError> {
    let job = mail::letter(app, letter)?;
    let rate = app.config.limits.registrations_per_source;
    let registrations = Limit { name: "registrations_per_source", rate };
    let limited = app
        .db
        .write(async |tx| -> Result<_, AccountError> {
            let limited = count_mail(app, tx, Some(registrations), email, origin, now).await?;
            if limited.is_none() {
                link.store(tx).await?;
                job.enqueue(tx).await?;
                Event::new("registration.begun").record(app, tx, origin, now).await?;
            }
            Ok(limited)
        })
        .await?;
    app.jobs.wake();
    limited.map_or(Ok(()), |retry_after| Err(AccountError::Limited { retry_after }))
}

/// Completes a registration: from now on there is an account, with its address proven.
///
/// On a page it asks for the password too: whoever reads the mailbox may press a button in a mail that somebody else
/// asked for, but does not know the password that this one chose.
pub async fn verify_email(
    app: &App,
    token: &str,
    password: Option<&str>,
    origin: &Origin,
) -> Result<User, AccountError> {
    if !open(app) {
        return Err(AccountError::Closed);
    }
    let now = app.clock.now();
    let link = links::find::<Registered>(app, Purpose::Register, token, now).await?;
    let link = link.ok_or(AccountError::LinkOver)?;
    if let Some(password) = password {
        count_try(app, origin, now).await?;
        let password = Password::typed(password).ok_or(AccountError::WrongPassword)?;
        let verdict = app.hasher.verify(password.text(), Some(&link.payload.password_hash)).await?;
        if verdict == Verdict::Wrong {
            return Err(AccountError::WrongPassword);
        }
    }
    let user = User {
        id: app.random.row_id(now),
        subject: app.random.uuid(),
        email: link.email.clone(),
        email_verified: true,
        profile: json!(link.payload.profile),
        disabled_at: None,
        deletion_at: None,
        created_at: now.micros(),
        updated_at: now.micros(),
    };
    let password = passwords::seal(app, user.id, &link.payload.password_hash, now)?;
    app.db
        .write(async |tx| {
            if !link.consume(tx, now).await? {
                return Err(AccountError::LinkOver);
            }
            let row = rows::ActiveModel::from(user.clone());
            rows::Entity::insert(row).exec_without_returning(tx).await.map_err(taken_meanwhile)?;
            password.store(tx).await?;
            Event::new("user.registered").user(user.id).record(app, tx, origin, now).await?;
            Ok(())
        })
        .await?;
    Ok(user)
}

/// Of two links to one address, one makes the account.
fn taken_meanwhile(cause: sea_orm::DbErr) -> AccountError {
    match postern_service::database::unique_violation(&cause).as_deref() {
        Some("users.email") => AccountError::LinkOver,
        _ => cause.into(),
    }
}
