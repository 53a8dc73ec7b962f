//! Defines what the tests of every crate share: [`TestDatabase`], a database for one test,
//! [`DatabaseTemplate`], from which such a database is copied, [`Proxy`], which simulates an outage of the
//! database, and `chromium`, a browser for page tests.
//!
//! `POSTERN_TEST_POSTGRES` may be the URL of a PostgreSQL server with a role that may create databases. Then
//! a [`TestDatabase`] is a new database on that server, otherwise a new SQLite file. So the same suite runs
//! on both. The database is deleted when the value is dropped.

#[cfg(feature = "chromium")]
pub mod chromium;
mod proxy;
mod template;

use std::{env, fs, io, path::Path};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use tempfile::TempDir;
use url::Url;

pub use self::{proxy::Proxy, template::DatabaseTemplate};
use crate::database::{Database, DatabaseError, DatabaseSettings};
use crate::random::Random;

const VARIABLE: &str = "POSTERN_TEST_POSTGRES";

#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    home: Home,
}

#[derive(Debug)]
enum Home {
    Sqlite { _directory: TempDir },
    Postgres { server: Box<PgConnectOptions>, name: String },
}

/// Why a test has no database. A test should panic with it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

impl TestDatabase {
    /// A database on the server that `POSTERN_TEST_POSTGRES` names, or else a SQLite file in a temporary
    /// directory.
    pub async fn fresh() -> Result<Self, Failure> {
        match Self::postgres().await? {
            Some(database) => Ok(database),
            None => Self::sqlite(),
        }
    }

    /// A SQLite file, whatever the environment is.
    pub fn sqlite() -> Result<Self, Failure> {
        let directory = tempfile::Builder::new().prefix("postern-test-").tempdir()?;
        let url = format!("sqlite://{}", directory.path().join("test.db").display());
        Ok(Self { url, home: Home::Sqlite { _directory: directory } })
    }

    /// A PostgreSQL database, if the environment names a server.
    pub async fn postgres() -> Result<Option<Self>, Failure> {
        Self::postgres_from(&Self::new_name(), None).await
    }

    fn new_name() -> String {
        format!("postern_test_{}", Random::system().uuid().simple())
    }

    /// A PostgreSQL database of this name, empty or with the content of `template`.
    async fn postgres_from(name: &str, template: Option<&str>) -> Result<Option<Self>, Failure> {
        let Some(mut url) = env::var(VARIABLE).ok().map(|url| Url::parse(&url)).transpose()? else {
            return Ok(None);
        };
        let server: PgConnectOptions = url.as_str().parse()?;
        let template = template.map(|template| format!(" TEMPLATE {template}")).unwrap_or_default();
        // The names consist of letters, digits and underscores, so they need no quotes.
        administer(&server, format!("CREATE DATABASE {name}{template}")).await?;
        url.set_path(name);
        let home = Home::Postgres { server: Box::new(server), name: name.to_owned() };
        Ok(Some(Self { url: url.into(), home }))
    }

    /// The URL in the form of `database.url`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Settings with this URL and the defaults of all other settings.
    pub fn settings(&self) -> DatabaseSettings {
        DatabaseSettings::from_url(&self.url)
    }

    /// A copy of a SQLite database with what is committed now; `None` on PostgreSQL. Work on the copy does not wait
    /// for transactions that a stopped runtime left open.
    pub fn snapshot(&self) -> Result<Option<Self>, Failure> {
        if matches!(self.home, Home::Postgres { .. }) {
            return Ok(None);
        }
        let copy = Self::sqlite()?;
        // The log goes first: if it is copied into the file meanwhile, applying it once more changes nothing.
        let log = |database: &Self| format!("{}-wal", database.file().display());
        // The last connection that closes takes the log with it, perhaps at this moment.
        match fs::copy(log(self), log(&copy)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause.into()),
            _ => {}
        }
        fs::copy(self.file(), copy.file())?;
        Ok(Some(copy))
    }

    /// The path of a SQLite file.
    fn file(&self) -> &Path {
        Path::new(self.url.trim_start_matches("sqlite://"))
    }

    pub async fn open(&self) -> Result<Database, DatabaseError> {
        Database::open(&self.settings()).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Home::Postgres { server, name } = &self.home else { return };
        let (server, statement) = (server.clone(), format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        // A destructor cannot block within the runtime of the test, so another thread does.
        let dropped = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(administer(&server, statement))
                .map_err(std::io::Error::other)
        });
        if !matches!(dropped.join(), Ok(Ok(()))) {
            tracing::warn!(name, "a test's database was left behind");
        }
    }
}

async fn administer(server: &PgConnectOptions, statement: String) -> Result<(), sqlx::Error> {
    let mut connection: PgConnection = server.clone().disable_statement_logging().connect().await?;
    connection.execute(AssertSqlSafe(statement)).await?;
    connection.close().await
}
