//! Registers people who create their own account.
//!
//! The account is created when its email is verified. Until then the registration, with the hash of its
//! password, is sealed in the row of the mailed link, so an unverified email never belongs to an account. A
//! repeated registration creates another link; earlier links stay valid until they expire, and the first link
//! that is used creates the account.
//!
//! Leaves to `invitations` the accounts of invited people, and to `passwords` what a password must satisfy.

use postern_entities::{users as rows, values::Hash256};
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::EntityTrait as _;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{AccountError, context_words};
use crate::{
    App,
    audit::Event,
    authorization::{LoginStepRecorder, RequestNotPending},
    claims::Profile,
    config::RegistrationMode,
    core::{Actor, RequestContext, Write},
    crypto,
    links::{self, Link, LinkRecipient, NewLink, Purpose},
    login::{
        attempt::CompletedLogin,
        link_sign_in::{self, LinkBrowser, LinkSignIn},
        self_registration_allowed,
    },
    mail::{
        self, MailTemplate,
        allowance::{self, Allowance, MailRequester},
    },
    passwords::{self, NewPassword, Password, PasswordVerification, Weakness},
    rate_limit::{self, Limit, TakeOutcome},
    users::{self, Email, User},
};

/// What a person enters to register.
pub struct RegistrationRequest<'a> {
    /// The email as typed, not parsed yet.
    pub email: &'a str,
    /// The password as typed, not checked yet.
    pub password: &'a str,
    pub profile: Profile,
    /// The authorization request that continues after the registration.
    pub authorization_request_id: Option<Uuid>,
    /// The secret that the browser keeps of this registration; none for an app.
    pub browser_secret: Option<&'a str>,
}

/// The sealed payload of a registration link. The names of the fields are stored.
#[derive(Serialize, Deserialize)]
struct PendingRegistration {
    password_hash: String,
    profile: Profile,
    #[serde(default)]
    request: Option<Uuid>,
    /// Hash of the secret that the browser in which the password was chosen keeps.
    #[serde(default)]
    browser: Option<Hash256>,
    /// When the password was chosen: a link that is mailed again changes nothing about that.
    #[serde(default)]
    password_chosen_at: Option<Timestamp>,
}

/// The first sign-in of a new account, which may belong to an authorization request.
pub type FirstSignIn = CompletedLogin<Result<(), RequestNotPending>>;

/// Counts a request that makes the server hash a password for an unauthenticated source. The count has a
/// write of its own, so it lasts even if the request fails.
pub(super) async fn count_registration_try(app: &App, context: &RequestContext) -> Result<(), AccountError> {
    let limit = Limit { name: "registration_tries_per_source", rate: app.config.limits.codes_per_source };
    match rate_limit::take_relaxed(app, limit, &rate_limit::source_of_ip(context.ip)).await? {
        TakeOutcome::Within(_) => Ok(()),
        TakeOutcome::Limited { retry_after, .. } => Err(AccountError::RateLimited { retry_after }),
    }
}

/// Refuses unless [`self_registration_allowed`]; tells a missing invitation from closed registration.
pub fn require_self_registration(app: &App) -> Result<(), AccountError> {
    match app.config.registration.mode {
        _ if self_registration_allowed(app) => Ok(()),
        RegistrationMode::Invitation => Err(AccountError::InvitationRequired),
        RegistrationMode::Open | RegistrationMode::Closed => Err(AccountError::RegistrationClosed),
    }
}

/// Mails a link that completes the registration. If the email has an account, the mail says so instead, and
/// the response is the same.
pub async fn register(
    app: &App,
    new: RegistrationRequest<'_>,
    context: &RequestContext,
) -> Result<(), AccountError> {
    require_self_registration(app)?;
    let email = Email::parse(new.email).map_err(|_| AccountError::MalformedEmail)?;
    let profile = new.profile.validate()?;
    let password = Password::from_typed(new.password).ok_or(Weakness::TooLong)?;
    let now = context.now;
    // Checked before the slow hash, so that a request that could send no mail costs no hash.
    if let Some(retry_after) = allowance::installation_retry_after(app, now).await? {
        return Err(AccountError::MailQuotaExhausted { retry_after });
    }
    // Counted before the slow hash, and equally for a taken and a free email.
    count_registration_try(app, context).await?;
    let words = context_words(app, email.as_str(), profile.text("name"));
    app.passwords.check(&password, false, &words).await??;
    let password_hash = app.passwords.hash(&app.random, &password).await?;
    let registration = PendingRegistration {
        password_hash,
        profile,
        request: new.authorization_request_id,
        browser: new.browser_secret.map(crypto::token_hash),
        password_chosen_at: Some(now),
    };
    let taken = users::find_by_email(app.db.reader(), &email).await?.is_some();
    let registration_mail =
        RegistrationMail { email: &email, registration: Some(&registration), email_taken: taken };
    let rate = app.config.limits.registrations_per_source;
    let registrations = Limit { name: "registrations_per_source", rate };
    registration_mail.send(app, Some(registrations), "registration.begun", context).await
}

/// Mails another link for a registration that is not yet verified: for the one that this browser began, so that nobody
/// else's takes its place, otherwise for the newest. An email with an account gets the mail that says so; an unknown email
/// gets no mail, only the same rows and the same response.
pub async fn resend(
    app: &App,
    email: &str,
    browser_secret: Option<&str>,
    context: &RequestContext,
) -> Result<(), AccountError> {
    require_self_registration(app)?;
    let email = Email::parse(email).map_err(|_| AccountError::MalformedEmail)?;
    let pending =
        links::newest_first::<PendingRegistration>(app, Purpose::Register, &email, context.now).await?;
    let taken = users::find_by_email(app.db.reader(), &email).await?.is_some();
    let own = pending.iter().find(|link| begun_with(&link.payload, browser_secret));
    let registration = own.or(pending.first()).map(|link| &link.payload);
    RegistrationMail { email: &email, registration, email_taken: taken }
        .send(app, None, "registration.resent", context)
        .await
}

/// The mail that answers a registration: which one depends on whether the registration is known and the email
/// is taken.
struct RegistrationMail<'a> {
    email: &'a Email,
    registration: Option<&'a PendingRegistration>,
    email_taken: bool,
}

impl RegistrationMail<'_> {
    /// Enqueues the mail that fits. Each case writes the same rows, so that their number reveals nothing.
    async fn send(
        self,
        app: &App,
        extra_limit: Option<Limit>,
        event: &'static str,
        context: &RequestContext,
    ) -> Result<(), AccountError> {
        let now = context.now;
        let purpose =
            if self.registration.is_some() && !self.email_taken { Purpose::Register } else { Purpose::Decoy };
        let link = NewLink::new(
            app,
            purpose,
            LinkRecipient { user_id: None, email: self.email },
            &self.registration,
            now,
        )?;
        let (template, path) = if self.email_taken {
            ("already-registered", "/forgot-password".to_owned())
        } else {
            ("verify-email", format!("/verify-email?token={}", link.token.expose_secret()))
        };
        let addressed = self.email_taken || self.registration.is_some();
        let to = addressed.then_some(self.email.as_str());
        let letter = MailTemplate { to, template, language: &context.language, path: Some(&path) };
        let job = mail::prepare_registration(app, letter, link.expires_at())?;
        let allowance = app
            .write(context, async |write| -> Result<_, AccountError> {
                let allowance = self.take_allowance(write, extra_limit).await?;
                if allowance == Allowance::Granted {
                    link.store(write).await?;
                    job.enqueue(write).await?;
                    Event::new(event).record(write).await?;
                }
                Ok(allowance)
            })
            .await?;
        match allowance {
            Allowance::Granted => Ok(()),
            Allowance::Limited { retry_after } => Err(AccountError::RateLimited { retry_after }),
            Allowance::Exhausted { retry_after } => Err(AccountError::MailQuotaExhausted { retry_after }),
        }
    }

    async fn take_allowance(
        &self,
        write: &Write<'_>,
        extra_limit: Option<Limit>,
    ) -> Result<Allowance, DatabaseError> {
        if let Some(limit) = extra_limit {
            let source = rate_limit::source_of_ip(write.context.ip);
            if let Some(retry_after) = allowance::take_and_record(write, (limit, &source)).await? {
                return Ok(Allowance::Limited { retry_after });
            }
        }
        allowance::take(write, (self.email.as_str(), MailRequester::Stranger)).await
    }
}

fn begun_with(registration: &PendingRegistration, browser_secret: Option<&str>) -> bool {
    browser_secret.is_some_and(|secret| registration.browser == Some(crypto::token_hash(secret)))
}

/// Completes a registration for an app, by the token of its link, and returns the account.
///
/// What a page began needs the password here, as it does in another browser: an app may be handed a link that a stranger
/// had mailed. An app can give the password for its own registrations too.
pub async fn verify_email(
    app: &App,
    token: &str,
    password: Option<&str>,
    context: &RequestContext,
) -> Result<User, AccountError> {
    let waiting = find(app, token, context).await?;
    match password {
        Some(password) => waiting.check_password(app, password, context).await?,
        None if waiting.0.payload.browser.is_some() => return Err(AccountError::PasswordRequired),
        None => {}
    }
    let account = waiting.account(app, context.now)?;
    let user = account.user.clone();
    app.write(context, async |write| store_account(write, &waiting.0, account).await).await?;
    Ok(user)
}

/// The registration of a link that works.
pub async fn find(
    app: &App,
    token: &str,
    context: &RequestContext,
) -> Result<WaitingRegistration, AccountError> {
    require_self_registration(app)?;
    let link = links::find(app, Purpose::Register, token, context.now).await?;
    link.map(WaitingRegistration).ok_or(AccountError::InvalidLink)
}

/// A registration that waits for whoever reads the mailbox.
pub struct WaitingRegistration(Link<PendingRegistration>);

impl WaitingRegistration {
    /// The authorization request that continues after the registration.
    pub fn authorization_request_id(&self) -> Option<Uuid> {
        self.0.payload.request
    }

    /// Whether the browser that keeps this secret began the registration. The password was chosen there, so it need not be
    /// typed again.
    pub fn begun_with(&self, browser_secret: &str) -> bool {
        begun_with(&self.0.payload, Some(browser_secret))
    }

    /// Refuses any password but the one that the registration began with.
    ///
    /// A person who only reads the mailbox may press a button in a mail that a stranger requested, but does not know the
    /// password that the stranger chose.
    pub async fn check_password(
        &self,
        app: &App,
        password: &str,
        context: &RequestContext,
    ) -> Result<(), AccountError> {
        count_registration_try(app, context).await?;
        let password = Password::from_typed(password).ok_or(AccountError::WrongPassword)?;
        let stored = Some(self.0.payload.password_hash.as_str());
        match app.passwords.hasher.verify(password.text(), stored).await? {
            PasswordVerification::Mismatch => Err(AccountError::WrongPassword),
            _ => Ok(()),
        }
    }

    /// When the password was chosen, for a sign-in at which nobody types it.
    pub fn password_chosen_at(&self) -> Option<Timestamp> {
        self.0.payload.password_chosen_at
    }

    /// Stores the account and signs its owner in, in one write.
    pub async fn complete(
        self,
        app: &App,
        browser: LinkBrowser<'_>,
        context: &RequestContext,
    ) -> Result<FirstSignIn, AccountError> {
        let account = self.account(app, context.now)?;
        let user = account.user.clone();
        let recorder = LoginStepRecorder {
            request_id: self.authorization_request_id(),
            browser_secret: browser.browser_secret,
        };
        let context = &context.clone().by(Actor::User(user.id));
        app.write(context, async |write| {
            link_sign_in::lock_current_user(write, browser).await?;
            store_account(write, &self.0, account).await?;
            let assurance = link_sign_in::password_assurance();
            let sign_in = LinkSignIn { user: &user, browser, assurance, completion: &recorder };
            Ok(link_sign_in::sign_in(app, write, sign_in).await?)
        })
        .await
    }

    fn account(&self, app: &App, now: Timestamp) -> Result<VerifiedAccount, AccountError> {
        let Link { email, payload, .. } = &self.0;
        VerifiedAccount::new(app, email, &payload.profile, &payload.password_hash, now)
    }
}

/// Consumes the link and stores the account.
async fn store_account(
    write: &Write<'_>,
    link: &Link<PendingRegistration>,
    account: VerifiedAccount,
) -> Result<(), AccountError> {
    if !link.consume(write).await? {
        return Err(AccountError::InvalidLink);
    }
    account.store(write, "registration").await
}

/// A new account whose email is verified, sealed and ready to be stored.
pub(super) struct VerifiedAccount {
    pub(super) user: User,
    password: NewPassword,
}

impl VerifiedAccount {
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
            created_at: now,
            updated_at: now,
        };
        let password = passwords::seal(app, user.id, password_hash, now)?;
        Ok(Self { user, password })
    }

    /// Inserts the account. If two links to one email are used, the unique constraint lets one of them create
    /// the account.
    pub(super) async fn store(
        self,
        write: &Write<'_>,
        registered_by: &'static str,
    ) -> Result<(), AccountError> {
        let id = self.user.id;
        let row = rows::ActiveModel::from(self.user);
        rows::Entity::insert(row)
            .exec_without_returning(write)
            .await
            .map_err(AccountError::from_email_error)?;
        self.password.store(write).await?;
        let details: Value = json!({ "by": registered_by });
        Event::new("user.registered").user(id).details(details).record(write).await?;
        Ok(())
    }
}
