//! Answers whether a mail or a code may be sent now, and counts it.
//!
//! All unknown devices share the limits of a recipient, one for a short window and one for a day, and the
//! limit of the whole installation. When the installation has used its limit, only registrations are refused;
//! owners of accounts can still sign in. A device that the account knows has a limit of its own, so that
//! strangers cannot use it up. The same limits are counted whether or not the recipient has an account.
//! Notices to the owner are not counted here: the actions that cause them are limited.

use std::time::Duration;

use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::ConnectionTrait as _;
use serde_json::json;

use crate::{
    app::App,
    audit::{Event, Origin},
    crypto,
    rate_limit::{self, Limit, TakeOutcome},
};

/// The subject of the one counter that all nodes share.
const INSTALLATION_SUBJECT: &str = "all";

/// The device that requests a mail.
#[derive(Clone, Copy, Debug)]
pub enum MailRequester<'a> {
    /// A device that the account of the recipient does not know.
    Stranger,
    /// A device that the account of the recipient knows; the hash of its secret.
    KnownDevice(&'a [u8]),
}

/// The outcome of counting a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// The mail may be sent.
    Granted,
    /// The limit of the source or of the recipient is used up.
    Limited { retry_after: Duration },
    /// The limit of the installation is used up.
    Exhausted { retry_after: Duration },
}

/// Counts a mail to a recipient (normalized) and the request of its source. The caller must commit the write
/// whatever the outcome is, so that the count lasts.
pub async fn take(
    app: &App,
    tx: &Transaction,
    (recipient, requester): (&str, MailRequester<'_>),
    origin: &Origin,
    now: Timestamp,
) -> Result<Allowance, DatabaseError> {
    if let MailRequester::Stranger = requester
        && let Some(retry_after) = take_for_source(app, tx, origin, now).await?
    {
        return Ok(Allowance::Limited { retry_after });
    }
    take_for_recipient(app, tx, (recipient, requester), origin, now).await
}

/// Counts a request of a source. Returns the delay if the limit is exceeded. The caller must commit the write
/// also then.
pub async fn take_for_source(
    app: &App,
    tx: &Transaction,
    origin: &Origin,
    now: Timestamp,
) -> Result<Option<Duration>, DatabaseError> {
    let limit = Limit { name: "codes_per_source", rate: app.config.limits.codes_per_source };
    take_and_record(app, tx, (limit, &rate_limit::source_of_ip(origin.ip)), origin, now).await
}

/// Counts a mail to a recipient whose source was counted before. The caller must commit the write whatever
/// the outcome is.
pub async fn take_for_recipient(
    app: &App,
    tx: &Transaction,
    (recipient, requester): (&str, MailRequester<'_>),
    origin: &Origin,
    now: Timestamp,
) -> Result<Allowance, DatabaseError> {
    let limits = &app.config.limits;
    let short_window = Limit { name: "codes_per_recipient", rate: limits.codes_per_recipient };
    if let MailRequester::KnownDevice(device) = requester {
        let subject = format!("{recipient}\n{}", crypto::encode_hex(device));
        let limited = take_and_record(app, tx, (short_window, &subject), origin, now).await?;
        return Ok(limited.map_or(Allowance::Granted, |retry_after| Allowance::Limited { retry_after }));
    }
    let daily_window = Limit { name: "mails_per_recipient", rate: limits.mails_per_recipient };
    for limit in [short_window, daily_window] {
        if let Some(retry_after) = take_and_record(app, tx, (limit, recipient), origin, now).await? {
            return Ok(Allowance::Limited { retry_after });
        }
    }
    take_for_installation(app, tx, origin, now).await
}

/// Returns the delay until registrations may send mail again; none if they may now. Counts nothing.
pub async fn installation_retry_after(app: &App, now: Timestamp) -> Result<Option<Duration>, DatabaseError> {
    rate_limit::exhausted_for(app.db.reader(), installation_limit(app), INSTALLATION_SUBJECT, now).await
}

/// The last statement of its write: all writes that send mail wait for this one row.
async fn take_for_installation(
    app: &App,
    tx: &Transaction,
    origin: &Origin,
    now: Timestamp,
) -> Result<Allowance, DatabaseError> {
    let limit = installation_limit(app);
    let Some(counted) = tx.query_one(&rate_limit::take_statement(limit, INSTALLATION_SUBJECT, now)).await?
    else {
        return Ok(Allowance::Granted);
    };
    let (budget, used) = (i64::from(limit.rate.count.get()), i64::from(counted.try_get_by_index::<i32>(1)?));
    let retry_after = Timestamp::from_micros(counted.try_get_by_index(2)?) - now;
    let hours = retry_after.as_secs().div_ceil(3600);
    // The nodes share the counter, so exactly one request meets each of these thresholds.
    if used == (budget * 4 + 4) / 5 {
        tracing::warn!(
            used,
            budget,
            hours,
            "most mails of limits.mails_per_installation are sent; registrations are refused when all are"
        );
    }
    if used == budget + 1 {
        tracing::warn!(budget, hours, "limits.mails_per_installation is used up: registrations are refused");
        record_limited(app, tx, limit, origin, now).await?;
    }
    Ok(if used <= budget { Allowance::Granted } else { Allowance::Exhausted { retry_after } })
}

fn installation_limit(app: &App) -> Limit {
    Limit { name: "mails_per_installation", rate: app.config.limits.mails_per_installation }
}

/// Counts one use. The first use beyond the limit in a window is recorded as an audit event.
pub async fn take_and_record(
    app: &App,
    tx: &Transaction,
    (limit, subject): (Limit, &str),
    origin: &Origin,
    now: Timestamp,
) -> Result<Option<Duration>, DatabaseError> {
    match rate_limit::take(tx, limit, subject, now).await? {
        TakeOutcome::Within(_) => Ok(None),
        TakeOutcome::Limited { retry_after, first } => {
            if first {
                record_limited(app, tx, limit, origin, now).await?;
            }
            Ok(Some(retry_after))
        }
    }
}

async fn record_limited(
    app: &App,
    tx: &Transaction,
    limit: Limit,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    Event::new("login.limited").details(json!({ "limit": limit.name })).record(app, tx, origin, now).await
}
