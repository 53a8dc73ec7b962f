//! Answers who writes to SQLite next, and when what was written becomes durable: group commit.
//!
//! A commit costs a wait for the disk, whatever is in it. So writes that come at the same time share one. One task,
//! the *writer*, owns the one connection that writes. Callers queue; the writer lends the connection to one after
//! the other, each inside a savepoint, and commits when nobody waits any more, or after [`GROUP_SIZE`] turns. The
//! closure of a write runs in its caller's task, never in the writer. Statements that are known beforehand, a *batch*,
//! the writer runs itself: one trip to the connection's thread, where lending takes one for each statement.
//!
//! ```text
//!                        ┌──────────────◄─────────── lock held by another process: wait a little
//!                        ▼             │
//!   somebody waits ──► BEGIN IMMEDIATE; SAVEPOINT turn
//!                        │
//!                        ▼
//!               ┌──► lend the connection, ──► keep ──────► RELEASE turn; SAVEPOINT turn ─────┐ next waits
//!               │    or run the batch                                                        │ and group
//!               │        └─► error, panic, ──► ROLLBACK TO turn ─────────────────────────────┤ not full
//!               │            dropped, refused                                                │
//!               └────────────────────────────────────────────────────────────────────────────┘
//!                                                                                            │ otherwise
//!                                        tell all who kept ◄── COMMIT ◄──────────────────────┘
//! ```
//!
//! The rules that must not be broken:
//!
//! - **A caller hears of success only after COMMIT returned.** It waits for the writer's word, which comes then.
//! - **Nobody can be cancelled into a broken group.** The writer is a task of its own that no caller can drop, so a
//!   COMMIT is never given up half-way and never waits for somebody to ask for it. What a caller holds is an answer
//!   it waits for or a [`Turn`]; both are plain values, and dropping them has these meanings:
//!   - waiting for its turn: the writer finds the place in the queue empty and takes the next;
//!   - inside its closure (also by a panic): the lent connection comes back without a word, the savepoint is rolled
//!     back. A statement that was sent is finished by the driver's thread before the rollback is, in that order;
//!   - waiting for the COMMIT: the write stays, as after a lost answer.
//! - **An error of the connection fails the whole group.** When BEGIN, a savepoint or COMMIT fails (disk full, I/O
//!   error), every member gets [`DatabaseError::Unavailable`], the connection is closed, which rolls back, and the
//!   next group opens a fresh one. It rewrites what it needs in the log, so nothing depends on pages whose sync failed.
//! - **A light write makes nobody else's write light.** It joins a group that waits for the disk, or is committed alone
//!   without waiting; the sync of a later commit covers the log up to there, so no later write outlives an earlier one.
//! - **Others get the lock too.** SQLite has no queue between processes. After [`HOLD`] of writing without a gap the
//!   writer leaves the lock free for [`PAUSE`], which is longer than the [`POLL`] of another writer that waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sea_orm::Statement;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

use super::batch::{self, Done, Durability};
use super::count_commit;
use super::error::{DatabaseError, sqlite_busy};
use super::waiting::{TimedOut, WaitLimits};
use super::work::{
    BEGIN, Batch, Member, NEXT_TURN, Outcome, Shared, Turn, Work, execute, lend, set_and_begin, share,
    try_execute,
};
use crate::telemetry::ErrorChain;

/// How many turns share one commit at most. Bounds how long the first of them waits for its answer.
const GROUP_SIZE: usize = 64;
/// How long the lock is kept without a gap, at most, before others get a chance.
const HOLD: Duration = Duration::from_millis(50);
/// How long that chance is: the waiting side polls at least once in it.
const PAUSE: Duration = Duration::from_millis(3);
/// How often a lock that another process holds is asked for. Timers have a resolution of a millisecond.
const POLL: Duration = Duration::from_millis(1);

/// What callers say to the writer.
enum Message {
    /// Do this for me, or let me do it.
    Work(Work),
    /// Stop after those who came before; answered when the connection is closed.
    Close(oneshot::Sender<()>),
}

/// The callers' end of the queue. Dropping the last one ends the writer.
pub(super) struct Queue {
    messages: mpsc::UnboundedSender<Message>,
    limits: WaitLimits,
}

impl Queue {
    /// Starts the writer on an open connection. Callers wait for their turn as long as `limits` say.
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
            closing: Vec::new(),
        };
        tokio::spawn(writer.run());
        Self { messages, limits }
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) -> Result<Turn, DatabaseError> {
        let (request, answer) = oneshot::channel();
        self.ask(Work::Turn(request))?;
        match self.limits.acquire(answer).await {
            Ok(answer) => answer.unwrap_or_else(|_writer_gone| Err(DatabaseError::closed())),
            Err(TimedOut) => Err(DatabaseError::timed_out()),
        }
    }

    /// Has the writer run statements; answers after the commit, or when `keep` refused them. The limit is for their turn:
    /// what has begun is waited for.
    pub(super) async fn batch(
        &self,
        statement: Statement,
        keep: batch::Keep,
        durability: Durability,
    ) -> Result<Vec<Done>, DatabaseError> {
        let (request, mut answer) = oneshot::channel();
        let begun = Arc::new(AtomicBool::new(false));
        let batch = Batch { statement, keep, durability, begun: Arc::clone(&begun), answer: request };
        self.ask(Work::Batch(batch))?;
        let answer = match self.limits.acquire(&mut answer).await {
            Ok(answer) => answer,
            Err(TimedOut) if begun.load(Ordering::Relaxed) => answer.await,
            Err(TimedOut) => return Err(DatabaseError::timed_out()),
        };
        answer.unwrap_or_else(|_writer_gone| Err(DatabaseError::closed()))
    }

    fn ask(&self, work: Work) -> Outcome {
        self.messages.send(Message::Work(work)).map_err(|_| DatabaseError::closed())
    }

    /// Lets those who wait write, then closes the connection. Later turns are refused.
    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.messages.send(Message::Close(done)).is_ok() {
            // No answer means that the runtime is stopping, and the writer with it.
            let _ = closed.await;
        }
    }
}

struct Writer {
    inbox: mpsc::UnboundedReceiver<Message>,
    options: SqliteConnectOptions,
    /// `None` after a failure, until the next group opens a fresh one.
    connection: Option<Shared>,
    /// What its commits do, when that is known.
    durability: Option<Durability>,
    /// Since when the lock is held with no gap worth the name.
    held_since: Instant,
    /// Since when the lock is free, between groups.
    free_since: Instant,
    /// Who waits for the end.
    closing: Vec<oneshot::Sender<()>>,
}

impl Writer {
    async fn run(mut self) {
        while let Some(message) = self.inbox.recv().await {
            if let Some(first) = self.waiting(message) {
                self.group(first).await;
            }
        }
        self.disconnect().await;
        for done in self.closing {
            let _ = done.send(());
        }
    }

    /// One group: from BEGIN to COMMIT.
    async fn group(&mut self, first: Work) {
        self.give_way().await;
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
            member.tell(outcome.clone());
        }
    }

    /// Pauses when this process has kept the lock for long.
    async fn give_way(&mut self) {
        let now = Instant::now();
        if now - self.free_since >= PAUSE {
            self.held_since = now;
        } else if now - self.held_since >= HOLD {
            sleep(PAUSE).await;
            self.held_since = Instant::now();
        }
    }

    /// Takes the write lock for the first caller that still waits then. While another process has the lock, callers
    /// leave when they have waited long enough; `None` when no one is left, or when there is no database to lock.
    async fn begin(&mut self, mut first: Work) -> Option<(Shared, Work)> {
        loop {
            match self.try_begin(first.durability()).await {
                Ok(connection) => return Some((connection, first)),
                Err(cause) if sqlite_busy(&cause) => {
                    sleep(POLL).await;
                    self.held_since = Instant::now();
                }
                Err(cause) => {
                    self.disconnect().await;
                    self.refuse(first, &DatabaseError::connection(cause));
                    return None;
                }
            }
            if first.is_closed() {
                first = self.next_waiting()?;
            }
        }
    }

    async fn try_begin(&mut self, durability: Durability) -> Result<Shared, sqlx::Error> {
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

    /// Does `first` and what waits behind it, and commits. Whoever wants to keep what was written is in `members`
    /// afterwards, whatever the outcome.
    async fn run_all(&mut self, connection: &Shared, first: Work, members: &mut Vec<Member>) -> Outcome {
        // One that does not wait for the disk has nothing to share, and others would share what it does.
        let most = if first.durability() == Durability::Light { 1 } else { GROUP_SIZE };
        let mut next = Some(first);
        let mut turns = 0;
        // Whether the open savepoint holds what a member keeps.
        let mut kept = false;
        while let Some(work) = next {
            turns += 1;
            let member = match work {
                Work::Batch(batch) => {
                    batch.run(connection, kept).await?.map(|(a, done)| Member::Batch(a, done))
                }
                Work::Turn(request) => {
                    if kept && let Err(cause) = execute(connection, NEXT_TURN).await {
                        self.refuse(Work::Turn(request), &cause);
                        return Err(cause);
                    }
                    lend(connection, request).await.map(Member::Turn)
                }
            };
            kept = member.is_some();
            members.extend(member);
            if !kept {
                execute(connection, "ROLLBACK TO turn").await?;
            }
            next = if turns < most { self.next_before_commit().await } else { None };
        }
        execute(connection, if members.is_empty() { "ROLLBACK" } else { "COMMIT" }).await
    }

    /// The next caller in the queue. When there is none, tasks that are ready to run get a chance to become one: on a
    /// busy machine that doubles what shares a commit, on an idle one it costs nothing.
    async fn next_before_commit(&mut self) -> Option<Work> {
        if let Some(next) = self.next_waiting() {
            return Some(next);
        }
        yield_now().await;
        self.next_waiting()
    }

    /// The next caller in the queue, if one waits at this moment.
    fn next_waiting(&mut self) -> Option<Work> {
        loop {
            let message = self.inbox.try_recv().ok()?;
            if let Some(request) = self.waiting(message) {
                return Some(request);
            }
        }
    }

    /// The work of a caller that still waits. After a close only those who are in the queue come.
    fn waiting(&mut self, message: Message) -> Option<Work> {
        match message {
            Message::Work(work) => Some(work).filter(|work| !work.is_closed()),
            Message::Close(done) => {
                self.inbox.close();
                self.closing.push(done);
                None
            }
        }
    }

    /// Tells `first` and everybody who waits behind it that there is no writing now.
    fn refuse(&mut self, first: Work, cause: &DatabaseError) {
        let mut next = Some(first);
        while let Some(work) = next {
            work.refuse(cause.clone());
            next = self.next_waiting();
        }
    }

    /// Closes the connection and waits for it, so that its lock is free when the next one is opened.
    async fn disconnect(&mut self) {
        let Some(connection) = self.connection.take().and_then(Arc::into_inner) else { return };
        if let Err(cause) = connection.into_inner().close().await {
            tracing::warn!(%cause, "the connection that writes did not close cleanly");
        }
    }
}
