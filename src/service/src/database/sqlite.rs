//! Defines how SQLite is opened: one connection that writes, a few that read.
//!
//! Write-ahead log, so readers and the writer do not wait for each other; `synchronous=FULL`, so a commit is on the
//! disk when it returns, but for light ones. Page caches are small, because the kernel caches the file anyway.

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use tokio::time::{Instant, sleep};

use super::connections::Lifetimes;
use super::error::{DatabaseError, sqlite_busy};
use super::settings::DatabaseSettings;

/// The page cache of each connection, in KiB (negative: SQLite's notation). Filled by use, freed with the reader.
const READER_CACHE: &str = "-1024";
const WRITER_CACHE: &str = "-4096";
/// The log is cut back to this many bytes after a checkpoint, if a burst made it longer.
const LOG_LIMIT: &str = "67108864";
/// The log is copied into the file when it has this many pages (32 MiB). What a burst writes touches the same pages again
/// and again, and each is copied once.
const CHECKPOINT_PAGES: &str = "8000";
/// Readers wait only while another process recovers or deletes the log.
const READER_BUSY: Duration = Duration::from_secs(1);
/// A connection costs a thread. Nobody takes a file away from it.
pub(super) const READER_LIFETIMES: Lifetimes =
    Lifetimes { idle: Duration::from_mins(1), trusted: Duration::MAX, total: Duration::MAX };
/// How long opening waits for other processes that open the same new file.
const OPEN_PATIENCE: Duration = Duration::from_secs(5);

/// What all connections have in common. Creates the directory of the file.
pub(super) fn options(settings: &DatabaseSettings) -> Result<SqliteConnectOptions, DatabaseError> {
    let options: SqliteConnectOptions = settings.options()?;
    let path = options.get_filename().to_owned();
    let url = settings.url.expose_secret();
    // In memory each connection would have a database of its own.
    if path.as_os_str().is_empty() || url.contains(":memory:") || url.contains("mode=memory") {
        return Err(DatabaseError::Settings("database.url must name a file".to_owned()));
    }
    prepare_file(&path).map_err(|cause| {
        DatabaseError::Settings(format!("cannot create the database {}: {cause}", path.display()))
    })?;
    Ok(options.foreign_keys(true).synchronous(SqliteSynchronous::Full).disable_statement_logging())
}

/// What the writer adds. It asks for the lock itself, in small steps, so SQLite must not wait for it.
pub(super) fn writer(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(Duration::ZERO)
        .pragma("cache_size", WRITER_CACHE)
        .pragma("journal_size_limit", LOG_LIMIT)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        // What a savepoint may have to undo is copied here, and would be copied to a file otherwise.
        .pragma("temp_store", "MEMORY")
}

/// Opens the connection that writes, and with it a new file. Changing a new file to a write-ahead log does not wait
/// for others that do the same, so this does.
pub(super) async fn connect(writer: &SqliteConnectOptions) -> Result<SqliteConnection, DatabaseError> {
    let deadline = Instant::now() + OPEN_PATIENCE;
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

/// What readers add: none of them can write.
pub(super) fn reader(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options.busy_timeout(READER_BUSY).pragma("cache_size", READER_CACHE).pragma("query_only", "ON")
}

/// Creates the file, and its directory, for nobody else to read. SQLite gives the log the same permissions.
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
