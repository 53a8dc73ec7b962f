//! Defines how SQLite is opened: one connection that writes, a few that read.
//!
//! The write-ahead log lets readers and the writer work without waiting for each other. `synchronous=FULL`
//! makes a commit durable when it returns, except for relaxed writes. Page caches are small, because the
//! kernel caches the file anyway.

use std::path::Path;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use tokio::time::{Instant, sleep};

use super::connections::ConnectionLifetimes;
use super::error::{DatabaseError, sqlite_busy};
use super::settings::DatabaseSettings;

/// Page cache of each connection, in KiB (a negative number is SQLite's notation for KiB). Allocated as it is
/// used, and freed with the connection.
const READER_CACHE: &str = "-1024";
const WRITER_CACHE: &str = "-4096";
/// The log is truncated to this many bytes after a checkpoint, if a burst made it longer.
const WAL_SIZE_LIMIT: &str = "67108864";
/// The log is copied into the file when it has this many pages (32 MiB). A burst writes the same pages again
/// and again, and a late checkpoint copies each of them once.
const CHECKPOINT_PAGES: &str = "8000";
/// Readers wait only while another process recovers or deletes the log.
const READER_BUSY_TIMEOUT: Duration = Duration::from_secs(1);
/// An idle connection is closed because it costs a thread. It needs no ping and no maximum age, because a
/// file does not disconnect.
pub(super) const READER_LIFETIMES: ConnectionLifetimes = ConnectionLifetimes {
    idle_timeout: Duration::from_mins(1),
    ping_after_idle: Duration::MAX,
    max_lifetime: Duration::MAX,
};
/// How long opening a new file waits for other processes that open the same file.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// Options of all connections. Creates the file and its directory.
pub(super) fn options(settings: &DatabaseSettings) -> Result<SqliteConnectOptions, DatabaseError> {
    let options: SqliteConnectOptions = settings.options()?;
    let path = settings.sqlite_file()?;
    prepare_file(&path).map_err(|cause| {
        DatabaseError::Settings(format!(
            "must name a file that can be created, not {}: {cause}",
            path.display()
        ))
    })?;
    Ok(options.foreign_keys(true).synchronous(SqliteSynchronous::Full).disable_statement_logging())
}

/// Options of the connection that writes. The writer asks for the lock itself in small steps, so SQLite must
/// not wait for it.
pub(super) fn writer_options(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(Duration::ZERO)
        .pragma("cache_size", WRITER_CACHE)
        .pragma("journal_size_limit", WAL_SIZE_LIMIT)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        // The pages that a savepoint may have to restore are copied to this store; by default that would be a
        // file.
        .pragma("temp_store", "MEMORY")
}

/// Opens the connection that writes, and creates the file. SQLite does not wait for a lock while it changes a
/// new file to a write-ahead log, so this function tries again.
pub(super) async fn connect_writer(writer: &SqliteConnectOptions) -> Result<SqliteConnection, DatabaseError> {
    let deadline = Instant::now() + OPEN_TIMEOUT;
    loop {
        match writer.connect().await {
            Ok(connection) => return Ok(connection),
            Err(cause) if sqlite_busy(&cause) && Instant::now() < deadline => {
                sleep(Duration::from_millis(5)).await;
            }
            Err(cause) => return Err(DatabaseError::connection(cause)),
        }
    }
}

/// Options of a connection that reads: it refuses to write.
pub(super) fn reader_options(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options.busy_timeout(READER_BUSY_TIMEOUT).pragma("cache_size", READER_CACHE).pragma("query_only", "ON")
}

/// Creates the file and its directory, readable by the owner alone. SQLite gives the log the same
/// permissions.
fn prepare_file(path: &Path) -> std::io::Result<()> {
    let mut directory = std::fs::DirBuilder::new();
    let mut file = std::fs::OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        directory.mode(0o700);
        file.mode(0o600);
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        directory.recursive(true).create(parent)?;
    }
    file.write(true).create(true).truncate(false).open(path).map(drop)
}
