//! Answers whether a limit still permits a use, and how much quota is left.
//!
//! Uses are counted in the database, so that all nodes share the count: one row for each rule and subject,
//! one upsert for each use. A use is taken before the attempt that it permits, so that parallel attempts
//! cannot pass together; a successful attempt refunds its use. If the count cannot be read, the request is
//! refused: a database error never permits anything.
//!
//! A caller may learn the quota that is counted by the caller's own IP or grant, or by the account that the
//! caller is signed in to ([`collect_quotas`]). The quota of another person's email or account stays secret,
//! since it would reveal which accounts exist.

use std::{cell::RefCell, net::IpAddr, time::Duration};

use postern_entities::rate_limits;
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction},
    settings::Rate,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryResult, QueryTrait as _,
    sea_query::{CaseStatement, Expr, ExprTrait as _, InsertStatement, OnConflict, Query},
};

use crate::{
    core::{Core, Write},
    crypto,
};

/// A rule of the setting `[limits]`.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Part of the row's key, a label in metrics, and the name of the policy in `RateLimit-Policy`.
    pub name: &'static str,
    pub rate: Rate,
}

impl Limit {
    /// Whether the caller may learn the remaining quota.
    fn disclosed_to_caller(&self) -> bool {
        self.name.ends_with("_per_source")
            || self.name.ends_with("_per_grant")
            || self.name == "changes_per_account"
    }
}

/// The remaining quota of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemainingQuota {
    pub name: &'static str,
    /// Permitted uses in one window.
    pub quota: u32,
    pub window: Duration,
    /// Remaining uses in the current window.
    pub remaining: u32,
    /// Until the current window ends.
    pub resets_in: Duration,
    bucket: Vec<u8>,
}

tokio::task_local! {
    /// The quotas that the current request used and may disclose to its caller.
    static DISCLOSED_QUOTAS: RefCell<Vec<RemainingQuota>>;
}

/// Runs `work`. Returns its output and the quotas that it used and may disclose.
pub async fn collect_quotas<T>(work: impl Future<Output = T>) -> (T, Vec<RemainingQuota>) {
    let both = async {
        let done = work.await;
        (done, DISCLOSED_QUOTAS.with(RefCell::take))
    };
    DISCLOSED_QUOTAS.scope(RefCell::default(), both).await
}

/// What this request left of a limit of its caller's own; none if the request did not count against the limit.
pub fn remaining_quota(name: &str) -> Option<u32> {
    let remaining = |taken: &RefCell<Vec<RemainingQuota>>| {
        taken.borrow().iter().filter(|left| left.name == name).map(|left| left.remaining).min()
    };
    DISCLOSED_QUOTAS.try_with(remaining).ok().flatten()
}

/// Changes the collected quotas; does nothing outside [`collect_quotas`].
fn update_quotas(change: impl FnOnce(&mut Vec<RemainingQuota>)) {
    // The task-local is not set in commands and jobs.
    let _ = DISCLOSED_QUOTAS.try_with(|taken| change(&mut taken.borrow_mut()));
}

/// The outcome of taking a use.
#[derive(Clone, Debug)]
pub enum TakeOutcome {
    /// The use was within the limit.
    Within(TakenUse),
    /// The limit is exceeded.
    Limited {
        retry_after: Duration,
        /// Whether this is the first excess in the window. Only the first is recorded, so that a flood does
        /// not fill the audit log.
        first: bool,
    },
}

/// A use that was taken and can be refunded.
#[derive(Clone, Debug)]
pub struct TakenUse {
    bucket: Vec<u8>,
    window_ends_at: Timestamp,
}

/// Takes one use of a limit in the open write. The write must commit even if the outcome is `Limited`.
pub async fn take(write: &Write<'_>, limit: Limit, subject: &str) -> Result<TakeOutcome, DatabaseError> {
    let counted = write
        .query_one(&take_statement(limit, subject, write.now()))
        .await?
        .ok_or_else(counter_row_missing)?;
    outcome_from_row(limit, &counted, write.now())
}

/// Takes one use, as part of a batch; [`outcome_from_row`] reads the returned row. A new window begins when
/// the old one is over.
pub fn take_statement(limit: Limit, subject: &str, now: Timestamp) -> InsertStatement {
    use rate_limits::Column::{Bucket, Used, WindowEndsAt};
    let window_ends_at = now + limit.rate.period.duration();
    let stored = |column: rate_limits::Column| Expr::col((rate_limits::Entity, column));
    let over = || stored(WindowEndsAt).lte(now);
    let used = CaseStatement::new().case(over(), 1).finally(stored(Used).add(1));
    let ends = CaseStatement::new().case(over(), window_ends_at).finally(stored(WindowEndsAt));
    Query::insert()
        .into_table(rate_limits::Entity)
        .columns([Bucket, Used, WindowEndsAt])
        .values_panic([bucket(limit.name, subject).into(), 1.into(), window_ends_at.into()])
        .on_conflict(OnConflict::column(Bucket).value(Used, used).value(WindowEndsAt, ends).to_owned())
        .returning(Query::returning().columns([Bucket, Used, WindowEndsAt]))
        .to_owned()
}

/// Whether the use was within the limit, by the row that a [`take_statement`] returned.
pub fn row_within_limit(limit: Limit, counted: &QueryResult) -> bool {
    let used: Result<i32, _> = counted.try_get_by_index(1);
    used.is_ok_and(|used| i64::from(used) <= i64::from(limit.rate.count.get()))
}

/// The outcome of a use, by the row that a [`take_statement`] returned.
pub fn outcome_from_row(
    limit: Limit,
    counted: &QueryResult,
    now: Timestamp,
) -> Result<TakeOutcome, DatabaseError> {
    let window_ends_at: Timestamp = counted.try_get_by_index(2)?;
    let used: i32 = counted.try_get_by_index(1)?;
    let window = limit.rate.period.duration();
    // At most one window, even if another request began this window a moment later than `now`.
    let resets_in = (window_ends_at - now).min(window);
    if limit.disclosed_to_caller() {
        let quota = limit.rate.count.get();
        let left = RemainingQuota {
            name: limit.name,
            quota,
            window,
            remaining: quota.saturating_sub(u32::try_from(used).unwrap_or(0)),
            resets_in,
            bucket: counted.try_get_by_index(0)?,
        };
        update_quotas(|taken| taken.push(left));
    }
    if row_within_limit(limit, counted) {
        return Ok(TakeOutcome::Within(TakenUse { bucket: counted.try_get_by_index(0)?, window_ends_at }));
    }
    metrics::counter!("postern_limited_total", "limit" => limit.name).increment(1);
    let first = i64::from(used) == i64::from(limit.rate.count.get()) + 1;
    Ok(TakeOutcome::Limited { retry_after: resets_in, first })
}

/// Until the limit permits a use again; none while a use is left. Takes no use.
pub async fn exhausted_for(
    db: &impl ConnectionTrait,
    limit: Limit,
    subject: &str,
    now: Timestamp,
) -> Result<Option<Duration>, DatabaseError> {
    let counted = rate_limits::Entity::find_by_id(bucket(limit.name, subject))
        .filter(rate_limits::Column::WindowEndsAt.gt(now))
        .one(db)
        .await?;
    let full = counted.filter(|row| i64::from(row.used) >= i64::from(limit.rate.count.get()));
    Ok(full.map(|row| row.window_ends_at - now))
}

/// [`take`] in a write of its own, which does not wait for the disk. A crash may lose the count.
pub async fn take_relaxed(core: &Core, limit: Limit, subject: &str) -> Result<TakeOutcome, DatabaseError> {
    let now = core.clock.now();
    let done = core.db.write_relaxed(&[&take_statement(limit, subject, now)], |_| true).await?;
    let counted = done.first().and_then(|done| done.row.as_ref()).ok_or_else(counter_row_missing)?;
    outcome_from_row(limit, counted, now)
}

fn counter_row_missing() -> DbErr {
    DbErr::RecordNotFound("a counter that was just written".to_owned())
}

/// Refunds a use, at the end of the write of a successful attempt.
pub fn refund(tx: &Transaction, taken: &TakenUse) {
    let less = rate_limits::Entity::update_many()
        .col_expr(rate_limits::Column::Used, Expr::col(rate_limits::Column::Used).sub(1))
        .filter(rate_limits::Column::Bucket.eq(taken.bucket.clone()))
        .filter(rate_limits::Column::WindowEndsAt.eq(taken.window_ends_at))
        .filter(rate_limits::Column::Used.gt(0))
        .into_query();
    tx.defer(&less);
    update_quotas(|all| {
        for left in all.iter_mut().filter(|left| left.bucket == taken.bucket) {
            left.remaining = Ord::min(left.quota, left.remaining + 1);
        }
    });
}

/// The subject of limits per source IP. An IPv6 customer may choose any IP of a /64, so the network counts.
pub fn source_of_ip(ip: Option<IpAddr>) -> String {
    match ip.map(|ip| ip.to_canonical()) {
        Some(IpAddr::V4(ip)) => ip.to_string(),
        Some(IpAddr::V6(ip)) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        None => "unknown".to_owned(),
    }
}

fn bucket(name: &str, subject: &str) -> Vec<u8> {
    crypto::token_hash(&format!("{name}\n{subject}")).to_vec()
}

#[cfg(test)]
mod tests {
    use super::source_of_ip;

    #[test]
    fn an_ipv6_customer_is_one_source() {
        let source = |ip: &str| source_of_ip(Some(ip.parse().unwrap()));
        assert_eq!(source("2001:db8:1:2:3:4:5:6"), source("2001:db8:1:2:ffff::1"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }
}
