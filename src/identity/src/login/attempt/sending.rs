//! Decides whether the code of an attempt is sent, and counts the mail.
//!
//! While an attempt of one source for an email is live, another attempt of that source sends no code: the
//! response looks the same, and a resend sends the code. So nobody can fill a mailbox by beginning again and
//! again. An attempt allows [`MAX_RESENDS`] resends, each [`RESEND_DELAY`] after the code before. A device
//! that the account knows may begin as often as its own allowance permits.

use std::time::Duration;

use postern_entities::attempts::{self, Column};
use postern_entities::values::Hash256;
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::{super::devices, record_limited};
use crate::{
    core::{RequestContext, Write},
    crypto,
    mail::allowance::{self, Allowance, MailRequester},
    rate_limit::{self, Limit, TakeOutcome},
};

/// Minimum time between two codes of one attempt.
pub const RESEND_DELAY: Duration = Duration::from_secs(30);
/// Codes of one attempt after the first one.
const MAX_RESENDS: i32 = 3;

/// The decision about the code of a challenge.
pub(super) enum SendDecision {
    Send(CodeSendRecord),
    /// The code is withheld; the attempt looks the same as if the code were sent.
    Withhold(CodeSendRecord),
    /// The challenge has no code.
    NothingToSend,
    /// A limit refuses the challenge, for this long.
    Limited(Duration),
}

/// What the attempt stores about its last code.
pub(super) struct CodeSendRecord {
    pub(super) source_hash: Option<Hash256>,
    pub(super) sent_at: Timestamp,
    /// Number of codes of this attempt, this one included.
    pub(super) sends: i32,
}

/// Counts a challenge without a code, which still stores a row.
pub(super) async fn count_without_code(write: &Write<'_>) -> Result<SendDecision, DatabaseError> {
    let limit = Limit { name: "attempts_per_source", rate: write.core.config.limits.attempts_per_source };
    match rate_limit::take(write, limit, &rate_limit::source_of_ip(write.context.ip)).await? {
        TakeOutcome::Within(_) => Ok(SendDecision::NothingToSend),
        TakeOutcome::Limited { retry_after, first } => {
            if first {
                record_limited(write, limit.name).await?;
            }
            Ok(SendDecision::Limited(retry_after))
        }
    }
}

/// Decides about the code of `row`, a new attempt or a stored one, in the open write. The write must commit
/// in every case, because refusals are counted too.
pub(super) async fn decide_code(
    write: &Write<'_>,
    row: &attempts::Model,
    device: Option<&str>,
) -> Result<SendDecision, DatabaseError> {
    let device = devices::find_known(write, row.user_id, device, write.now()).await?;
    let source_hash = device.is_none().then(|| source_hash(write.context));
    if device.is_none()
        // Of concurrent requests from one source, the second waits here for the first one's row, and then
        // finds its attempt.
        && let Some(wait) = allowance::take_for_source( write).await?
    {
        return Ok(SendDecision::Limited(wait));
    }
    if let Some(wait) = resend_delay_left(row, write.now()) {
        return Ok(SendDecision::Limited(wait));
    }
    let sent = CodeSendRecord { source_hash, sent_at: write.now(), sends: row.sends + 1 };
    if let (0, Some(source)) = (row.sends, &sent.source_hash)
        && other_attempt_live(write, row, source).await?
    {
        return Ok(SendDecision::Withhold(sent));
    }
    let requester = device.as_deref().map_or(MailRequester::Stranger, MailRequester::KnownDevice);
    let recipient = (row.identifier.as_str(), requester);
    Ok(match allowance::take_for_recipient(write, recipient).await? {
        Allowance::Limited { retry_after } => SendDecision::Limited(retry_after),
        // The allowance for strangers' mail does not stop a sign-in.
        Allowance::Granted | Allowance::Exhausted { .. } => SendDecision::Send(sent),
    })
}

fn source_hash(context: &RequestContext) -> Hash256 {
    crypto::token_hash(&format!("source\n{}", rate_limit::source_of_ip(context.ip)))
}

/// Time until an attempt may have its next code; none when it may now, or has had no code yet.
fn resend_delay_left(row: &attempts::Model, now: Timestamp) -> Option<Duration> {
    let sent_at = row.sent_at?;
    let next = if row.sends > MAX_RESENDS { row.expires_at } else { sent_at + RESEND_DELAY };
    (next > now).then(|| next - now)
}

/// Whether another live attempt of this source for the same email has had a code.
async fn other_attempt_live(
    write: &Write<'_>,
    row: &attempts::Model,
    source: &[u8],
) -> Result<bool, DatabaseError> {
    let other = attempts::Entity::find()
        .filter(Column::Identifier.eq(row.identifier.clone()))
        .filter(Column::SourceHash.eq(source))
        .filter(Column::AttemptHash.ne(row.attempt_hash))
        .filter(Column::CompletedAt.is_null())
        .filter(Column::ExpiresAt.gt(write.now()))
        .filter(Column::TriesLeft.gt(0))
        .one(write)
        .await?;
    Ok(other.is_some())
}
