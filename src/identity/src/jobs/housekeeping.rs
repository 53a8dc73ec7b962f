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
/// Rounds of one run, in each of which every table that has more gives a batch, so that a flood in one does not keep the
/// others from their turn. A run that takes longer than a job may is cut off between two of them.
const ROUNDS: u32 = 2000;

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

/// Children before their parents; codes go with their grants. The audit record has [`of_record`], keys their own rules.
const RULES: [Rule; 13] = [
    rule("rate_limits", "bucket", "window_ends_at", Duration::ZERO),
    rule("guesses", "account, device", "forget_at", Duration::ZERO),
    // One that is unknown again still says that somebody signed in before.
    rule("devices", "user_id, device_hash", "expires_at", TWO_YEARS),
    rule("links", "token_hash", "expires_at", Duration::ZERO),
    rule("former_emails", "token_hash", "expires_at", Duration::ZERO),
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

/// What may go of one table at this moment.
struct Expired {
    table: &'static str,
    key: &'static str,
    /// The condition, with one parameter.
    which: String,
    with: Value,
}

/// Removes what may go. How many rows that were.
pub async fn sweep(app: &App) -> Result<u64, DatabaseError> {
    let now = app.clock.now();
    let of_rule = |rule: &Rule| Expired {
        table: rule.table,
        key: rule.key,
        which: format!("{} <= $1", rule.column),
        with: (now - rule.kept_for).micros().into(),
    };
    let mut due: Vec<_> = std::iter::once(of_record(app, now)).chain(RULES.iter().map(of_rule)).collect();
    let mut removed = 0;
    for _ in 0..ROUNDS {
        let mut more = Vec::new();
        for expired in due {
            let batch = remove_batch(app, &expired).await?;
            metrics::counter!("postern_rows_removed_total").increment(batch);
            removed += batch;
            if batch == u64::from(BATCH) {
                more.push(expired);
            }
        }
        due = more;
        if due.is_empty() {
            break;
        }
    }
    Ok(removed)
}

/// What is older than `audit.retention` of the record. Its keys begin with the time, so that the record needs no second
/// index, which every write of an event would pay for.
fn of_record(app: &App, now: Timestamp) -> Expired {
    let first_kept = Random::first_row_id(now - app.config.audit.retention.duration());
    Expired { table: "audit_events", key: "id", which: "id < $1".to_owned(), with: first_kept.into() }
}

/// Removes a batch. The names are ours; what the condition compares with is a parameter.
async fn remove_batch(app: &App, expired: &Expired) -> Result<u64, DatabaseError> {
    let Expired { table, key, which, with } = expired;
    let sql = format!(
        "DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {which} LIMIT {BATCH})"
    );
    let statement = Statement::from_sql_and_values(app.db.backend(), sql, [with.clone()]);
    app.db.write(async |tx| Ok(tx.execute_raw(statement).await?.rows_affected())).await
}
