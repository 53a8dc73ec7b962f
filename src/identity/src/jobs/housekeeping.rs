//! Deletes expired rows in small batches, so that no other write is delayed.
//!
//! `RETENTION_RULES` states for each table when a row may be deleted. Some rows are kept for a while after
//! they expire, because they still answer a question: to which session a late token belongs, whether a code
//! is replayed, how a job ended.

use std::time::Duration;

use postern_service::{clock::Timestamp, database::DatabaseError, random::Random};
use sea_orm::{ConnectionTrait as _, Statement, Value};

use super::{JobError, JobKind, JobState};
use crate::core::Core;

pub const JOB: &str = "housekeeping";
pub const INTERVAL: Duration = Duration::from_mins(1);

/// The recurring job that runs [`remove_expired`].
pub fn job_kind<S: JobState>() -> JobKind<S> {
    JobKind::recurring(JOB, INTERVAL, |app, _| {
        Box::pin(async move { remove_expired(app.core()).await.map(drop).map_err(JobError::from) })
    })
}

/// Rows that one statement deletes: on SQLite one write delays all others.
const BATCH_SIZE: u32 = 500;
/// Rounds of one run. In each round every table that has more expired rows deletes one batch, so that a flood
/// in one table does not delay the others. A run that exceeds the time limit of a job is aborted between two
/// batches.
const MAX_ROUNDS: u32 = 2000;

const DAY: Duration = Duration::from_hours(24);
const TWO_YEARS: Duration = Duration::from_hours(2 * 365 * 24);

/// The rows of a table whose `column` is older than `kept_for`. Each column has an index.
struct RetentionRule {
    table: &'static str,
    key: &'static str,
    column: &'static str,
    kept_for: Duration,
}

const fn retention_rule(
    table: &'static str,
    key: &'static str,
    column: &'static str,
    kept_for: Duration,
) -> RetentionRule {
    RetentionRule { table, key, column, kept_for }
}

/// Children come before their parents; authorization codes are deleted by the foreign key of their grant. The
/// audit record has [`expired_audit_events`]; signing keys have their own rules.
const RETENTION_RULES: [RetentionRule; 14] = [
    retention_rule("rate_limits", "bucket", "window_ends_at", Duration::ZERO),
    retention_rule("guesses", "account, device", "forget_at", Duration::ZERO),
    // A device that has expired still shows that somebody signed in before.
    retention_rule("devices", "user_id, device_hash", "expires_at", TWO_YEARS),
    retention_rule("links", "token_hash", "expires_at", Duration::ZERO),
    retention_rule("former_emails", "token_hash", "expires_at", Duration::ZERO),
    retention_rule("attempts", "attempt_hash", "expires_at", Duration::ZERO),
    retention_rule("operator_codes", "id", "expires_at", Duration::ZERO),
    retention_rule("authorization_requests", "id", "expires_at", Duration::ZERO),
    retention_rule("client_assertions", "assertion_hash", "expires_at", Duration::ZERO),
    // A rotated refresh token stays until it would have expired, so that its reuse is detected (RFC 9700
    // section 4.14.2).
    retention_rule("refresh_tokens", "grant_id, token_hash", "expires_at", Duration::ZERO),
    retention_rule("grants", "id", "expires_at", DAY),
    retention_rule("sessions", "sid", "expires_at", DAY),
    retention_rule("jobs", "id", "finished_at", DAY),
    retention_rule("credentials", "id", "confirmed_at IS NULL AND created_at", DAY),
];

/// The rows of one table that may be deleted now.
struct ExpiredRows {
    table: &'static str,
    key: &'static str,
    /// SQL with one parameter, `$1`.
    condition: String,
    parameter: Value,
}

/// Deletes the expired rows. Returns their number.
pub async fn remove_expired(core: &Core) -> Result<u64, DatabaseError> {
    let now = core.clock.now();
    let expired_by_rule = |rule: &RetentionRule| ExpiredRows {
        table: rule.table,
        key: rule.key,
        condition: format!("{} <= $1", rule.column),
        parameter: (now - rule.kept_for).into(),
    };
    let mut due: Vec<_> = std::iter::once(expired_audit_events(core, now))
        .chain(RETENTION_RULES.iter().map(expired_by_rule))
        .collect();
    let mut removed = 0;
    for _ in 0..MAX_ROUNDS {
        let mut unfinished = Vec::new();
        for expired in due {
            let batch = remove_batch(core, &expired).await?;
            metrics::counter!("postern_rows_removed_total").increment(batch);
            removed += batch;
            if batch == u64::from(BATCH_SIZE) {
                unfinished.push(expired);
            }
        }
        due = unfinished;
        if due.is_empty() {
            break;
        }
    }
    Ok(removed)
}

/// The audit events older than `audit.retention`. Their ids begin with the time, so the record needs no
/// second index, which would slow down every insert.
fn expired_audit_events(core: &Core, now: Timestamp) -> ExpiredRows {
    let first_kept = Random::first_row_id(now - core.config.audit.retention.duration());
    ExpiredRows {
        table: "audit_events",
        key: "id",
        condition: "id < $1".to_owned(),
        parameter: first_kept.into(),
    }
}

/// Deletes one batch. The names in the SQL are constants; the value is a parameter.
async fn remove_batch(core: &Core, expired: &ExpiredRows) -> Result<u64, DatabaseError> {
    let ExpiredRows { table, key, condition: which, parameter: with } = expired;
    let sql = format!(
        "DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {which} LIMIT {BATCH_SIZE})"
    );
    let statement = Statement::from_sql_and_values(core.db.backend(), sql, [with.clone()]);
    core.db.write(async |tx| Ok(tx.execute_raw(statement).await?.rows_affected())).await
}
