//! Implements group commit for SQLite: decides who writes next, and when the written data becomes durable.
//!
//! Every commit waits for the disk once, however much it writes, so writes that arrive at the same time share
//! one commit. One task, the *writer*, owns the only connection that writes. Callers wait in a queue. The
//! writer lends the connection to one caller after the other, each within a savepoint, and commits when the
//! queue is empty or after [`GROUP_SIZE`] turns. The closure of a write runs in the task of its caller, never
//! in the writer. A *batch* (statements that are known beforehand) is run by the writer itself: it needs one
//! message to the thread of the connection, where a closure needs one for each statement.
//!
//! ```text
//!                        ┌──────────────◄─────────── lock held by another process: wait a little
//!                        ▼             │
//!   caller waits ───► BEGIN IMMEDIATE; SAVEPOINT turn
//!                        │
//!                        ▼
//!               ┌──► lend the connection, ──► keep ──────► RELEASE turn; SAVEPOINT turn ─────┐ next waits
//!               │    or run the batch                                                        │ and group
//!               │        └─► error, panic, ──► ROLLBACK TO turn ─────────────────────────────┤ not full
//!               │            dropped, refused                                                │
//!               └────────────────────────────────────────────────────────────────────────────┘
//!                                                                                            │ otherwise
//!                                   notify the members ◄── COMMIT ◄──────────────────────────┘
//! ```
//!
//! The rules that must not be broken:
//!
//! - **A caller learns of success only after COMMIT returned.** The caller waits for the writer's message,
//!   which is sent after the commit.
//! - **No cancelled caller can break a group.** The writer is a task of its own that no caller can drop. So a
//!   COMMIT is never cancelled, and never waits for a caller to poll it. A caller holds either a channel on
//!   which it waits for a result, or a [`Turn`]. Dropping either has these effects:
//!     - while the caller waits for its turn: the writer finds the channel closed and takes the next caller;
//!     - within the closure of the caller (also by a panic): the connection comes back without a commit
//!       request, and the savepoint is rolled back. The driver's thread finishes a statement that was sent
//!       before it runs the rollback;
//!     - while the caller waits for the COMMIT: the write stays, as after a lost response.
//! - **An error of the connection fails the whole group.** When BEGIN, a savepoint or COMMIT fails (disk
//!   full, I/O error), every member gets [`DatabaseError::Unavailable`]. The connection is closed, which
//!   rolls back, and the next group opens a new one. A new connection writes to the log again, so nothing
//!   depends on pages whose sync failed.
//! - **A relaxed write makes no other write relaxed.** A relaxed write joins a group that waits for the disk,
//!   or is committed alone without waiting. The sync of a later commit covers the log up to its end, so no
//!   later write survives a crash that loses an earlier one.
//! - **Other processes get the lock too.** SQLite has no queue between processes. After [`MAX_LOCK_HOLD`] of
//!   uninterrupted writing the writer leaves the lock free for [`LOCK_RELEASE_PAUSE`], which is longer than
//!   the [`LOCK_POLL_INTERVAL`] at which the writer of another process asks for the lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sea_orm::Statement;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

use super::batch::{self, Durability, StatementResult};
use super::count_commit;
use super::error::{DatabaseError, sqlite_busy};
use super::wait_limits::{WaitLimits, WaitTimedOut};
use super::work::{
    BEGIN, Batch, CommitResult, GroupMember, NEXT_TURN, SharedConnection, Turn, Work, execute, run_turn,
    set_and_begin, share, try_execute,
};
use crate::telemetry::ErrorChain;

/// The most turns that share one commit. This bounds how long the first of them waits for its result.
const GROUP_SIZE: usize = 64;
/// The longest time for which the lock is held without a pause for other processes.
const MAX_LOCK_HOLD: Duration = Duration::from_millis(50);
/// How long the lock is left free. A waiting process polls at least once in this time.
const LOCK_RELEASE_PAUSE: Duration = Duration::from_millis(3);
/// How often the writer asks for a lock that another process holds. Tokio's timers have a resolution of one
/// millisecond.
const LOCK_POLL_INTERVAL: Duration = Duration::from_millis(1);

/// A message from a caller to the writer.
enum WriterMessage {
    /// Run this batch, or lend the connection.
    Work(Work),
    /// Stop after the work that was queued before. The reply is sent when the connection is closed.
    Close(oneshot::Sender<()>),
}

/// The callers' end of the queue. Dropping the last one ends the writer.
pub(super) struct WriteQueue {
    messages: mpsc::UnboundedSender<WriterMessage>,
    limits: WaitLimits,
}

impl WriteQueue {
    /// Starts the writer on an open connection. Callers wait for their turn within `limits`.
    pub(super) fn start(
        options: SqliteConnectOptions,
        connection: SqliteConnection,
        limits: WaitLimits,
    ) -> Self {
        let (messages, inbox) = mpsc::unbounded_channel();
        let now = Instant::now();
        let writer = Writer {
            inbox,
            options,
            connection: Some(share(connection)),
            durability: None,
            held_since: now,
            free_since: now,
            close_replies: Vec::new(),
        };
        tokio::spawn(writer.run());
        Self { messages, limits }
    }

    pub(super) async fn turn(&self) -> Result<Turn, DatabaseError> {
        let (request, answer) = oneshot::channel();
        self.send(Work::Turn(request))?;
        match self.limits.limit_acquisition(answer).await {
            Ok(answer) => answer.unwrap_or_else(|_writer_gone| Err(DatabaseError::closed())),
            Err(WaitTimedOut) => Err(DatabaseError::timed_out()),
        }
    }

    /// Has the writer run a batch. Returns after the commit, or when `keep` refused it. The limit applies
    /// only to the wait for the turn: once the batch has begun, its caller waits for the result however long
    /// it takes.
    pub(super) async fn batch(
        &self,
        statement: Statement,
        keep: batch::CommitCondition,
        durability: Durability,
    ) -> Result<Vec<StatementResult>, DatabaseError> {
        let (request, mut answer) = oneshot::channel();
        let started = Arc::new(AtomicBool::new(false));
        let batch = Batch {
            statement,
            commit_condition: keep,
            durability,
            started: Arc::clone(&started),
            reply: request,
        };
        self.send(Work::Batch(batch))?;
        let answer = match self.limits.limit_acquisition(&mut answer).await {
            Ok(answer) => answer,
            Err(WaitTimedOut) if started.load(Ordering::Relaxed) => answer.await,
            Err(WaitTimedOut) => return Err(DatabaseError::timed_out()),
        };
        answer.unwrap_or_else(|_writer_gone| Err(DatabaseError::closed()))
    }

    fn send(&self, work: Work) -> CommitResult {
        self.messages.send(WriterMessage::Work(work)).map_err(|_| DatabaseError::closed())
    }

    /// Lets the queued callers write, then closes the connection. Later turns are refused.
    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.messages.send(WriterMessage::Close(done)).is_ok() {
            // A closed channel means that the runtime stops, and the writer with it.
            let _ = closed.await;
        }
    }
}

struct Writer {
    inbox: mpsc::UnboundedReceiver<WriterMessage>,
    options: SqliteConnectOptions,
    /// `None` after a failure, until the next group opens a fresh one.
    connection: Option<SharedConnection>,
    /// The durability that the connection is set to; `None` when it is unknown.
    durability: Option<Durability>,
    /// Since when the lock has been held without a pause of at least [`LOCK_RELEASE_PAUSE`].
    held_since: Instant,
    /// Since when the lock has been free, between two groups.
    free_since: Instant,
    /// Callers of `close` that wait for the end.
    close_replies: Vec<oneshot::Sender<()>>,
}

impl Writer {
    async fn run(mut self) {
        while let Some(message) = self.inbox.recv().await {
            if let Some(first) = self.pending_work(message) {
                self.group(first).await;
            }
        }
        self.disconnect().await;
        for done in self.close_replies {
            let _ = done.send(());
        }
    }

    /// Runs one group, from BEGIN to COMMIT.
    async fn group(&mut self, first: Work) {
        self.yield_lock().await;
        let Some((connection, first)) = self.begin(first).await else { return };
        let mut members = Vec::new();
        let outcome = self.run_all(&connection, first, &mut members).await;
        if let Err(cause) = &outcome {
            tracing::error!(cause = %ErrorChain(cause), writes = members.len(), "a group of writes failed");
            drop(connection);
            self.disconnect().await;
        } else {
            count_commit(members.len());
        }
        self.free_since = Instant::now();
        for member in members {
            member.notify(outcome.clone());
        }
    }

    /// Leaves the lock free for a moment when this process has held it for [`MAX_LOCK_HOLD`].
    async fn yield_lock(&mut self) {
        let now = Instant::now();
        if now - self.free_since >= LOCK_RELEASE_PAUSE {
            self.held_since = now;
        } else if now - self.held_since >= MAX_LOCK_HOLD {
            sleep(LOCK_RELEASE_PAUSE).await;
            self.held_since = Instant::now();
        }
    }

    /// Takes the write lock for the first caller that still waits when the lock is free. While another
    /// process holds the lock, callers leave when their limit is over. `None` when no caller is left, or when
    /// the database cannot be opened.
    async fn begin(&mut self, mut first: Work) -> Option<(SharedConnection, Work)> {
        loop {
            match self.try_begin(first.durability()).await {
                Ok(connection) => return Some((connection, first)),
                Err(cause) if sqlite_busy(&cause) => {
                    sleep(LOCK_POLL_INTERVAL).await;
                    self.held_since = Instant::now();
                }
                Err(cause) => {
                    self.disconnect().await;
                    self.refuse(first, &DatabaseError::connection(cause));
                    return None;
                }
            }
            if first.is_closed() {
                first = self.next_pending_work()?;
            }
        }
    }

    async fn try_begin(&mut self, durability: Durability) -> Result<SharedConnection, sqlx::Error> {
        let known = self.durability.take().filter(|_| self.connection.is_some());
        let connection = match &self.connection {
            Some(connection) => connection,
            None => self.connection.insert(share(self.options.connect().await?)),
        };
        if known == Some(durability) {
            try_execute(connection, BEGIN).await?;
        } else {
            set_and_begin(connection, durability).await?;
        }
        self.durability = Some(durability);
        Ok(Arc::clone(connection))
    }

    /// Runs `first` and the work that is queued behind it, and commits. Afterwards `members` holds every
    /// caller whose write is part of the group, whether the commit succeeded or not.
    async fn run_all(
        &mut self,
        connection: &SharedConnection,
        first: Work,
        members: &mut Vec<GroupMember>,
    ) -> CommitResult {
        // A relaxed write is committed alone: it saves nothing by sharing, and other writes would become
        // relaxed with it.
        let most = if first.durability() == Durability::Relaxed { 1 } else { GROUP_SIZE };
        let mut next = Some(first);
        let mut turns = 0;
        // Whether the open savepoint holds writes that a member keeps.
        let mut kept = false;
        while let Some(work) = next {
            turns += 1;
            let member = match work {
                Work::Batch(batch) => {
                    batch.run(connection, kept).await?.map(|(a, done)| GroupMember::Batch(a, done))
                }
                Work::Turn(request) => {
                    if kept && let Err(cause) = execute(connection, NEXT_TURN).await {
                        self.refuse(Work::Turn(request), &cause);
                        return Err(cause);
                    }
                    run_turn(connection, request).await.map(GroupMember::Turn)
                }
            };
            kept = member.is_some();
            members.extend(member);
            if !kept {
                execute(connection, "ROLLBACK TO turn").await?;
            }
            next = if turns < most { self.next_work_before_commit().await } else { None };
        }
        execute(connection, if members.is_empty() { "ROLLBACK" } else { "COMMIT" }).await
    }

    /// The next work in the queue. When the queue is empty, the tasks that are ready run once before the
    /// writer commits. On a busy machine this doubles the number of writes that share a commit; on an idle
    /// machine it costs nothing.
    async fn next_work_before_commit(&mut self) -> Option<Work> {
        if let Some(next) = self.next_pending_work() {
            return Some(next);
        }
        yield_now().await;
        self.next_pending_work()
    }

    /// The next work in the queue whose caller still waits.
    fn next_pending_work(&mut self) -> Option<Work> {
        loop {
            let message = self.inbox.try_recv().ok()?;
            if let Some(request) = self.pending_work(message) {
                return Some(request);
            }
        }
    }

    /// The work in a message, if its caller still waits. After `Close` only the work that was queued before
    /// it follows.
    fn pending_work(&mut self, message: WriterMessage) -> Option<Work> {
        match message {
            WriterMessage::Work(work) => Some(work).filter(|work| !work.is_closed()),
            WriterMessage::Close(done) => {
                self.inbox.close();
                self.close_replies.push(done);
                None
            }
        }
    }

    /// Fails `first` and all work that is queued behind it.
    fn refuse(&mut self, first: Work, cause: &DatabaseError) {
        let mut next = Some(first);
        while let Some(work) = next {
            work.refuse(cause.clone());
            next = self.next_pending_work();
        }
    }

    /// Closes the connection and waits until it is closed, so that its lock is free when the next connection
    /// is opened.
    async fn disconnect(&mut self) {
        let Some(connection) = self.connection.take().and_then(Arc::into_inner) else { return };
        if let Err(cause) = connection.into_inner().close().await {
            tracing::warn!(%cause, "the connection that writes did not close cleanly");
        }
    }
}
