//! Answers how often something happened, and whether it may happen again now.
//!
//! Counted in the database, so that nodes share it: one row per rule and subject, one upsert per use.
//! A use is taken before what it allows is tried, so that parallel tries cannot pass together; a try
//! that turns out well gives it back. Whoever cannot count refuses: an error is never "allowed".
//!
//! What is counted by its caller's address or grant, or by the account that its caller is signed in to, the caller may know
//! ([`observing`]); what is counted by somebody else's address or account, never: it would tell who has an account.

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

use crate::{app::App, crypto};

/// A rule of `[limits]`.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Name under which it counts.
    pub name: &'static str,
    /// How often.
    pub rate: Rate,
}

impl Limit {
    /// Whether its caller may know what is left of it.
    fn told(&self) -> bool {
        self.name.ends_with("_per_source")
            || self.name.ends_with("_per_grant")
            || self.name == "changes_per_account"
    }
}

/// What is left of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Its name.
    pub name: &'static str,
    /// Uses of a whole window.
    pub quota: u32,
    /// Length of a window.
    pub window: Duration,
    /// Uses that are left in the window that runs.
    pub remaining: u32,
    /// Until that window ends.
    pub resets_in: Duration,
    bucket: Vec<u8>,
}

tokio::task_local! {
    /// What the request that runs in this task took of limits that its caller may know.
    static TAKEN: RefCell<Vec<Left>>;
}

/// Runs `work`, and answers as well what is left of the limits that it took from and that its caller may know.
pub async fn observing<T>(work: impl Future<Output = T>) -> (T, Vec<Left>) {
    let both = async {
        let done = work.await;
        (done, TAKEN.with(RefCell::take))
    };
    TAKEN.scope(RefCell::default(), both).await
}

/// Changes what is observed; nothing where nobody observes.
fn observe(change: impl FnOnce(&mut Vec<Left>)) {
    // An error says that this is a command or a job.
    let _ = TAKEN.try_with(|taken| change(&mut taken.borrow_mut()));
}

/// What came of taking a use.
#[derive(Clone, Debug)]
pub enum Taken {
    /// It was within the limit.
    Within(Use),
    /// It was one too many.
    Limited {
        /// Until the window ends.
        retry_after: Duration,
        /// Whether it is the first one too many in this window: the one to record, so that a flood
        /// does not fill the record.
        first: bool,
    },
}

/// A use that was taken, so that it can be given back.
#[derive(Clone, Debug)]
pub struct Use {
    bucket: Vec<u8>,
    window_ends_at: i64,
}

/// Takes one use of a limit in the open write, which must commit also when the answer is `Limited`.
pub async fn take(
    tx: &Transaction,
    limit: Limit,
    subject: &str,
    now: Timestamp,
) -> Result<Taken, DatabaseError> {
    let counted = tx.query_one(&insertion(limit, subject, now)).await?.ok_or_else(lost)?;
    judge(limit, &counted, now)
}

/// What takes one use, to go with other statements; [`judge`] reads what it returns. A window that is over begins anew.
pub fn insertion(limit: Limit, subject: &str, now: Timestamp) -> InsertStatement {
    use rate_limits::Column::{Bucket, Used, WindowEndsAt};
    let window_ends_at = (now + limit.rate.period.duration()).micros();
    let stored = |column: rate_limits::Column| Expr::col((rate_limits::Entity, column));
    let over = || stored(WindowEndsAt).lte(now.micros());
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

/// Whether the use that an [`insertion`] took was within the limit, by the row that it returned.
pub fn within(limit: Limit, counted: &QueryResult) -> bool {
    let used: Result<i32, _> = counted.try_get_by_index(1);
    used.is_ok_and(|used| i64::from(used) <= i64::from(limit.rate.count.get()))
}

/// What came of an [`insertion`], by the row that it returned.
pub fn judge(limit: Limit, counted: &QueryResult, now: Timestamp) -> Result<Taken, DatabaseError> {
    let window_ends_at = counted.try_get_by_index(2)?;
    let used: i32 = counted.try_get_by_index(1)?;
    let window = limit.rate.period.duration();
    // No longer than a window, though another request may have begun this one a moment later than `now`.
    let resets_in = (Timestamp::from_micros(window_ends_at) - now).min(window);
    if limit.told() {
        let quota = limit.rate.count.get();
        let left = Left {
            name: limit.name,
            quota,
            window,
            remaining: quota.saturating_sub(u32::try_from(used).unwrap_or(0)),
            resets_in,
            bucket: counted.try_get_by_index(0)?,
        };
        observe(|taken| taken.push(left));
    }
    if within(limit, counted) {
        return Ok(Taken::Within(Use { bucket: counted.try_get_by_index(0)?, window_ends_at }));
    }
    metrics::counter!("postern_limited_total", "limit" => limit.name).increment(1);
    let first = i64::from(used) == i64::from(limit.rate.count.get()) + 1;
    Ok(Taken::Limited { retry_after: resets_in, first })
}

/// How long until a limit is free again; none while a use is left. Takes none.
pub async fn spent(
    db: &impl ConnectionTrait,
    limit: Limit,
    subject: &str,
    now: Timestamp,
) -> Result<Option<Duration>, DatabaseError> {
    let counted = rate_limits::Entity::find_by_id(bucket(limit.name, subject))
        .filter(rate_limits::Column::WindowEndsAt.gt(now.micros()))
        .one(db)
        .await?;
    let full = counted.filter(|row| i64::from(row.used) >= i64::from(limit.rate.count.get()));
    Ok(full.map(|row| Timestamp::from_micros(row.window_ends_at) - now))
}

/// [`take`] in a write of its own, which does not wait for the disk.
pub async fn take_now(app: &App, limit: Limit, subject: &str) -> Result<Taken, DatabaseError> {
    let now = app.clock.now();
    let done = app.db.write_lightly(&[&insertion(limit, subject, now)], |_| true).await?;
    let counted = done.first().and_then(|done| done.row.as_ref()).ok_or_else(lost)?;
    judge(limit, counted, now)
}

fn lost() -> DbErr {
    DbErr::RecordNotFound("a counter that was just written".to_owned())
}

/// Gives a use back, at the end of the write of what turned out well.
pub fn give_back(tx: &Transaction, taken: &Use) {
    let less = rate_limits::Entity::update_many()
        .col_expr(rate_limits::Column::Used, Expr::col(rate_limits::Column::Used).sub(1))
        .filter(rate_limits::Column::Bucket.eq(taken.bucket.clone()))
        .filter(rate_limits::Column::WindowEndsAt.eq(taken.window_ends_at))
        .filter(rate_limits::Column::Used.gt(0))
        .into_query();
    tx.later(&less);
    observe(|all| {
        for left in all.iter_mut().filter(|left| left.bucket == taken.bucket) {
            left.remaining = Ord::min(left.quota, left.remaining + 1);
        }
    });
}

/// The subject of limits per source: an IPv6 customer has a /64 to choose addresses from.
pub fn source(ip: Option<IpAddr>) -> String {
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
    crypto::token_hash(&format!("{name}\n{subject}"))
}

#[cfg(test)]
mod tests {
    use super::source;

    #[test]
    fn an_ipv6_customer_is_one_source() {
        let source = |ip: &str| source(Some(ip.parse().unwrap()));
        assert_eq!(source("2001:db8:1:2:3:4:5:6"), source("2001:db8:1:2:ffff::1"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }
}
