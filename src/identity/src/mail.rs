//! Sends messages: mail over SMTP, or into the inbox of `postern dev`.
//!
//! Mail is always sent by a job ([`notice`], [`crate::jobs`]), never while somebody waits. TLS is
//! required unless the settings say otherwise: a server that does not offer STARTTLS gets nothing
//! (RFC 3207 section 6 warns of whoever strips the offer).

pub mod allowance;
mod inbox;
pub mod samples;
mod smtp;

use std::{collections::BTreeMap, io::Write as _, time::Duration};

use minijinja::context;
use postern_entities::users::Model as User;
use postern_service::clock::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::{
    inbox::{Inbox, Received},
    smtp::{MailError, Smtp},
};
use crate::{
    app::App,
    crypto::CryptoError,
    jobs::{self, JobError, NewJob, SealedJob},
};

/// The job that sends a notice.
pub const JOB: &str = "mail.notice";

/// The job that sends the mail of a registration.
pub const REGISTRATION_JOB: &str = "mail.registration";

/// A notice that could not be delivered by then is dropped.
const NOTICE_GIVEN_UP_AFTER: Duration = Duration::from_hours(24);

/// Where messages go.
pub enum Mailer {
    /// To a mail server.
    Smtp(Box<Smtp>),
    /// Into memory, for `dev` and tests.
    Inbox(Inbox),
    /// Nowhere: no server is set.
    None,
}

impl Mailer {
    /// Whether mail can reach anybody.
    pub fn delivers(&self) -> bool {
        !matches!(self, Self::None)
    }
}

/// A message to one person.
#[derive(Clone, Default)]
pub struct Message {
    /// The address, or whom an operator knows by it.
    pub to: String,
    /// `email`, or `code` for what is not mail.
    pub channel: &'static str,
    /// One line.
    pub subject: String,
    /// The plain part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// The code in it, for the inbox.
    pub code: Option<String>,
    /// The link in it, for the inbox.
    pub link: Option<String>,
}

/// Renders a mail from `mail/<template>.{subject,txt,html}`.
pub fn compose(
    app: &App,
    to: &str,
    template: &str,
    language: &str,
    values: minijinja::Value,
) -> Result<Message, JobError> {
    let text =
        app.templates.mail(template, language, values).map_err(|cause| JobError::from_source(&cause))?;
    Ok(Message {
        to: to.to_owned(),
        channel: "email",
        subject: text.subject,
        text: text.text,
        html: text.html,
        ..Message::default()
    })
}

/// Sends a mail now. Only jobs call it.
pub async fn send(app: &App, message: Message) -> Result<(), JobError> {
    match &app.mailer {
        Mailer::Smtp(smtp) => smtp.send(&app.config, &app.random, message).await.map_err(JobError::from),
        Mailer::Inbox(inbox) => {
            inbox.keep(message, app.clock.now());
            Ok(())
        }
        Mailer::None => Err(JobError::failed("mail.smtp_host is not set")),
    }
}

impl From<MailError> for JobError {
    fn from(cause: MailError) -> Self {
        match cause {
            MailError::Unanswered(_) => Self::Interrupted(jobs::chain(&cause)),
            MailError::Malformed(_) => Self::Hopeless(jobs::chain(&cause)),
            _ => Self::from_source(&cause),
        }
    }
}

/// Writes a message to the terminal of this node, or into the inbox of `dev`; never to the log.
pub fn tell(app: &App, message: Message) -> std::io::Result<()> {
    if let Mailer::Inbox(inbox) = &app.mailer {
        inbox.keep(message, app.clock.now());
        return Ok(());
    }
    let mut terminal = std::io::stdout().lock();
    writeln!(terminal, "{}", message.subject)?;
    terminal.flush()
}

#[derive(Serialize, Deserialize)]
struct Notice {
    /// Nobody: a decoy.
    to: Option<String>,
    template: String,
    language: String,
    link: Option<String>,
    /// What its template names besides.
    #[serde(default)]
    facts: BTreeMap<String, String>,
}

/// A mail with a link to a page of ours.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// The address; none for a decoy, which is enqueued like any other and goes nowhere.
    pub to: Option<&'a str>,
    /// Its template.
    pub template: &'a str,
    /// Its language.
    pub language: &'a str,
    /// Path and query of the page; the rest of the link is the issuer.
    pub path: Option<&'a str>,
}

/// A mail about a change of the account, ready to be enqueued in the write that makes the change. It is in the owner's
/// language.
pub fn notice(app: &App, user: &User, template: &str) -> Result<SealedJob, CryptoError> {
    letter(app, Letter { to: Some(&user.email), template, language: &language_of(app, user), path: None })
}

/// The language in which the owner of an account is told what happened to it: that of the profile, else that of the
/// owner's last sign-in. Never that of the request that caused it, which may be a thief's.
pub fn language_of(app: &App, user: &User) -> String {
    let locale = user.profile.get("locale").and_then(Value::as_str).unwrap_or_default();
    let wishes = format!("{locale} {}", user.language.as_deref().unwrap_or_default());
    app.templates.language(Some(&wishes), None)
}

/// A mail, ready to be enqueued in the write that makes it necessary.
pub fn letter(app: &App, letter: Letter<'_>) -> Result<SealedJob, CryptoError> {
    letter_with(app, letter, [])
}

/// A mail with a link that works until then, and makes no sense later.
pub fn letter_until<const N: usize>(
    app: &App,
    letter: Letter<'_>,
    facts: [(&str, String); N],
    end: Timestamp,
) -> Result<SealedJob, CryptoError> {
    job(app, JOB, letter, facts, end)
}

/// The same for a registration, which anybody can ask for: it is sent when nothing else waits.
pub fn registration_letter(app: &App, letter: Letter<'_>, end: Timestamp) -> Result<SealedJob, CryptoError> {
    job(app, REGISTRATION_JOB, letter, [], end)
}

/// A mail with facts that its template names.
pub fn letter_with<const N: usize>(
    app: &App,
    letter: Letter<'_>,
    facts: [(&str, String); N],
) -> Result<SealedJob, CryptoError> {
    job(app, JOB, letter, facts, app.clock.now() + NOTICE_GIVEN_UP_AFTER)
}

fn job<const N: usize>(
    app: &App,
    kind: &'static str,
    letter: Letter<'_>,
    facts: [(&str, String); N],
    give_up_at: Timestamp,
) -> Result<SealedJob, CryptoError> {
    let notice = Notice {
        to: letter.to.map(str::to_owned),
        template: letter.template.to_owned(),
        language: letter.language.to_owned(),
        link: letter.path.map(|path| format!("{}{path}", app.config.issuer)),
        facts: facts.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect(),
    };
    NewJob { kind, payload: json!(notice), give_up_at }.seal(app)
}

/// What the template of a letter may ask for.
fn values(app: &App, link: Option<&str>, facts: BTreeMap<String, String>) -> minijinja::Value {
    let minutes = app.config.registration.link_lifetime.duration().as_secs().div_ceil(60);
    let days = app.config.registration.invitation_lifetime.duration().as_secs() / (24 * 60 * 60);
    let facts = minijinja::Value::from_pairs(facts);
    context! { issuer => &app.config.issuer, link, minutes, days, ..facts }
}

/// Runs the job.
pub(crate) async fn send_notice(app: App, payload: Value) -> Result<(), JobError> {
    let notice: Notice = serde_json::from_value(payload).map_err(JobError::malformed)?;
    if !app.mailer.delivers() {
        tracing::warn!(template = notice.template, "a notice was not sent: mail.smtp_host is not set");
        return Ok(());
    }
    let Some(to) = &notice.to else { return Ok(()) };
    let values = values(&app, notice.link.as_deref(), notice.facts);
    let mut message = compose(&app, to, &notice.template, &notice.language, values)?;
    message.link = notice.link;
    send(&app, message).await
}
