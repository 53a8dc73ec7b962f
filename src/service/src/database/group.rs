//! Answers who writes to SQLite next, and when what was written becomes durable: group commit.
//!
//! A commit costs a wait for the disk, whatever is in it. So writes that come at the same time share one. One task,
//! the *writer*, owns the one connection that writes. Callers queue; the writer lends the connection to one after
//! the other, each inside a savepoint, and commits when nobody waits any more, or after [`GROUP_SIZE`] turns. The
//! closure of a write runs in its caller's task, never in the writer.
//!
//! ```text
//!                        ┌──────────────◄─────────── lock held by another process: wait a little
//!                        ▼             │
//!   somebody waits ──► BEGIN IMMEDIATE; SAVEPOINT turn
//!                        │
//!                        ▼
//!               ┌──► lend the connection ──► caller: keep ──► RELEASE turn; SAVEPOINT turn ──┐ next waits
//!               │        │                                                                   │ and group
//!               │        └─► caller: error, ──► ROLLBACK TO turn ────────────────────────────┤ not full
//!               │            panic or dropped                                                │
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
//! - **Others get the lock too.** SQLite has no queue between processes. After [`HOLD`] of writing without a gap the
//!   writer leaves the lock free for [`PAUSE`], which is longer than the [`POLL`] of another writer that waits for it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use super::count_commit;
use super::error::{Chain, DatabaseError, sqlite_busy};

/// How many turns share one commit at most. Bounds how long the first of them waits for its answer.
const GROUP_SIZE: usize = 64;
/// How long the lock is kept without a gap, at most, before others get a chance.
const HOLD: Duration = Duration::from_millis(50);
/// How long that chance is: the waiting side polls at least once in it.
const PAUSE: Duration = Duration::from_millis(3);
/// How often a lock that another process holds is asked for. Timers have a resolution of a millisecond.
const POLL: Duration = Duration::from_millis(1);

type Outcome = Result<(), DatabaseError>;

/// What callers say to the writer.
enum Message {
    /// Lend me the connection.
    Turn(Request),
    /// Stop after those who came before; answered when the connection is closed.
    Close(oneshot::Sender<()>),
}

type Request = oneshot::Sender<Result<Turn, DatabaseError>>;

/// The callers' end of the queue. Dropping the last one ends the writer.
pub(super) struct Queue {
    messages: mpsc::UnboundedSender<Message>,
    patience: Duration,
}

/// The right to use the connection. Dropped without [`commit`](Turn::commit), what was done with it is undone.
pub(super) struct Turn {
    connection: OwnedMutexGuard<SqliteConnection>,
    verdict: oneshot::Sender<Keep>,
}

/// "Keep what I wrote, and tell me here how the commit went."
type Keep = oneshot::Sender<Outcome>;

impl Queue {
    /// Starts the writer on an open connection. `patience` is how long callers wait for their turn.
    pub(super) fn start(
        options: SqliteConnectOptions,
        connection: SqliteConnection,
        patience: Duration,
    ) -> Self {
        let (messages, inbox) = mpsc::unbounded_channel();
        let now = Instant::now();
        let writer = Writer {
            inbox,
            options,
            connection: Some(share(connection)),
            held_since: now,
            free_since: now,
            closing: Vec::new(),
        };
        tokio::spawn(writer.run());
        Self { messages, patience }
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) -> Result<Turn, DatabaseError> {
        let (request, answer) = oneshot::channel();
        self.messages.send(Message::Turn(request)).map_err(|_| DatabaseError::closed())?;
        match timeout(self.patience, answer).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(_writer_gone)) => Err(DatabaseError::closed()),
            Err(_elapsed) => Err(DatabaseError::timed_out()),
        }
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

impl Turn {
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Gives the connection back and waits until what was written with it is durable.
    pub(super) async fn commit(self) -> Outcome {
        let (keep, outcome) = oneshot::channel();
        drop(self.connection);
        self.verdict.send(keep).map_err(|_| DatabaseError::closed())?;
        outcome.await.unwrap_or_else(|_writer_gone| Err(DatabaseError::closed()))
    }
}

/// The lock is never contended: it passes the connection between the writer and the one caller whose turn it is.
type Shared = Arc<Mutex<SqliteConnection>>;

fn share(connection: SqliteConnection) -> Shared {
    Arc::new(Mutex::new(connection))
}

struct Writer {
    inbox: mpsc::UnboundedReceiver<Message>,
    options: SqliteConnectOptions,
    /// `None` after a failure, until the next group opens a fresh one.
    connection: Option<Shared>,
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
    async fn group(&mut self, first: Request) {
        self.give_way().await;
        let Some((connection, first)) = self.begin(first).await else { return };
        let mut members = Vec::new();
        let outcome = self.turns(&connection, first, &mut members).await;
        if let Err(cause) = &outcome {
            tracing::error!(cause = %Chain(cause), writes = members.len(), "a group of writes failed");
            drop(connection);
            self.disconnect().await;
        } else {
            count_commit(members.len());
        }
        self.free_since = Instant::now();
        for member in members {
            // A member that was dropped does not listen.
            let _ = member.send(outcome.clone());
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
    async fn begin(&mut self, mut first: Request) -> Option<(Shared, Request)> {
        loop {
            match self.try_begin().await {
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

    async fn try_begin(&mut self) -> Result<Shared, sqlx::Error> {
        let connection = match &self.connection {
            Some(connection) => connection,
            None => self.connection.insert(share(self.options.connect().await?)),
        };
        execute(connection, "BEGIN IMMEDIATE; SAVEPOINT turn").await?;
        Ok(Arc::clone(connection))
    }

    /// Lends the connection to `first` and to those who wait, and commits. Whoever wants to keep what it wrote is in
    /// `members` afterwards, whatever the outcome.
    async fn turns(&mut self, connection: &Shared, first: Request, members: &mut Vec<Keep>) -> Outcome {
        let mut next = Some(first);
        let mut turns = 0;
        while let Some(request) = next {
            turns += 1;
            let kept = lend(connection, request).await;
            next = if turns < GROUP_SIZE { self.next_waiting() } else { None };
            let step = match (kept.is_some(), next.is_some()) {
                (true, true) => "RELEASE turn; SAVEPOINT turn",
                (true, false) => "COMMIT",
                (false, true) => "ROLLBACK TO turn",
                (false, false) if members.is_empty() => "ROLLBACK",
                (false, false) => "ROLLBACK TO turn; COMMIT",
            };
            members.extend(kept);
            if let Err(cause) = execute(connection, step).await.map_err(DatabaseError::connection) {
                if let Some(waiting) = next {
                    self.refuse(waiting, &cause);
                }
                return Err(cause);
            }
        }
        Ok(())
    }

    /// The next caller in the queue, if one waits at this moment.
    fn next_waiting(&mut self) -> Option<Request> {
        loop {
            let message = self.inbox.try_recv().ok()?;
            if let Some(request) = self.waiting(message) {
                return Some(request);
            }
        }
    }

    /// The request of a caller that still waits. After a close only those who are in the queue come.
    fn waiting(&mut self, message: Message) -> Option<Request> {
        match message {
            Message::Turn(request) => Some(request).filter(|request| !request.is_closed()),
            Message::Close(done) => {
                self.inbox.close();
                self.closing.push(done);
                None
            }
        }
    }

    /// Tells `first` and everybody who waits behind it that there is no writing now.
    fn refuse(&mut self, first: Request, cause: &DatabaseError) {
        let mut next = Some(first);
        while let Some(request) = next {
            // Gone in this very moment, and so not interested.
            let _ = request.send(Err(cause.clone()));
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

/// Lends the connection to one caller and waits until it is back. Answers where to tell the outcome if the caller
/// wants to keep what it wrote.
async fn lend(connection: &Shared, request: Request) -> Option<Keep> {
    let connection = Arc::clone(connection).lock_owned().await;
    let (verdict, kept) = oneshot::channel();
    // When the caller is gone the turn comes back and is dropped here, which is an undo of nothing.
    request.send(Ok(Turn { connection, verdict })).ok()?;
    kept.await.ok()
}

async fn execute(connection: &Shared, sql: &'static str) -> Result<(), sqlx::Error> {
    let mut connection = connection.lock().await;
    sqlx::query(sql).execute(&mut *connection).await.map(drop)
}
