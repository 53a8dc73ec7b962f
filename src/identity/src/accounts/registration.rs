//! Makes accounts for people who come by themselves.
//!
//! The account begins when its address is proven: until then the registration, with the hash of its password, lies sealed
//! in the link. Asked again, the same registration is sealed into another link; the ones before work until their own end,
//! and whichever is used first makes the account.

use postern_entities::users as rows;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::EntityTrait as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    AccountError, known_words,
    links::{self, NewLink, Purpose},
};
use crate::{
    App, administration,
    audit::{Event, Origin},
    config::Registration,
    mail::{
        self, Letter,
        allowance::{self, Allowance, Requester},
    },
    passwords::{self, NewPassword, Password, Verdict, Weakness},
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
    /// The authorization request that led here, to go on with afterwards.
    pub request: Option<Uuid>,
}

/// Sealed in the link until it is used.
#[derive(Serialize, Deserialize)]
struct Registered {
    password_hash: String,
    profile: Profile,
    #[serde(default)]
    request: Option<Uuid>,
}

/// A registration that is complete.
pub struct Verified {
    /// The account.
    pub user: User,
    /// The authorization request that led to it.
    pub request: Option<Uuid>,
}

/// Counts what makes us hash a password for a stranger, in a write of its own.
pub(super) async fn count_try(app: &App, origin: &Origin) -> Result<(), AccountError> {
    let limit = Limit { name: "registration_tries_per_source", rate: app.config.limits.codes_per_source };
    match rate_limit::take_now(app, limit, &rate_limit::source(origin.ip)).await? {
        Taken::Within(_) => Ok(()),
        Taken::Limited { retry_after, .. } => Err(AccountError::Limited { retry_after }),
    }
}

/// Whether accounts here can have a password.
pub(super) fn by_password(app: &App) -> bool {
    app.config.login.methods.iter().any(|method| method == "password")
}

/// Whether people may make accounts here.
pub fn open(app: &App) -> bool {
    app.config.registration.mode == Registration::Open && by_password(app) && app.mailer.delivers()
}

/// Refuses where people may not make accounts, or not without an invitation.
pub fn must_be_open(app: &App) -> Result<(), AccountError> {
    match app.config.registration.mode {
        _ if open(app) => Ok(()),
        Registration::Invitation => Err(AccountError::Uninvited),
        Registration::Open | Registration::Closed => Err(AccountError::Closed),
    }
}

/// Mails a link that completes the registration or, to an address that has an account, a letter that says so.
pub async fn register(
    app: &App,
    new: NewAccount<'_>,
    language: &str,
    origin: &Origin,
) -> Result<(), AccountError> {
    must_be_open(app)?;
    let email = Email::parse(new.email).map_err(|_| AccountError::MalformedEmail)?;
    let profile = administration::users::checked(new.profile)?;
    let password = Password::typed(new.password).ok_or(Weakness::TooLong)?;
    let now = app.clock.now();
    // Before anything slow: whoever may get no mail has nothing hashed.
    if let Some(retry_after) = allowance::exhausted(app, now).await? {
        return Err(AccountError::MailsExhausted { retry_after });
    }
    // Counted before anything slow, and for a taken address as for a free one.
    count_try(app, origin).await?;
    let words = known_words(app, email.as_str(), profile.name.as_deref());
    passwords::check(app, &password, false, &words).await??;
    let password_hash = passwords::hash(app, &password).await?;
    let registered = Registered { password_hash, profile, request: new.request };
    let taken = users::find_by_email(app.db.reader(), &email).await?.is_some();
    let begun = Begun { email: &email, registered: Some(&registered), taken };
    let rate = app.config.limits.registrations_per_source;
    let registrations = Limit { name: "registrations_per_source", rate };
    begun.send(app, Some(registrations), "registration.begun", language, origin).await
}

/// Mails another link for a registration that waits for its address to be proven, to an address that has an account the
/// letter that says so, and nothing to nobody.
pub async fn resend(app: &App, email: &str, language: &str, origin: &Origin) -> Result<(), AccountError> {
    must_be_open(app)?;
    let email = Email::parse(email).map_err(|_| AccountError::MalformedEmail)?;
    let pending = links::newest::<Registered>(app, Purpose::Register, &email, app.clock.now()).await?;
    let taken = users::find_by_email(app.db.reader(), &email).await?.is_some();
    let registered = pending.as_ref().map(|link| &link.payload);
    Begun { email: &email, registered, taken }.send(app, None, "registration.resent", language, origin).await
}

/// A registration as far as it is known, and whether somebody has the address.
struct Begun<'a> {
    email: &'a Email,
    registered: Option<&'a Registered>,
    taken: bool,
}

impl Begun<'_> {
    /// Writes the letter that fits. Each case writes the same rows.
    async fn send(
        self,
        app: &App,
        more: Option<Limit>,
        event: &'static str,
        language: &str,
        origin: &Origin,
    ) -> Result<(), AccountError> {
        let now = app.clock.now();
        let purpose =
            if self.registered.is_some() && !self.taken { Purpose::Register } else { Purpose::Nothing };
        let link = NewLink::new(app, purpose, None, self.email, &self.registered, now)?;
        let (template, path) = if self.taken {
            ("already-registered", "/forgot-password".to_owned())
        } else {
            ("verify-email", format!("/verify-email?token={}", link.token))
        };
        let known = self.taken || self.registered.is_some();
        let to = known.then_some(self.email.as_str());
        let letter = Letter { to, template, language, path: Some(&path) };
        let job = mail::registration_letter(app, letter, link.expires_at())?;
        let allowance = app
            .db
            .write(async |tx| -> Result<_, AccountError> {
                let allowance = self.count(app, tx, more, origin, now).await?;
                if allowance == Allowance::Granted {
                    link.store(tx).await?;
                    job.enqueue(tx).await?;
                    Event::new(event).record(app, tx, origin, now).await?;
                }
                Ok(allowance)
            })
            .await?;
        app.jobs.wake();
        match allowance {
            Allowance::Granted => Ok(()),
            Allowance::Limited { retry_after } => Err(AccountError::Limited { retry_after }),
            Allowance::Exhausted { retry_after } => Err(AccountError::MailsExhausted { retry_after }),
        }
    }

    async fn count(
        &self,
        app: &App,
        tx: &Transaction,
        more: Option<Limit>,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Allowance, DatabaseError> {
        if let Some(more) = more {
            let source = rate_limit::source(origin.ip);
            if let Some(retry_after) = allowance::use_up(app, tx, (more, &source), origin, now).await? {
                return Ok(Allowance::Limited { retry_after });
            }
        }
        allowance::take(app, tx, (self.email.as_str(), Requester::Stranger), origin, now).await
    }
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
) -> Result<Verified, AccountError> {
    must_be_open(app)?;
    let now = app.clock.now();
    let link = links::find::<Registered>(app, Purpose::Register, token, now).await?;
    let link = link.ok_or(AccountError::LinkOver)?;
    if let Some(password) = password {
        count_try(app, origin).await?;
        let password = Password::typed(password).ok_or(AccountError::WrongPassword)?;
        let verdict = app.hasher.verify(password.text(), Some(&link.payload.password_hash)).await?;
        if verdict == Verdict::Wrong {
            return Err(AccountError::WrongPassword);
        }
    }
    let account = Account::new(app, &link.email, &link.payload.profile, &link.payload.password_hash, now)?;
    let user = account.user.clone();
    app.db
        .write(async |tx| {
            if !link.consume(tx, now).await? {
                return Err(AccountError::LinkOver);
            }
            account.store(app, tx, "registration", origin, now).await
        })
        .await?;
    Ok(Verified { user, request: link.payload.request })
}

/// An account in the making, its address proven.
pub(super) struct Account {
    pub(super) user: User,
    password: NewPassword,
}

impl Account {
    pub(super) fn new(
        app: &App,
        email: &str,
        profile: &Profile,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<Self, AccountError> {
        let user = User {
            id: app.random.row_id(now),
            subject: app.random.uuid(),
            email: email.to_owned(),
            email_verified: true,
            profile: json!(profile),
            disabled_at: None,
            deletion_at: None,
            language: None,
            created_at: now.micros(),
            updated_at: now.micros(),
        };
        let password = passwords::seal(app, user.id, password_hash, now)?;
        Ok(Self { user, password })
    }

    /// Stores it. Of two links to one address, one makes the account.
    pub(super) async fn store(
        self,
        app: &App,
        tx: &Transaction,
        by: &'static str,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<(), AccountError> {
        let id = self.user.id;
        let row = rows::ActiveModel::from(self.user);
        rows::Entity::insert(row).exec_without_returning(tx).await.map_err(AccountError::of_taken_address)?;
        self.password.store(tx).await?;
        let details: Value = json!({ "by": by });
        Event::new("user.registered").user(id).details(details).record(app, tx, origin, now).await?;
        Ok(())
    }
}
