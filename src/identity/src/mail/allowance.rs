//! Answers whether a mail or a code may be sent now, and counts it.
//!
//! All unknown devices share the limits of a recipient, one for a short window and one for a day, and the
//! limit of the whole installation. When the installation has used its limit, only registrations are refused;
//! owners of accounts can still sign in. A device that the account knows has a limit of its own, so that
//! strangers cannot use it up. The same limits are counted whether or not the recipient has an account.
//! Notices to the owner are not counted here: the actions that cause them are limited.

use std::time::Duration;

use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::ConnectionTrait as _;
use serde_json::json;

use crate::{
    audit::Event,
    core::{Core, Write},
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
    write: &Write<'_>,
    (recipient, requester): (&str, MailRequester<'_>),
) -> Result<Allowance, DatabaseError> {
    if let MailRequester::Stranger = requester
        && let Some(retry_after) = take_for_source(write).await?
    {
        return Ok(Allowance::Limited { retry_after });
    }
    take_for_recipient(write, (recipient, requester)).await
}

/// Counts a request of a source. Returns the delay if the limit is exceeded. The caller must commit the write
/// also then.
pub async fn take_for_source(write: &Write<'_>) -> Result<Option<Duration>, DatabaseError> {
    let limit = Limit { name: "codes_per_source", rate: write.core.config.limits.codes_per_source };
    take_and_record(write, (limit, &rate_limit::source_of_ip(write.context.ip))).await
}

/// Counts a mail to a recipient whose source was counted before. The caller must commit the write whatever
/// the outcome is.
pub async fn take_for_recipient(
    write: &Write<'_>,
    (recipient, requester): (&str, MailRequester<'_>),
) -> Result<Allowance, DatabaseError> {
    let limits = &write.core.config.limits;
    let short_window = Limit { name: "codes_per_recipient", rate: limits.codes_per_recipient };
    if let MailRequester::KnownDevice(device) = requester {
        let subject = format!("{recipient}\n{}", crypto::encode_hex(device));
        let limited = take_and_record(write, (short_window, &subject)).await?;
        return Ok(limited.map_or(Allowance::Granted, |retry_after| Allowance::Limited { retry_after }));
    }
    let daily_window = Limit { name: "mails_per_recipient", rate: limits.mails_per_recipient };
    for limit in [short_window, daily_window] {
        if let Some(retry_after) = take_and_record(write, (limit, recipient)).await? {
            return Ok(Allowance::Limited { retry_after });
        }
    }
    take_for_installation(write).await
}

/// Returns the delay until registrations may send mail again; none if they may now. Counts nothing.
pub async fn installation_retry_after(
    core: &Core,
    now: Timestamp,
) -> Result<Option<Duration>, DatabaseError> {
    rate_limit::exhausted_for(core.db.reader(), installation_limit(core), INSTALLATION_SUBJECT, now).await
}

/// The last statement of its write: all writes that send mail wait for this one row.
async fn take_for_installation(write: &Write<'_>) -> Result<Allowance, DatabaseError> {
    let limit = installation_limit(write.core);
    let Some(counted) =
        write.query_one(&rate_limit::take_statement(limit, INSTALLATION_SUBJECT, write.now())).await?
    else {
        return Ok(Allowance::Granted);
    };
    let (budget, used) = (i64::from(limit.rate.count.get()), i64::from(counted.try_get_by_index::<i32>(1)?));
    let retry_after = counted.try_get_by_index::<Timestamp>(2)? - write.now();
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
        record_limited(write, limit).await?;
    }
    Ok(if used <= budget { Allowance::Granted } else { Allowance::Exhausted { retry_after } })
}

fn installation_limit(core: &Core) -> Limit {
    Limit { name: "mails_per_installation", rate: core.config.limits.mails_per_installation }
}

/// Counts one use. The first use beyond the limit in a window is recorded as an audit event.
pub async fn take_and_record(
    write: &Write<'_>,
    (limit, subject): (Limit, &str),
) -> Result<Option<Duration>, DatabaseError> {
    match rate_limit::take(write, limit, subject).await? {
        TakeOutcome::Within(_) => Ok(None),
        TakeOutcome::Limited { retry_after, first } => {
            if first {
                record_limited(write, limit).await?;
            }
            Ok(Some(retry_after))
        }
    }
}

async fn record_limited(write: &Write<'_>, limit: Limit) -> Result<(), DatabaseError> {
    Event::new("login.limited").details(json!({ "limit": limit.name })).record(write).await
}
