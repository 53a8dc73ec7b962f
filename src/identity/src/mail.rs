//! Sends mail by SMTP, or into the inbox of `postern dev`.
//!
//! Owns rendering, the job that sends a mail, and the transports. Mail is sent by a job ([`crate::jobs`]),
//! never while a request waits; the job is enqueued in the write that causes the mail. TLS is required unless
//! the settings say otherwise: a server that does not offer STARTTLS gets no mail, because an attacker could
//! strip the offer (RFC 3207 section 6). Leaves to [`allowance`] how much mail may be sent.

pub mod allowance;
mod inbox;
pub mod samples;
mod smtp;

use std::{collections::BTreeMap, io::Write as _, time::Duration};

use minijinja::context;
use postern_entities::users::Model as User;
use postern_service::clock::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::{
    inbox::{Inbox, InboxMessage},
    smtp::{MailError, Smtp},
};
use crate::{
    core::Core,
    crypto::CryptoError,
    jobs::{self, JobError, NewJob, SealedJob},
    templates::Templates,
};

/// Kind of the job that sends a mail about an account.
pub const JOB: &str = "mail.notice";

/// Kind of the job that sends the mail of a registration. It has low priority, because strangers cause it.
pub const REGISTRATION_JOB: &str = "mail.registration";

/// A mail without a link that expires is dropped if it cannot be delivered within this time.
const NOTICE_LIFETIME: Duration = Duration::from_hours(24);

/// The transport of mail.
pub enum Mailer {
    Smtp(Box<Smtp>),
    /// Keeps messages in memory, for `dev` and tests.
    Inbox(Inbox),
    /// No server is configured: no mail can be sent.
    None,
}

impl Mailer {
    /// Whether a transport is configured.
    pub fn delivers(&self) -> bool {
        !matches!(self, Self::None)
    }
}

/// One rendered message to one recipient.
#[derive(Clone, Default)]
pub struct Message {
    /// An email; for the channel `code` any identifier by which the operator knows the recipient.
    pub to: String,
    /// `email`, or `code` for a sign-in code that an operator or gateway delivers.
    pub channel: &'static str,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Repeated from the text for the inbox.
    pub code: Option<SecretString>,
    /// Repeated from the text for the inbox.
    pub link: Option<SecretString>,
}

/// Renders the templates `mail/<template>.{subject,txt,html}`.
pub fn compose(
    templates: &Templates,
    to: &str,
    template: &str,
    language: &str,
    values: minijinja::Value,
) -> Result<Message, JobError> {
    let text = templates.mail(template, language, values).map_err(|cause| JobError::from_source(&cause))?;
    Ok(Message {
        to: to.to_owned(),
        channel: "email",
        subject: text.subject,
        text: text.text,
        html: text.html,
        ..Message::default()
    })
}

/// Sends a mail at once. Only jobs call this function.
pub async fn send(core: &Core, mailer: &Mailer, message: Message) -> Result<(), JobError> {
    match mailer {
        Mailer::Smtp(smtp) => smtp.send(&core.config, &core.random, message).await.map_err(JobError::from),
        Mailer::Inbox(inbox) => {
            inbox.push(message, core.clock.now());
            Ok(())
        }
        Mailer::None => Err(JobError::failed("mail.smtp_host is not set")),
    }
}

impl From<MailError> for JobError {
    fn from(cause: MailError) -> Self {
        match cause {
            MailError::DeliveryUnknown(_) => Self::Interrupted(jobs::error_chain(&cause)),
            MailError::Malformed(_) => Self::Permanent(jobs::error_chain(&cause)),
            _ => Self::from_source(&cause),
        }
    }
}

/// Writes a message to standard output, or into the inbox of `dev`. A code must never reach the log.
pub fn write_to_console(core: &Core, mailer: &Mailer, message: Message) -> std::io::Result<()> {
    if let Mailer::Inbox(inbox) = mailer {
        inbox.push(message, core.clock.now());
        return Ok(());
    }
    let mut terminal = std::io::stdout().lock();
    writeln!(terminal, "{}", message.subject)?;
    terminal.flush()
}

#[derive(Serialize, Deserialize)]
struct MailPayload {
    /// None for a decoy, which is not sent.
    to: Option<String>,
    template: String,
    language: String,
    link: Option<String>,
    /// Further values of the template.
    #[serde(default)]
    facts: BTreeMap<String, String>,
}

/// A mail that is not rendered yet: recipient, template and link.
#[derive(Clone, Copy, Debug)]
pub struct MailTemplate<'a> {
    /// An email; none for a decoy, which is enqueued like other mail and not sent.
    pub to: Option<&'a str>,
    /// Name without the folder and the extensions.
    pub template: &'a str,
    /// A language tag that the templates have.
    pub language: &'a str,
    /// Path and query of the linked page. The issuer is prepended, so no request header can redirect the
    /// link.
    pub path: Option<&'a str>,
}

/// Prepares a mail to the owner about a change of the account, in the owner's language.
pub fn prepare_notice(
    core: &Core,
    templates: &Templates,
    user: &User,
    template: &str,
) -> Result<SealedJob, CryptoError> {
    prepare(
        core,
        MailTemplate {
            to: Some(&user.email),
            template,
            language: &account_language(templates, user),
            path: None,
        },
    )
}

/// The language for mail to the owner of an account: of the profile, otherwise of the owner's last login. The
/// language of the current request is not used, because a thief may have sent that request.
pub fn account_language(templates: &Templates, user: &User) -> String {
    let locale = user.profile.get("locale").and_then(Value::as_str).unwrap_or_default();
    let wishes = format!("{locale} {}", user.language.as_deref().unwrap_or_default());
    templates.negotiate_language(Some(&wishes), None)
}

/// Prepares a mail, to be enqueued in the write that causes it.
pub fn prepare(core: &Core, mail_template: MailTemplate<'_>) -> Result<SealedJob, CryptoError> {
    prepare_with_facts(core, mail_template, [])
}

/// Prepares a mail whose link expires at `end`; the mail is dropped after that time.
pub fn prepare_until<const N: usize>(
    core: &Core,
    mail_template: MailTemplate<'_>,
    facts: [(&str, String); N],
    end: Timestamp,
) -> Result<SealedJob, CryptoError> {
    seal(core, JOB, mail_template, facts, end)
}

/// Prepares the mail of a registration. The job has low priority, because strangers can cause any number of
/// them.
pub fn prepare_registration(
    core: &Core,
    mail_template: MailTemplate<'_>,
    end: Timestamp,
) -> Result<SealedJob, CryptoError> {
    seal(core, REGISTRATION_JOB, mail_template, [], end)
}

/// Prepares a mail with further values for its template.
pub fn prepare_with_facts<const N: usize>(
    core: &Core,
    mail_template: MailTemplate<'_>,
    facts: [(&str, String); N],
) -> Result<SealedJob, CryptoError> {
    seal(core, JOB, mail_template, facts, core.clock.now() + NOTICE_LIFETIME)
}

fn seal<const N: usize>(
    core: &Core,
    kind: &'static str,
    mail_template: MailTemplate<'_>,
    facts: [(&str, String); N],
    give_up_at: Timestamp,
) -> Result<SealedJob, CryptoError> {
    let notice = MailPayload {
        to: mail_template.to.map(str::to_owned),
        template: mail_template.template.to_owned(),
        language: mail_template.language.to_owned(),
        link: mail_template.path.map(|path| format!("{}{path}", core.config.issuer)),
        facts: facts.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect(),
    };
    NewJob { kind, payload: json!(notice), give_up_at }.seal(core)
}

/// The values that every mail template may use.
fn template_values(core: &Core, link: Option<&str>, facts: BTreeMap<String, String>) -> minijinja::Value {
    let minutes = core.config.registration.link_lifetime.duration().as_secs().div_ceil(60);
    let days = core.config.registration.invitation_lifetime.duration().as_secs() / (24 * 60 * 60);
    let facts = minijinja::Value::from_pairs(facts);
    context! { issuer => &core.config.issuer, link, minutes, days, ..facts }
}

/// Renders and sends an enqueued mail.
pub(crate) async fn send_prepared(
    core: &Core,
    templates: &Templates,
    mailer: &Mailer,
    payload: Value,
) -> Result<(), JobError> {
    let notice: MailPayload = serde_json::from_value(payload).map_err(JobError::from_payload_error)?;
    if !mailer.delivers() {
        tracing::warn!(template = notice.template, "a notice was not sent: mail.smtp_host is not set");
        return Ok(());
    }
    let Some(to) = &notice.to else { return Ok(()) };
    let values = template_values(core, notice.link.as_deref(), notice.facts);
    let mut message = compose(templates, to, &notice.template, &notice.language, values)?;
    message.link = notice.link.map(SecretString::from);
    send(core, mailer, message).await
}
