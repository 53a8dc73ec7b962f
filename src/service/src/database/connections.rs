//! Lends the connections of one database, a few at most, and opens one whenever there is none to lend.
//!
//! sqlx's own pool is not used: it asks a connection whether it still lives whenever one comes back, which costs as much
//! again as a statement, and waits without end for one that does not answer. Here a connection is kept only in a known
//! state. One that failed, did not answer in time or was given up within a write is dropped, which closes it without
//! waiting for the other side; the server undoes what was open then.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sea_orm::{ConnAcquireErr, DbErr};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::settings::DatabaseSettings;
use super::transaction::{Kind, told};
use super::waiting::{TimedOut, WaitLimits};

/// How long a connection that is tried before use may take to answer.
const TRIAL: Duration = Duration::from_millis(500);

/// How long connections are kept.
#[derive(Clone, Copy)]
pub(super) struct Lifetimes {
    /// One that nobody used for so long is closed.
    pub(super) idle: Duration,
    /// One that nobody used for so long is tried before use.
    pub(super) trusted: Duration,
    /// One is replaced so long after it was opened.
    pub(super) total: Duration,
}

/// The connections of one database. Clones share them.
pub(super) struct Connections<DB: sqlx::Database>(Arc<Home<DB>>);

struct Home<DB: sqlx::Database> {
    options: <DB::Connection as sqlx::Connection>::Options,
    lifetimes: Lifetimes,
    limits: WaitLimits,
    /// How many may be lent at a time.
    turns: Arc<Semaphore>,
    /// Last used last: what is lent is warm, and what a burst left over comes to the front and ends there.
    idle: Mutex<VecDeque<Idle<DB>>>,
}

struct Open<DB: sqlx::Database> {
    connection: DB::Connection,
    opened_at: Instant,
}

struct Idle<DB: sqlx::Database> {
    open: Open<DB>,
    since: Instant,
    /// Its last statement was given up half-way.
    unsure: bool,
}

/// A connection that is lent to one caller. Dropped without [`Lent::give_back`], it is closed.
pub(super) struct Lent<DB: sqlx::Database> {
    /// `None` only while it is dropped.
    open: Option<Open<DB>>,
    when_dropped: WhenDropped,
    /// The last statement was answered, with success or not.
    answered: bool,
    home: Arc<Home<DB>>,
    _turn: OwnedSemaphorePermit,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WhenDropped {
    Close,
    /// Keep it, and try it before the next use.
    KeepUnsure,
    Keep,
}

impl<DB: sqlx::Database> Clone for Connections<DB> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<DB: sqlx::Database> Connections<DB> {
    /// Connections by `options`, `settings.connections` at most. None is opened yet.
    pub(super) fn new(
        options: <DB::Connection as sqlx::Connection>::Options,
        lifetimes: Lifetimes,
        settings: &DatabaseSettings,
    ) -> Self {
        let most = usize::try_from(settings.connections.get()).unwrap_or(Semaphore::MAX_PERMITS);
        Self(Arc::new(Home {
            options,
            lifetimes,
            limits: WaitLimits::from_settings(settings),
            turns: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            idle: Mutex::default(),
        }))
    }

    /// Runs one statement that only reads. When its caller is dropped half-way, the connection is tried before its next
    /// use: strangers who break off their requests do not make us connect anew.
    pub(super) async fn read<T>(
        &self,
        kind: Kind,
        run: impl AsyncFnOnce(&mut DB::Connection) -> Result<T, sqlx::Error>,
    ) -> Result<T, DbErr> {
        let mut lent = self.lend().await?;
        lent.when_dropped = WhenDropped::KeepUnsure;
        let outcome = lent.answer(run).await;
        lent.when_dropped = if outcome.is_ok() { WhenDropped::Keep } else { WhenDropped::Close };
        outcome.map_err(|cause| told(kind, cause))
    }

    /// Lends a connection.
    pub(super) async fn lend(&self) -> Result<Lent<DB>, DbErr> {
        let timed_out = |TimedOut| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout);
        self.0.limits.acquire(self.take()).await.map_err(timed_out)?
    }

    async fn take(&self) -> Result<Lent<DB>, DbErr> {
        let turn = match Arc::clone(&self.0.turns).try_acquire_owned() {
            Ok(turn) => turn,
            Err(_none) => {
                let closed = |_| DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed);
                Arc::clone(&self.0.turns).acquire_owned().await.map_err(closed)?
            }
        };
        let open = match self.0.take_idle().await {
            Some(kept) => kept,
            None => self.0.open().await.map_err(|cause| told(DbErr::Conn, cause))?,
        };
        let home = Arc::clone(&self.0);
        Ok(Lent { open: Some(open), when_dropped: WhenDropped::Close, answered: true, home, _turn: turn })
    }

    /// Closes the connections that nobody uses now; the others when they come back. Later ones are refused.
    pub(super) async fn close(&self) {
        self.0.turns.close();
        let idle = std::mem::take(&mut *self.0.idle());
        for unused in idle {
            // Whatever it says, nothing is lost.
            let _ = timeout(TRIAL, unused.open.connection.close()).await;
        }
    }
}

impl<DB: sqlx::Database> Home<DB> {
    fn idle(&self) -> MutexGuard<'_, VecDeque<Idle<DB>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn open(&self) -> Result<Open<DB>, sqlx::Error> {
        let connection = self.options.connect().await?;
        Ok(Open { connection, opened_at: Instant::now() })
    }

    /// The connection that was used last, if it answers where that is to be tried.
    async fn take_idle(&self) -> Option<Open<DB>> {
        loop {
            let mut kept = self.idle().pop_back()?;
            if !kept.unsure && kept.since.elapsed() < self.lifetimes.trusted {
                return Some(kept.open);
            }
            match timeout(TRIAL, kept.open.connection.ping()).await {
                Ok(Ok(())) => return Some(kept.open),
                Ok(Err(_closed)) => {}
                // Those that were idle for longer would cost as much again.
                Err(_elapsed) => self.idle().clear(),
            }
        }
    }

    fn keep(&self, open: Open<DB>, unsure: bool) {
        let now = Instant::now();
        if now - open.opened_at >= self.lifetimes.total {
            return;
        }
        let mut idle = self.idle();
        // Asked under the lock: what is put back after the end would stay.
        if self.turns.is_closed() {
            return;
        }
        idle.push_back(Idle { open, since: now, unsure });
        let unused = idle.front().is_some_and(|first| now - first.since >= self.lifetimes.idle);
        drop(unused.then(|| idle.pop_front()));
    }
}

impl<DB: sqlx::Database> Lent<DB> {
    /// Runs a statement and waits for its answer as long as the caller may.
    pub(super) async fn answer<T>(
        &mut self,
        run: impl AsyncFnOnce(&mut DB::Connection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        self.answered = false;
        let limits = self.home.limits;
        let outcome = limits.answer(run(&mut *self)).await;
        self.answered = matches!(outcome, Ok(_) | Err(sqlx::Error::Database(_)));
        outcome
    }

    /// Whether the last statement was answered, so that a further one makes sense.
    pub(super) fn answered(&self) -> bool {
        self.answered
    }

    /// Lends it to others: nothing is open on it.
    pub(super) fn give_back(mut self) {
        self.when_dropped = WhenDropped::Keep;
    }
}

#[expect(clippy::expect_used, reason = "only `drop` takes it out")]
impl<DB: sqlx::Database> Deref for Lent<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        &self.open.as_ref().expect("a lent connection").connection
    }
}

#[expect(clippy::expect_used, reason = "only `drop` takes it out")]
impl<DB: sqlx::Database> DerefMut for Lent<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        &mut self.open.as_mut().expect("a lent connection").connection
    }
}

impl<DB: sqlx::Database> Drop for Lent<DB> {
    fn drop(&mut self) {
        if let Some(open) = self.open.take().filter(|_| self.when_dropped != WhenDropped::Close) {
            self.home.keep(open, self.when_dropped == WhenDropped::KeepUnsure);
        }
    }
}
