//! Defines the database of a service: SQLite on one machine, PostgreSQL for many, alike to those who use it.
//!
//! There is one way to write, [`Database::write`], and one way to read, [`Database::reader`], which cannot write. What
//! differs between the two databases stays in here: `group` shares commits on SQLite, `postgres` knows what a write is
//! there. Nobody waits for the database without end (`waiting`).
//! Owns no table; [`migrate`] runs the steps of others, [`changes`] tells nodes and commands apart in time about what
//! they keep in memory.

mod batch;
pub mod changes;
mod clock_difference;
mod connections;
mod error;
mod group;
mod insertion;
pub mod migrate;
mod postgres;
mod reader;
mod settings;
mod sqlite;
mod transaction;
mod waiting;
mod work;

use std::fmt;
use std::sync::Arc;
#[cfg(feature = "testing")]
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sea_orm::{ConnectionTrait as _, DbBackend, Statement, StatementBuilder};
use sqlx::Postgres;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::time::timeout;

pub use self::batch::Done;
pub use self::error::{DatabaseError, unique_violation};
pub use self::insertion::Insertion;
pub use self::reader::Reader;
pub use self::settings::DatabaseSettings;
pub use self::transaction::Transaction;
pub use self::waiting::in_request;

use self::batch::{Durability, Keep};
use self::connections::Connections;
use self::group::Queue;
use self::reader::Source;
use self::settings::Scheme;
use self::transaction::Link;
use self::waiting::WaitLimits;

/// How long [`Database::ping`] waits before it calls the database not ready.
const PING_PATIENCE: Duration = Duration::from_secs(1);

/// An open database. Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    reader: Reader,
    writes: Writes,
    #[cfg(feature = "testing")]
    before_write: Mutex<Option<Interlude>>,
}

/// What a test does between the reads of a request and its first write.
#[cfg(feature = "testing")]
type Interlude = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Who writes. The options are those of further connections, for migrations.
enum Writes {
    Sqlite { queue: Queue, options: SqliteConnectOptions },
    Postgres { connections: Connections<Postgres>, options: PgConnectOptions },
}

impl Database {
    /// Opens the database and its first connection. On SQLite the file and its directory are created. Must be called
    /// inside of a Tokio runtime, which the database then lives in.
    pub async fn open(settings: &DatabaseSettings) -> Result<Self, DatabaseError> {
        let (reader, writes) = match settings.scheme()? {
            Scheme::Sqlite => {
                let options = sqlite::options(settings)?;
                let writer = sqlite::writer(options.clone());
                let connection = sqlite::connect(&writer).await?;
                let readers =
                    Connections::new(sqlite::reader(options.clone()), sqlite::READER_LIFETIMES, settings);
                let queue = Queue::start(writer, connection, WaitLimits::from_settings(settings));
                let reader = Reader(Source::Sqlite(readers));
                (reader, Writes::Sqlite { queue, options })
            }
            Scheme::Postgres => {
                let options = postgres::options(settings)?;
                let connections = postgres::connect(options.clone(), settings).await?;
                let reader = Reader(Source::Postgres(connections.clone()));
                (reader, Writes::Postgres { connections, options })
            }
        };
        Ok(Self(Arc::new(Inner {
            reader,
            writes,
            #[cfg(feature = "testing")]
            before_write: Mutex::default(),
        })))
    }

    /// Does this before the next write begins: a test has somebody else be faster than a request that has read already.
    #[cfg(feature = "testing")]
    pub fn before_next_write(&self, interlude: impl Future<Output = ()> + Send + 'static) {
        *self.0.before_write.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::pin(interlude));
    }

    #[cfg(feature = "testing")]
    async fn interlude(&self) {
        let interlude = self.0.before_write.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(interlude) = interlude {
            interlude.await;
        }
    }

    /// Which database it is.
    pub fn backend(&self) -> DbBackend {
        match self.0.writes {
            Writes::Sqlite { .. } => DbBackend::Sqlite,
            Writes::Postgres { .. } => DbBackend::Postgres,
        }
    }

    /// For reading. Sees what was committed, each statement for itself. A statement that writes is refused.
    pub fn reader(&self) -> &Reader {
        &self.0.reader
    }

    /// Runs `work` and makes what it wrote durable. Its result is handed out only afterwards.
    ///
    /// `Ok` commits, so a refusal with consequences (a counted failure, a revoked grant) is a value inside of `Ok`.
    /// `Err` undoes what `work` wrote, and nothing else; so does dropping the future before `work` has returned. Dropped
    /// later, the write may stay. `work` runs once, in the caller's task: it is never retried.
    ///
    /// A statement that fails ends the write, on both databases: later ones are refused, and `Ok` becomes
    /// [`DatabaseError::Aborted`]. So decide with `ON CONFLICT` and affected rows, not by catching an error inside.
    ///
    /// Others may wait behind `work` (SQLite: all writers), so it holds statements and nothing slow: no signature, hash,
    /// mail, HTTP call or second `write`, which would wait for the first. For the same reason poll the future until it
    /// is ready, or drop it.
    ///
    /// # Errors
    ///
    /// Those of `work`; [`DatabaseError::Unavailable`] when there was no turn, no connection or no commit;
    /// [`DatabaseError::Aborted`] when `work` swallowed the error of a statement.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Transaction) -> Result<T, E>,
        E: From<DatabaseError>,
    {
        let transaction = self.begin().await?;
        match work(&transaction).await {
            Ok(value) => {
                transaction.commit().await?;
                Ok(value)
            }
            Err(refusal) => {
                transaction.rollback().await;
                Err(refusal)
            }
        }
    }

    /// Runs statements of which none needs another one's answer, one after the other, and keeps what they wrote if `keep`
    /// says so of what they did; otherwise, or when one fails, nothing of it stays. Answers what they did either way.
    ///
    /// The same as a [`write`](Self::write) of them, but on SQLite they take one trip to the thread of the connection
    /// instead of one each, and one more around them. Dropping the future does not stop what has begun.
    ///
    /// # Errors
    ///
    /// Those of a statement; [`DatabaseError::Unavailable`] when there was no turn, no connection or no commit.
    pub async fn write_together(
        &self,
        statements: &[&dyn StatementBuilder],
        keep: impl FnOnce(&[Done]) -> bool + Send + 'static,
    ) -> Result<Vec<Done>, DatabaseError> {
        self.batch(statements, Box::new(keep), Durability::Full).await
    }

    /// [`write_together`](Self::write_together) for what is not worth a wait for the disk, such as counts and times of last
    /// use: everybody sees it at once and it survives the end of the process, but when the machine of the database (or the
    /// server of PostgreSQL) fails within a moment it may be gone.
    ///
    /// # Errors
    ///
    /// Those of [`write_together`](Self::write_together).
    pub async fn write_lightly(
        &self,
        statements: &[&dyn StatementBuilder],
        keep: impl FnOnce(&[Done]) -> bool + Send + 'static,
    ) -> Result<Vec<Done>, DatabaseError> {
        self.batch(statements, Box::new(keep), Durability::Light).await
    }

    async fn batch(
        &self,
        statements: &[&dyn StatementBuilder],
        keep: Keep,
        durability: Durability,
    ) -> Result<Vec<Done>, DatabaseError> {
        #[cfg(feature = "testing")]
        self.interlude().await;
        match &self.0.writes {
            Writes::Sqlite { queue, .. } => queue.batch(batch::join(statements), keep, durability).await,
            Writes::Postgres { connections, .. } => {
                postgres::write_together(connections, statements, keep, durability).await
            }
        }
    }

    async fn begin(&self) -> Result<Transaction, DatabaseError> {
        #[cfg(feature = "testing")]
        self.interlude().await;
        let link = match &self.0.writes {
            Writes::Sqlite { queue, .. } => Link::Sqlite(queue.turn().await?),
            Writes::Postgres { connections, .. } => Link::Postgres(postgres::begin(connections).await?),
        };
        Ok(Transaction::new(link))
    }

    /// Whether the database answers a read within a second: for readiness.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        let sql = match self.backend() {
            // Without a table SQLite would not look at its file.
            DbBackend::Sqlite => "SELECT count(*) FROM sqlite_schema",
            _ => "SELECT 1",
        };
        let statement = Statement::from_string(self.backend(), sql);
        match timeout(PING_PATIENCE, self.reader().query_one_raw(statement)).await {
            Ok(answer) => answer.map(drop).map_err(DatabaseError::from),
            Err(_elapsed) => Err(DatabaseError::timed_out()),
        }
    }

    /// Closes all connections. Writes that wait are done before; later reads and writes fail.
    pub async fn close(&self) {
        if let Writes::Sqlite { queue, .. } = &self.0.writes {
            queue.close().await;
        }
        self.reader().close().await;
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Database").field(&self.backend()).finish()
    }
}

/// Counts a commit and the writes that it made durable.
fn count_commit(writes: usize) {
    if writes > 0 {
        metrics::counter!("postern_database_commits_total").increment(1);
        metrics::counter!("postern_database_writes_total").increment(writes as u64);
    }
}
