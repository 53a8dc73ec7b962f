//! Defines the database of a service: SQLite for one machine, PostgreSQL for many, behind one interface.
//!
//! There is one way to write, [`Database::write`] (and its batch forms), and one way to read,
//! [`Database::reader`], which cannot write. The differences between the two databases stay in here:
//! `group_commit` shares commits on SQLite, `postgres` defines a write on PostgreSQL. Every wait for the
//! database is limited (`wait_limits`).
//!
//! Owns no table. [`migrate`] runs the steps that its callers define; [`changes`] notifies nodes and commands
//! of changes to the data that they cache.

mod batch;
pub mod changes;
mod clock_difference;
mod connections;
mod error;
mod group_commit;
mod insertion;
pub mod migrate;
mod postgres;
mod reader;
mod settings;
mod sqlite;
mod transaction;
mod wait_limits;
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

pub use self::batch::StatementResult;
pub use self::error::{DatabaseError, unique_violation};
pub use self::insertion::Insertion;
pub use self::reader::Reader;
pub use self::settings::DatabaseSettings;
pub use self::transaction::Transaction;
pub use self::wait_limits::with_wait_budget;

use self::batch::{CommitCondition, Durability};
use self::connections::ConnectionPool;
use self::group_commit::WriteQueue;
use self::reader::ReaderConnections;
use self::settings::Scheme;
use self::transaction::WriteConnection;
use self::wait_limits::WaitLimits;

/// How long [`Database::ping`] waits for a result.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// An open database. Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    reader: Reader,
    write_backend: WriteBackend,
    #[cfg(feature = "testing")]
    before_write: Mutex<Option<Interlude>>,
}

/// A future that a test runs between the reads of a request and its first write.
#[cfg(feature = "testing")]
type Interlude = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// How writes reach the database. `options` open further connections, for migrations.
enum WriteBackend {
    Sqlite { queue: WriteQueue, options: SqliteConnectOptions },
    Postgres { connections: ConnectionPool<Postgres>, options: PgConnectOptions },
}

impl Database {
    /// Opens the database and its first connection. On SQLite it creates the file and its directory. Must be
    /// called within a Tokio runtime; the tasks of the database run there.
    pub async fn open(settings: &DatabaseSettings) -> Result<Self, DatabaseError> {
        let (reader, writes) = match settings.scheme()? {
            Scheme::Sqlite => {
                let options = sqlite::options(settings)?;
                let writer = sqlite::writer_options(options.clone());
                let connection = sqlite::connect_writer(&writer).await?;
                let readers = ConnectionPool::new(
                    sqlite::reader_options(options.clone()),
                    sqlite::READER_LIFETIMES,
                    settings,
                );
                let queue = WriteQueue::start(writer, connection, WaitLimits::from_settings(settings));
                let reader = Reader(ReaderConnections::Sqlite(readers));
                (reader, WriteBackend::Sqlite { queue, options })
            }
            Scheme::Postgres => {
                let options = postgres::options(settings)?;
                let connections = postgres::connect(options.clone(), settings).await?;
                let reader = Reader(ReaderConnections::Postgres(connections.clone()));
                (reader, WriteBackend::Postgres { connections, options })
            }
        };
        Ok(Self(Arc::new(Inner {
            reader,
            write_backend: writes,
            #[cfg(feature = "testing")]
            before_write: Mutex::default(),
        })))
    }

    /// Runs `interlude` before the next write begins. A test uses it to let another caller win a race against
    /// a request that has already read.
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

    pub fn backend(&self) -> DbBackend {
        match self.0.write_backend {
            WriteBackend::Sqlite { .. } => DbBackend::Sqlite,
            WriteBackend::Postgres { .. } => DbBackend::Postgres,
        }
    }

    /// Reads committed data. Each statement sees its own snapshot, and a statement that writes is refused.
    pub fn reader(&self) -> &Reader {
        &self.0.reader
    }

    /// Runs `work` in a transaction and commits. The result of `work` is returned only after the commit.
    ///
    /// `Ok` commits. So a refusal with consequences (a counted failure, a revoked grant) is a value inside
    /// `Ok`. `Err` rolls back the writes of `work`, and nothing else. Dropping the future before `work` has
    /// returned rolls back too; dropping it later may leave the write committed. `work` runs once, in the
    /// task of the caller: it is never retried.
    ///
    /// A statement that fails ends the write, on both databases: later statements are refused, and `Ok`
    /// becomes [`DatabaseError::Aborted`]. So decide races with `ON CONFLICT` and affected rows, not by
    /// catching an error inside `work`.
    ///
    /// Other writers may wait for `work` (on SQLite: all of them). So `work` runs statements and nothing
    /// slow: no signature, no hash, no mail, no HTTP call, and no second `write`, which would wait for the
    /// first. For the same reason poll the future until it is ready, or drop it.
    ///
    /// # Errors
    ///
    /// Those of `work`; [`DatabaseError::Unavailable`] when no turn, no connection or no commit was possible;
    /// [`DatabaseError::Aborted`] when `work` ignored the error of a statement.
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

    /// Runs a batch in one transaction: statements of which none needs the result of another. `keep` decides
    /// from their results whether the transaction commits. When `keep` refuses, or when a statement fails,
    /// everything is rolled back. Returns the results in both cases of `keep`.
    ///
    /// Equivalent to a [`write`](Self::write) of the same statements, but on SQLite the whole batch is one
    /// message to the thread of the connection, instead of one for each statement and one more for the
    /// commit. Dropping the future does not stop a batch that has begun.
    ///
    /// # Errors
    ///
    /// Those of a statement; [`DatabaseError::Unavailable`] when no turn, no connection or no commit was
    /// possible.
    pub async fn write_batch(
        &self,
        statements: &[&dyn StatementBuilder],
        keep: impl FnOnce(&[StatementResult]) -> bool + Send + 'static,
    ) -> Result<Vec<StatementResult>, DatabaseError> {
        self.batch(statements, Box::new(keep), Durability::Full).await
    }

    /// [`write_batch`](Self::write_batch) for data that is not worth a wait for the disk, such as counters
    /// and times of last use. All readers see the data at once, and it survives the end of this process. It
    /// may be lost when the machine of the database (or the PostgreSQL server) crashes within the next
    /// moments.
    ///
    /// # Errors
    ///
    /// Those of [`write_batch`](Self::write_batch).
    pub async fn write_relaxed(
        &self,
        statements: &[&dyn StatementBuilder],
        keep: impl FnOnce(&[StatementResult]) -> bool + Send + 'static,
    ) -> Result<Vec<StatementResult>, DatabaseError> {
        self.batch(statements, Box::new(keep), Durability::Relaxed).await
    }

    async fn batch(
        &self,
        statements: &[&dyn StatementBuilder],
        keep: CommitCondition,
        durability: Durability,
    ) -> Result<Vec<StatementResult>, DatabaseError> {
        #[cfg(feature = "testing")]
        self.interlude().await;
        match &self.0.write_backend {
            WriteBackend::Sqlite { queue, .. } => {
                queue.batch(batch::combined_statement(statements), keep, durability).await
            }
            WriteBackend::Postgres { connections, .. } => {
                postgres::write_batch(connections, statements, keep, durability).await
            }
        }
    }

    async fn begin(&self) -> Result<Transaction, DatabaseError> {
        #[cfg(feature = "testing")]
        self.interlude().await;
        let link = match &self.0.write_backend {
            WriteBackend::Sqlite { queue, .. } => WriteConnection::Sqlite(queue.turn().await?),
            WriteBackend::Postgres { connections, .. } => {
                WriteConnection::Postgres(postgres::begin(connections).await?)
            }
        };
        Ok(Transaction::new(link))
    }

    /// Whether the database answers a read within a second, for the readiness check.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        let sql = match self.backend() {
            // A query without a table would not make SQLite open its file.
            DbBackend::Sqlite => "SELECT count(*) FROM sqlite_schema",
            _ => "SELECT 1",
        };
        let statement = Statement::from_string(self.backend(), sql);
        match timeout(PING_TIMEOUT, self.reader().query_one_raw(statement)).await {
            Ok(answer) => answer.map(drop).map_err(DatabaseError::from),
            Err(_elapsed) => Err(DatabaseError::timed_out()),
        }
    }

    /// Closes all connections. Queued writes finish before; later reads and writes fail.
    pub async fn close(&self) {
        if let WriteBackend::Sqlite { queue, .. } = &self.0.write_backend {
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

/// Counts a commit and the writes that share it.
fn count_commit(writes: usize) {
    if writes > 0 {
        metrics::counter!("postern_database_commits_total").increment(1);
        metrics::counter!("postern_database_writes_total").increment(writes as u64);
    }
}
