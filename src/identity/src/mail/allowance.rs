//! Answers whether a mail or a code may be sent now, and counts it.
//!
//! Strangers share one count for each recipient, a short one and one of a day, and one for the whole installation. When
//! that last one is used up, only registrations are refused: who has an account goes on signing in. A device that the
//! account knows has a count of its own, so that strangers cannot use it up. Everything is counted alike whether or not
//! the recipient has an account. Notices to the owner of an account are not counted here: what causes them bounds them.

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
    rate_limit::{self, Limit, Taken},
};

/// The subject of the limit that all nodes share.
const INSTALLATION: &str = "all";

/// Who asks for a mail.
#[derive(Clone, Copy, Debug)]
pub enum Requester<'a> {
    /// Anybody.
    Stranger,
    /// A device that the recipient's account knows, by its hash.
    KnownDevice(&'a [u8]),
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// It may be sent.
    Granted,
    /// The recipient got enough.
    Limited {
        /// Until it may be asked for again.
        retry_after: Duration,
    },
    /// The installation has sent what it may.
    Exhausted {
        /// Until it may send again.
        retry_after: Duration,
    },
}

/// Counts a mail to a recipient, spelled in its normal form, for who asks. The write must commit whatever the answer is.
pub async fn take(
    app: &App,
    tx: &Transaction,
    (recipient, requester): (&str, Requester<'_>),
    origin: &Origin,
    now: Timestamp,
) -> Result<Allowance, DatabaseError> {
    if let Requester::Stranger = requester
        && let Some(retry_after) = take_of_source(app, tx, origin, now).await?
    {
        return Ok(Allowance::Limited { retry_after });
    }
    take_of_recipient(app, tx, (recipient, requester), origin, now).await
}

/// Counts a request of a source. How long it must wait, if it asked too often. The write must commit also then.
pub async fn take_of_source(
    app: &App,
    tx: &Transaction,
    origin: &Origin,
    now: Timestamp,
) -> Result<Option<Duration>, DatabaseError> {
    let limit = Limit { name: "codes_per_source", rate: app.config.limits.codes_per_source };
    use_up(app, tx, (limit, &rate_limit::source(origin.ip)), origin, now).await
}

/// Counts a mail to a recipient, whose source was counted. The write must commit whatever the answer is.
pub async fn take_of_recipient(
    app: &App,
    tx: &Transaction,
    (recipient, requester): (&str, Requester<'_>),
    origin: &Origin,
    now: Timestamp,
) -> Result<Allowance, DatabaseError> {
    let limits = &app.config.limits;
    let soon = Limit { name: "codes_per_recipient", rate: limits.codes_per_recipient };
    if let Requester::KnownDevice(device) = requester {
        let subject = format!("{recipient}\n{}", crypto::hex(device));
        let limited = use_up(app, tx, (soon, &subject), origin, now).await?;
        return Ok(limited.map_or(Allowance::Granted, |retry_after| Allowance::Limited { retry_after }));
    }
    let daily = Limit { name: "mails_per_recipient", rate: limits.mails_per_recipient };
    for limit in [soon, daily] {
        if let Some(retry_after) = use_up(app, tx, (limit, recipient), origin, now).await? {
            return Ok(Allowance::Limited { retry_after });
        }
    }
    take_of_installation(app, tx, origin, now).await
}

/// How long the installation sends no mail for a registration; none while it does. Counts nothing.
pub async fn exhausted(app: &App, now: Timestamp) -> Result<Option<Duration>, DatabaseError> {
    rate_limit::spent(app.db.reader(), per_installation(app), INSTALLATION, now).await
}

/// Last in its write: all mails wait for this one row.
async fn take_of_installation(
    app: &App,
    tx: &Transaction,
    origin: &Origin,
    now: Timestamp,
) -> Result<Allowance, DatabaseError> {
    let limit = per_installation(app);
    let Some(counted) = tx.query_one(&rate_limit::insertion(limit, INSTALLATION, now)).await? else {
        return Ok(Allowance::Granted);
    };
    let (budget, used) = (i64::from(limit.rate.count.get()), i64::from(counted.try_get_by_index::<i32>(1)?));
    let retry_after = Timestamp::from_micros(counted.try_get_by_index(2)?) - now;
    let hours = retry_after.as_secs().div_ceil(3600);
    // Each use is counted once at all nodes, so exactly one of them meets each of these.
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
        record(app, tx, limit, origin, now).await?;
    }
    Ok(if used <= budget { Allowance::Granted } else { Allowance::Exhausted { retry_after } })
}

fn per_installation(app: &App) -> Limit {
    Limit { name: "mails_per_installation", rate: app.config.limits.mails_per_installation }
}

/// Takes one use; the first one too many in a window is recorded.
pub async fn use_up(
    app: &App,
    tx: &Transaction,
    (limit, subject): (Limit, &str),
    origin: &Origin,
    now: Timestamp,
) -> Result<Option<Duration>, DatabaseError> {
    match rate_limit::take(tx, limit, subject, now).await? {
        Taken::Within(_) => Ok(None),
        Taken::Limited { retry_after, first } => {
            if first {
                record(app, tx, limit, origin, now).await?;
            }
            Ok(Some(retry_after))
        }
    }
}

async fn record(
    app: &App,
    tx: &Transaction,
    limit: Limit,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    Event::new("login.limited").details(json!({ "limit": limit.name })).record(app, tx, origin, now).await
}
