//! Sends mail by SMTP (RFC 5321), one connection for each mail.
//!
//! lettre's transport does not report how far a session came. This client does: it distinguishes a mail that
//! the server has certainly not accepted, which may be sent again, from a mail whose delivery is unknown.

use std::time::Duration;

use lettre::{
    Message as Mail,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        Error as SmtpError,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        extension::ClientId,
    },
};
use postern_service::random::Random;
use secrecy::ExposeSecret;
use url::Url;

use super::Message;
use crate::config::{Config, SmtpTls};

/// Suppresses out-of-office replies (RFC 3834 section 5).
const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");

#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("mail.from must read like \"Postern <no-reply@example.com>\"")]
    InvalidFrom,
    /// The message cannot be built; a retry would fail too.
    #[error("the mail cannot be put together: {0}")]
    Malformed(String),
    #[error("TLS to the mail server cannot be prepared")]
    Tls(#[source] SmtpError),
    #[error("the mail server does not offer STARTTLS, which mail.smtp_tls asks for")]
    NoStartTls,
    /// The server was not reached, or refused the mail: it was certainly not accepted.
    #[error("the mail server did not take the mail")]
    Refused(#[source] SmtpError),
    /// The server received the mail, but its reply is missing: the mail may have been accepted.
    #[error("the mail server did not answer")]
    DeliveryUnknown(#[source] SmtpError),
}

/// The configured mail server.
pub struct Smtp {
    host: String,
    port: u16,
    tls: SmtpTls,
    credentials: Option<Credentials>,
    timeout: Duration,
    from: Mailbox,
}

impl Smtp {
    /// Reads the settings of `[mail]`. None if no host is set. A sender without a name gets that of the service.
    pub fn from_settings(config: &Config) -> Result<Option<Self>, MailError> {
        let settings = &config.mail;
        let Some(host) = settings.smtp_host.clone() else { return Ok(None) };
        let credentials = settings.smtp_username.clone().map(|user| {
            let password = settings.smtp_password.as_ref().map(|secret| secret.expose_secret().to_owned());
            Credentials::new(user, password.unwrap_or_default())
        });
        let mut from: Mailbox = settings.from.parse().map_err(|_| MailError::InvalidFrom)?;
        from.name.get_or_insert_with(|| config.pages.name.trim().to_owned());
        Ok(Some(Self {
            host,
            port: settings.smtp_port,
            tls: settings.smtp_tls,
            credentials,
            timeout: settings.smtp_timeout.duration(),
            from,
        }))
    }

    pub(super) async fn send(
        &self,
        config: &Config,
        random: &Random,
        message: Message,
    ) -> Result<(), MailError> {
        let mail = self.build(config, random, message)?;
        let name = ehlo_domain(config);
        let mut connection = self.connect(&name).await?;
        let sent = connection.send(mail.envelope(), &mail.formatted()).await;
        let outcome = match sent {
            Ok(_) => Ok(()),
            // Only an SMTP reply, or a failure before the data was sent, proves that the mail was not
            // accepted.
            Err(cause) if cause.status().is_some() || cause.is_client() => Err(MailError::Refused(cause)),
            Err(cause) => Err(MailError::DeliveryUnknown(cause)),
        };
        connection.abort().await;
        outcome
    }

    async fn connect(&self, name: &ClientId) -> Result<AsyncSmtpConnection, MailError> {
        let parameters = || TlsParameters::new(self.host.clone()).map_err(MailError::Tls);
        let implicit_tls = (self.tls == SmtpTls::Tls).then(parameters).transpose()?;
        let server = (self.host.as_str(), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(self.timeout), name, implicit_tls, None)
                .await
                .map_err(MailError::Refused)?;
        if self.tls == SmtpTls::Starttls {
            if !connection.can_starttls() {
                connection.abort().await;
                return Err(MailError::NoStartTls);
            }
            connection.starttls(parameters()?, name).await.map_err(MailError::Refused)?;
        }
        if let Some(credentials) = &self.credentials {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            connection.auth(&mechanisms, credentials).await.map_err(MailError::Refused)?;
        }
        Ok(connection)
    }

    fn build(&self, config: &Config, random: &Random, message: Message) -> Result<Mail, MailError> {
        let malformed = |cause: &dyn std::error::Error| MailError::Malformed(cause.to_string());
        let to: Mailbox = message.to.parse().map_err(|cause| malformed(&cause))?;
        let domain = issuer_host(config);
        Mail::builder()
            .from(self.from.clone())
            .to(to)
            .subject(message.subject)
            .message_id(Some(format!("<{}@{domain}>", random.uuid())))
            .raw_header(HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned()))
            .multipart(MultiPart::alternative_plain_html(message.text, message.html))
            .map_err(|cause| malformed(&cause))
    }
}

/// The client's domain in EHLO: the host of the issuer (RFC 5321 section 4.1.1.1).
fn ehlo_domain(config: &Config) -> ClientId {
    ClientId::Domain(issuer_host(config))
}

fn issuer_host(config: &Config) -> String {
    let host = Url::parse(&config.issuer).ok().and_then(|issuer| issuer.host_str().map(str::to_owned));
    host.unwrap_or_else(|| "localhost".to_owned())
}
