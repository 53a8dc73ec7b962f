//! Removes rows whose time is over, in small batches, so that no write is held up.
//!
//! Each table says when a row may go. Some are kept for a while after their end, because they still
//! answer something: which session a late token was of, whether a code is replayed, what a job did.

use std::time::Duration;

use postern_service::{clock::Timestamp, database::DatabaseError, random::Random};
use sea_orm::{ConnectionTrait as _, Statement, Value};

use crate::app::App;

/// The name of the job.
pub const JOB: &str = "housekeeping";
/// How often it runs.
pub const EVERY: Duration = Duration::from_mins(1);

/// Rows of one statement. One write holds up the others on SQLite.
const BATCH: u32 = 500;
/// Statements per table and run; the rest waits for the next minute.
const BATCHES: u32 = 40;

const DAY: Duration = Duration::from_hours(24);
const TWO_YEARS: Duration = Duration::from_hours(2 * 365 * 24);

/// Which rows of a table may go: those whose `column` lies further back than `kept_for`. Each has an index to find them.
struct Rule {
    table: &'static str,
    key: &'static str,
    column: &'static str,
    kept_for: Duration,
}

const fn rule(table: &'static str, key: &'static str, column: &'static str, kept_for: Duration) -> Rule {
    Rule { table, key, column, kept_for }
}

/// Children before their parents; codes go with their grants. The audit record has [`sweep_record`], keys their own rules.
const RULES: [Rule; 12] = [
    rule("rate_limits", "bucket", "window_ends_at", Duration::ZERO),
    rule("guesses", "account, device", "forget_at", Duration::ZERO),
    // One that is unknown again still says that somebody signed in before.
    rule("devices", "user_id, device_hash", "expires_at", TWO_YEARS),
    rule("links", "token_hash", "expires_at", Duration::ZERO),
    rule("attempts", "attempt_hash", "expires_at", Duration::ZERO),
    rule("operator_codes", "id", "expires_at", Duration::ZERO),
    rule("authorization_requests", "id", "expires_at", Duration::ZERO),
    // A token that was rotated away stays as long as it would have lived, so that its reuse is seen.
    rule("refresh_tokens", "grant_id, token_hash", "expires_at", Duration::ZERO),
    rule("grants", "id", "expires_at", DAY),
    rule("sessions", "sid", "expires_at", DAY),
    rule("jobs", "id", "finished_at", DAY),
    // An enrolment that was never confirmed.
    rule("credentials", "id", "confirmed_at IS NULL AND created_at", DAY),
];

/// Removes what may go. How many rows that were.
pub async fn sweep(app: &App) -> Result<u64, DatabaseError> {
    let now = app.clock.now();
    let mut removed = sweep_record(app, now).await?;
    for Rule { table, key, column, kept_for } in &RULES {
        let before = (now - *kept_for).micros();
        removed += remove(app, table, key, &format!("{column} <= $1"), &before.into()).await?;
    }
    metrics::counter!("postern_rows_removed_total").increment(removed);
    Ok(removed)
}

/// Removes what is older than `audit.retention` of the record. Its keys begin with the time, so that the record needs no
/// second index, which every write of an event would pay for.
async fn sweep_record(app: &App, now: Timestamp) -> Result<u64, DatabaseError> {
    let first_kept = Random::first_row_id(now - app.config.audit.retention.duration());
    remove(app, "audit_events", "id", "id < $1", &first_kept.into()).await
}

/// Removes rows of a table in batches. The names are ours; what `which` compares with is a parameter.
async fn remove(app: &App, table: &str, key: &str, which: &str, with: &Value) -> Result<u64, DatabaseError> {
    let sql = format!(
        "DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {which} LIMIT {BATCH})"
    );
    let mut removed = 0;
    for _ in 0..BATCHES {
        let statement = Statement::from_sql_and_values(app.db.backend(), &sql, [with.clone()]);
        let batch =
            app.db.write(async |tx| Ok::<_, DatabaseError>(tx.execute_raw(statement).await?.rows_affected()));
        let batch = batch.await?;
        removed += batch;
        if batch < u64::from(BATCH) {
            break;
        }
    }
    Ok(removed)
}
