//! Decides whether the code of an attempt is sent, and counts it.
//!
//! While an attempt of a source for an address goes on, another one of that source has nothing sent: it looks the same,
//! and has its code sent when it asks once more. So nobody fills a mailbox by beginning anew. An attempt may ask once more
//! [`MOST_RESENDS`] times, each [`RESEND_AFTER`] later than the time before. A device that the account knows is no
//! stranger: it may begin as often as its own count allows.

use std::time::Duration;

use postern_entities::attempts::{self, Column};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::{super::devices, record_limited};
use crate::{
    app::App,
    audit::Origin,
    crypto,
    mail::allowance::{self, Allowance, Requester},
    rate_limit::{self, Limit, Taken},
};

/// Between two codes of one attempt.
pub(super) const RESEND_AFTER: Duration = Duration::from_secs(30);
/// Codes of one attempt after its first one.
const MOST_RESENDS: i32 = 3;

/// What is done about a challenge.
pub(super) enum Sending {
    /// Its code is sent.
    Code(Sent),
    /// Its code is not sent, and the attempt looks as if it were.
    Withheld(Sent),
    /// There is nothing to send.
    Nothing,
    /// The attempt does not go on for so long.
    Limited(Duration),
}

/// What is kept of it in the attempt.
pub(super) struct Sent {
    pub(super) source_hash: Option<Vec<u8>>,
    pub(super) at: Timestamp,
    /// How often, with this time.
    pub(super) times: i32,
}

/// Counts a challenge that sends nothing, and still leaves a row behind.
pub(super) async fn nothing(
    app: &App,
    tx: &Transaction,
    origin: &Origin,
    now: Timestamp,
) -> Result<Sending, DatabaseError> {
    let limit = Limit { name: "attempts_per_source", rate: app.config.limits.attempts_per_source };
    match rate_limit::take(tx, limit, &rate_limit::source(origin.ip), now).await? {
        Taken::Within(_) => Ok(Sending::Nothing),
        Taken::Limited { retry_after, first } => {
            if first {
                record_limited(app, tx, limit.name, origin, now).await?;
            }
            Ok(Sending::Limited(retry_after))
        }
    }
}

/// Decides about the code of `row`, a new attempt or one that goes on, in the open write, which must commit whatever the
/// answer is.
pub(super) async fn of_code(
    app: &App,
    tx: &Transaction,
    row: &attempts::Model,
    (device, origin): (Option<&str>, &Origin),
    now: Timestamp,
) -> Result<Sending, DatabaseError> {
    let device = devices::recognised(tx, row.user_id, device, now).await?;
    let source_hash = device.is_none().then(|| source_hash(origin));
    if device.is_none()
        // Of requests at once from one source, the second waits here, and then sees what the first one stored.
        && let Some(wait) = allowance::take_of_source(app, tx, origin, now).await?
    {
        return Ok(Sending::Limited(wait));
    }
    if let Some(wait) = wait_for_resend(row, now) {
        return Ok(Sending::Limited(wait));
    }
    let sent = Sent { source_hash, at: now, times: row.sends + 1 };
    if let (0, Some(source)) = (row.sends, &sent.source_hash)
        && another_goes_on(tx, row, source, now).await?
    {
        return Ok(Sending::Withheld(sent));
    }
    let requester = device.as_deref().map_or(Requester::Stranger, Requester::KnownDevice);
    let recipient = (row.identifier.as_str(), requester);
    Ok(match allowance::take_of_recipient(app, tx, recipient, origin, now).await? {
        Allowance::Limited { retry_after } => Sending::Limited(retry_after),
        // Who has an account goes on signing in.
        Allowance::Granted | Allowance::Exhausted { .. } => Sending::Code(sent),
    })
}

fn source_hash(origin: &Origin) -> Vec<u8> {
    crypto::token_hash(&format!("source\n{}", rate_limit::source(origin.ip)))
}

/// How long an attempt that had a code sent waits for another one; none when it may have one, or had none yet.
fn wait_for_resend(row: &attempts::Model, now: Timestamp) -> Option<Duration> {
    let sent_at = Timestamp::from_micros(row.sent_at?);
    let next = if row.sends > MOST_RESENDS {
        Timestamp::from_micros(row.expires_at)
    } else {
        sent_at + RESEND_AFTER
    };
    (next > now).then(|| next - now)
}

/// Whether another attempt of this source for the same address had a code sent and goes on.
async fn another_goes_on(
    tx: &Transaction,
    row: &attempts::Model,
    source: &[u8],
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let other = attempts::Entity::find()
        .filter(Column::Identifier.eq(row.identifier.clone()))
        .filter(Column::SourceHash.eq(source))
        .filter(Column::AttemptHash.ne(row.attempt_hash.clone()))
        .filter(Column::CompletedAt.is_null())
        .filter(Column::ExpiresAt.gt(now.micros()))
        .filter(Column::TriesLeft.gt(0))
        .one(tx)
        .await?;
    Ok(other.is_some())
}
