//! Defines one-time codes that are sent: the common part of the login methods `code` and `email-otp`.
//!
//! A code has 8 digits, works once and only in its attempt, and expires `login.code_lifetime` after the
//! request for it. The expiry is fixed before the code is sent, so that the speed of a mail server does not
//! tell whether the account exists. The database stores a MAC under a server key over attempt and code,
//! because a plain hash of eight digits can be searched at once. The code itself is in the sealed payload of
//! a job. For an unknown user everything happens alike, up to a job that sends nothing (the decoy).

use std::time::Duration;

use minijinja::context;
use postern_entities::attempts;
use postern_entities::values::Hash256;
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::{Challenge, ChallengeResponse, CodeMac, Context};
use crate::{
    app::App,
    jobs::{JobError, JobKind, JobPriority, NewJob},
    mail::{self, Message},
    outbound,
};

/// Kind of the job that sends a code.
pub const JOB: &str = "login.send_code";

pub const DIGITS: usize = 8;

/// Header with the signature of a webhook: `t=<seconds>,v1=<hex of HMAC-SHA-256 over "<seconds>.<body>">`.
pub const SIGNATURE_HEADER: &str = "postern-signature";

/// The channel that carries a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Email,
    /// The operator's own gateway, called by HTTP.
    Webhook,
}

/// The job's payload; sealed while the job waits.
#[derive(Serialize, Deserialize)]
struct CodeToSend {
    channel: Channel,
    /// None for a decoy, which sends nothing.
    to: Option<String>,
    /// The account's `sub`, by which a gateway may look up the phone number.
    subject: Option<String>,
    code: String,
    attempt_hash: Hash256,
    client: Option<String>,
    language: String,
}

/// A challenge with a new code for the attempt, and the job that sends the code. Without a user the job is a
/// decoy.
pub(super) fn challenge_with_job(cx: &Context<'_>, channel: Channel) -> Challenge {
    let (code, mac) = draw(cx);
    let payload = CodeToSend {
        channel,
        to: cx.user.map(|user| user.email.clone()),
        subject: cx.user.map(|user| user.subject.to_string()),
        code,
        attempt_hash: cx.attempt_hash,
        client: cx.client.map(|client| client.row.name.clone()),
        language: cx.context.language.clone(),
    };
    let job = NewJob { kind: JOB, payload: json!(payload), give_up_at: mac.expires_at };
    Challenge { code: Some(mac), job: Some(job), ..Challenge::default() }
}

/// A challenge with a new code for the attempt, and the message that displays the code on the terminal.
pub(super) fn challenge_with_message(cx: &Context<'_>) -> Challenge {
    let (code, mac) = draw(cx);
    let message = cx.user.map(|user| Message {
        to: user.email.clone(),
        channel: "code",
        subject: format!("{code} is the code for {}", user.email),
        code: Some(code.into()),
        ..Message::default()
    });
    Challenge { code: Some(mac), message, ..Challenge::default() }
}

fn draw(cx: &Context<'_>) -> (String, CodeMac) {
    let code = cx.app.random.digits(DIGITS);
    let mac = mac(cx.app, &cx.attempt_hash, &code);
    let expires_at = (cx.context.now + cx.app.config.login.code_lifetime.duration()).min(cx.attempt_ends_at);
    (code, CodeMac { mac, expires_at })
}

fn mac(app: &App, attempt_hash: &[u8], code: &str) -> Vec<u8> {
    app.vault.mac(&[b"login code", attempt_hash, code.as_bytes()])
}

/// Whether the response is the code that was sent, and the code has not expired.
pub(super) fn response_matches(cx: &Context<'_>, challenge: &Challenge, answer: &ChallengeResponse) -> bool {
    let Some(typed) = answer.code.as_deref().and_then(|code| normalise(code, DIGITS)) else { return false };
    let typed = mac(cx.app, &cx.attempt_hash, &typed);
    challenge.code.as_ref().is_some_and(|sent| {
        crate::crypto::constant_time_equal(&sent.mac, &typed) && cx.context.now < sent.expires_at
    })
}

/// The digits of a code as entered, without spaces and hyphens; none when any other character is present.
/// Only ASCII digits count: digits of other scripts look similar and are not what was sent.
pub fn normalise(typed: &str, digits: usize) -> Option<String> {
    // No spelling of a code is longer.
    if typed.len() > 64 {
        return None;
    }
    let code: String = typed.chars().filter(|c| !matches!(c, ' ' | '\t' | '\u{a0}' | '-')).collect();
    (code.len() == digits && code.bytes().all(|byte| byte.is_ascii_digit())).then_some(code)
}

/// The job that sends a code.
pub(crate) fn job_kind() -> JobKind<App> {
    JobKind::enqueued(JOB, JobPriority::Normal, |app, payload| Box::pin(send(app, payload)))
}

/// Runs the job [`JOB`].
pub(crate) async fn send(app: App, payload: serde_json::Value) -> Result<(), JobError> {
    let code: CodeToSend = serde_json::from_value(payload).map_err(JobError::from_payload_error)?;
    let Some(to) = &code.to else { return Ok(()) };
    let left = valid_until(&app, &code).await? - app.clock.now();
    match code.channel {
        Channel::Email => send_mail(&app, to, &code, left).await,
        Channel::Webhook => send_to_webhook(&app, to, &code, left).await,
    }
}

async fn send_mail(app: &App, to: &str, code: &CodeToSend, left: Duration) -> Result<(), JobError> {
    let minutes = left.as_secs().div_ceil(60);
    let values = context! {
        code => &code.code, client => &code.client, minutes => minutes, issuer => &app.config.issuer,
    };
    let mut message = mail::compose(&app.templates, to, "sign-in-code", &code.language, values)?;
    message.code = Some(code.code.clone().into());
    mail::send(app, &app.mailer, message).await
}

/// The expiry of the code; an error when the code has expired, a newer code has replaced it, or the attempt
/// has continued without it.
async fn valid_until(app: &App, code: &CodeToSend) -> Result<Timestamp, JobError> {
    let now = app.clock.now();
    let row = attempts::Entity::find_by_id(code.attempt_hash)
        .filter(attempts::Column::CodeMac.eq(mac(app, &code.attempt_hash, &code.code)))
        .filter(attempts::Column::CompletedAt.is_null())
        .filter(attempts::Column::CodeExpiresAt.gt(now))
        .one(app.db.reader())
        .await
        .map_err(DatabaseError::from)?;
    let end = row.and_then(|row| row.code_expires_at);
    end.ok_or(JobError::Obsolete("the code is not good any more"))
}

/// The body that is posted to the operator's gateway. The field names are part of the documented interface.
#[derive(Serialize)]
struct WebhookBody<'a> {
    /// Always `login.code`.
    event: &'static str,
    to: &'a str,
    subject: Option<&'a str>,
    code: &'a str,
    client: Option<&'a str>,
    language: &'a str,
    expires_in: u64,
}

async fn send_to_webhook(app: &App, to: &str, code: &CodeToSend, left: Duration) -> Result<(), JobError> {
    let settings = &app.config.login;
    let (Some(url), Some(secret)) = (&settings.code_webhook_url, &settings.code_webhook_secret) else {
        return Err(JobError::failed("login.code_webhook_url and login.code_webhook_secret are not set"));
    };
    let delivery = WebhookBody {
        event: "login.code",
        to,
        subject: code.subject.as_deref(),
        code: &code.code,
        client: code.client.as_deref(),
        language: &code.language,
        expires_in: left.as_secs(),
    };
    let body = serde_json::to_vec(&delivery).map_err(JobError::from_payload_error)?;
    let signature = outbound::webhook_signature(secret, app.clock.now(), &body);
    post_to_gateway(app, url, body, signature).await
}

async fn post_to_gateway(app: &App, url: &Url, body: Vec<u8>, signature: String) -> Result<(), JobError> {
    let answer = app
        .outbound
        .post_json(url, &[(SIGNATURE_HEADER, signature)], body)
        .await
        .map_err(|cause| JobError::from_source(&cause))?;
    if answer.status.is_success() {
        return Ok(());
    }
    Err(JobError::failed(format!("the gateway answered {}", answer.status)))
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn codes_are_read_as_people_type_them() {
        assert_eq!(normalise("1234 5678", 8).as_deref(), Some("12345678"));
        assert_eq!(normalise(" 1234-5678\u{a0}", 8).as_deref(), Some("12345678"));
        for typed in ["", "1234567", "123456789", "1234567a", "１２３４５６７８", "١٢٣٤٥٦٧٨", "+1234567"]
        {
            assert_eq!(normalise(typed, 8), None, "{typed}");
        }
        assert_eq!(normalise(&" ".repeat(100), 8), None);
    }
}
