//! Defines a pool of database connections: it opens a connection when none is idle, up to a maximum.
//!
//! sqlx's own pool is not used for two reasons. It pings a connection whenever the connection is returned,
//! which costs as much as a statement, and it waits without limit for a connection that does not answer. This
//! pool keeps a connection only when its state is known. A connection is dropped when a statement failed, did
//! not return in time, or was cancelled within a write; dropping closes it without waiting for the server,
//! which then rolls back.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sea_orm::{ConnAcquireErr, DbErr};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::settings::DatabaseSettings;
use super::transaction::{DbErrConstructor, driver_error};
use super::wait_limits::{WaitLimits, WaitTimedOut};

/// How long a ping before use may take.
const PING_TIMEOUT: Duration = Duration::from_millis(500);

/// How long connections are kept.
#[derive(Clone, Copy)]
pub(super) struct ConnectionLifetimes {
    /// A connection that was idle for this long is closed.
    pub(super) idle_timeout: Duration,
    /// A connection that was idle for this long is pinged before use.
    pub(super) ping_after_idle: Duration,
    /// A connection is closed this long after it was opened.
    pub(super) max_lifetime: Duration,
}

/// The pool of one database. Clones share its connections.
pub(super) struct ConnectionPool<DB: sqlx::Database>(Arc<PoolState<DB>>);

struct PoolState<DB: sqlx::Database> {
    options: <DB::Connection as sqlx::Connection>::Options,
    lifetimes: ConnectionLifetimes,
    limits: WaitLimits,
    /// One permit for each connection that may be in use at a time.
    permits: Arc<Semaphore>,
    /// The connection that was used last is at the back and is taken first, because its caches are warm.
    /// Connections that a burst left over move to the front and expire there.
    idle: Mutex<VecDeque<IdleConnection<DB>>>,
}

struct OpenConnection<DB: sqlx::Database> {
    connection: DB::Connection,
    opened_at: Instant,
}

struct IdleConnection<DB: sqlx::Database> {
    open: OpenConnection<DB>,
    since: Instant,
    /// The last statement was cancelled before its result arrived.
    needs_ping: bool,
}

/// A connection in use by one caller. Dropping it without [`PooledConnection::release`] closes it.
pub(super) struct PooledConnection<DB: sqlx::Database> {
    /// `None` only during `drop`.
    open: Option<OpenConnection<DB>>,
    return_policy: ReturnPolicy,
    /// The result of the last statement arrived, whether success or error.
    statement_completed: bool,
    pool: Arc<PoolState<DB>>,
    _permit: OwnedSemaphorePermit,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ReturnPolicy {
    Close,
    /// Keep the connection, and ping it before the next use.
    KeepUntested,
    Keep,
}

impl<DB: sqlx::Database> Clone for ConnectionPool<DB> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<DB: sqlx::Database> ConnectionPool<DB> {
    /// A pool that opens connections with `options`, at most `settings.connections`. It opens none yet.
    pub(super) fn new(
        options: <DB::Connection as sqlx::Connection>::Options,
        lifetimes: ConnectionLifetimes,
        settings: &DatabaseSettings,
    ) -> Self {
        let max_connections = usize::try_from(settings.connections.get()).unwrap_or(Semaphore::MAX_PERMITS);
        Self(Arc::new(PoolState {
            options,
            lifetimes,
            limits: WaitLimits::from_settings(settings),
            permits: Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS))),
            idle: Mutex::default(),
        }))
    }

    /// Runs one statement that only reads. When the caller is dropped before the result arrives, the
    /// connection is kept and pinged before its next use: clients that abort their requests must not make the
    /// service reconnect.
    pub(super) async fn read<T>(
        &self,
        kind: DbErrConstructor,
        run: impl AsyncFnOnce(&mut DB::Connection) -> Result<T, sqlx::Error>,
    ) -> Result<T, DbErr> {
        let mut pooled = self.acquire().await?;
        pooled.return_policy = ReturnPolicy::KeepUntested;
        let outcome = pooled.run(run).await;
        pooled.return_policy = if outcome.is_ok() { ReturnPolicy::Keep } else { ReturnPolicy::Close };
        outcome.map_err(|cause| driver_error(kind, cause))
    }

    /// Waits for a connection, within the limits of the caller.
    pub(super) async fn acquire(&self) -> Result<PooledConnection<DB>, DbErr> {
        let timed_out = |WaitTimedOut| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout);
        self.0.limits.limit_acquisition(self.acquire_unbounded()).await.map_err(timed_out)?
    }

    async fn acquire_unbounded(&self) -> Result<PooledConnection<DB>, DbErr> {
        let permit = match Arc::clone(&self.0.permits).try_acquire_owned() {
            Ok(turn) => turn,
            Err(_none) => {
                let closed = |_| DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed);
                Arc::clone(&self.0.permits).acquire_owned().await.map_err(closed)?
            }
        };
        let open = match self.0.take_idle().await {
            Some(kept) => kept,
            None => self.0.open().await.map_err(|cause| driver_error(DbErr::Conn, cause))?,
        };
        let pool = Arc::clone(&self.0);
        Ok(PooledConnection {
            open: Some(open),
            return_policy: ReturnPolicy::Close,
            statement_completed: true,
            pool,
            _permit: permit,
        })
    }

    /// Closes the idle connections now, and each other connection when it is returned. Later callers are
    /// refused.
    pub(super) async fn close(&self) {
        self.0.permits.close();
        let idle = std::mem::take(&mut *self.0.idle());
        for unused in idle {
            // An error here loses nothing: the connection is unused.
            let _ = timeout(PING_TIMEOUT, unused.open.connection.close()).await;
        }
    }
}

impl<DB: sqlx::Database> PoolState<DB> {
    fn idle(&self) -> MutexGuard<'_, VecDeque<IdleConnection<DB>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn open(&self) -> Result<OpenConnection<DB>, sqlx::Error> {
        let connection = self.options.connect().await?;
        Ok(OpenConnection { connection, opened_at: Instant::now() })
    }

    /// The connection that was used last. A connection that was idle for long, or whose last statement was
    /// cancelled, is returned only if it answers a ping.
    async fn take_idle(&self) -> Option<OpenConnection<DB>> {
        loop {
            let mut kept = self.idle().pop_back()?;
            if !kept.needs_ping && kept.since.elapsed() < self.lifetimes.ping_after_idle {
                return Some(kept.open);
            }
            match timeout(PING_TIMEOUT, kept.open.connection.ping()).await {
                Ok(Ok(())) => return Some(kept.open),
                Ok(Err(_closed)) => {}
                // The connections that were idle for longer would each cost another ping that times out.
                Err(_elapsed) => self.idle().clear(),
            }
        }
    }

    fn keep(&self, open: OpenConnection<DB>, unsure: bool) {
        let now = Instant::now();
        if now - open.opened_at >= self.lifetimes.max_lifetime {
            return;
        }
        let mut idle = self.idle();
        // Checked under the lock: a connection that is returned after `close` would never be closed.
        if self.permits.is_closed() {
            return;
        }
        idle.push_back(IdleConnection { open, since: now, needs_ping: unsure });
        let unused = idle.front().is_some_and(|first| now - first.since >= self.lifetimes.idle_timeout);
        drop(unused.then(|| idle.pop_front()));
    }
}

impl<DB: sqlx::Database> PooledConnection<DB> {
    /// Runs a statement and waits for its result, within the limits of the caller.
    pub(super) async fn run<T>(
        &mut self,
        run: impl AsyncFnOnce(&mut DB::Connection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        self.statement_completed = false;
        let limits = self.pool.limits;
        let outcome = limits.limit_answer(run(&mut *self)).await;
        self.statement_completed = matches!(outcome, Ok(_) | Err(sqlx::Error::Database(_)));
        outcome
    }

    /// Whether the result of the last statement arrived. Only then can the connection run another statement.
    pub(super) fn statement_completed(&self) -> bool {
        self.statement_completed
    }

    /// Returns the connection to the pool. The caller guarantees that no transaction is open on it.
    pub(super) fn release(mut self) {
        self.return_policy = ReturnPolicy::Keep;
    }
}

#[expect(clippy::expect_used, reason = "`drop` alone takes `open` out, and nobody has the value after it")]
impl<DB: sqlx::Database> Deref for PooledConnection<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        // `open` is set when the value is made and taken by `drop` alone, after which nobody can call this.
        &self.open.as_ref().expect("a lent connection").connection
    }
}

#[expect(clippy::expect_used, reason = "`drop` alone takes `open` out, and nobody has the value after it")]
impl<DB: sqlx::Database> DerefMut for PooledConnection<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        // As above: `drop` alone takes it.
        &mut self.open.as_mut().expect("a lent connection").connection
    }
}

impl<DB: sqlx::Database> Drop for PooledConnection<DB> {
    fn drop(&mut self) {
        if let Some(open) = self.open.take().filter(|_| self.return_policy != ReturnPolicy::Close) {
            self.pool.keep(open, self.return_policy == ReturnPolicy::KeepUntested);
        }
    }
}
