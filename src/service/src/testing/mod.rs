//! Defines what tests of every crate share: [`TestDatabase`], a database of one's own for one test, [`Proxy`], an outage
//! of it, and `chromium`, a browser for those with pages.
//!
//! With `POSTERN_TEST_POSTGRES` set, to the URL of a server and of a role that may create databases, it is a new
//! database there, otherwise a new SQLite file. So the same suite runs on both. It is gone when the value is dropped.

#[cfg(feature = "chromium")]
pub mod chromium;
mod proxy;

use std::env;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use tempfile::TempDir;
use url::Url;

pub use self::proxy::Proxy;
use crate::database::{Database, DatabaseError, DatabaseSettings};
use crate::random::Random;

const VARIABLE: &str = "POSTERN_TEST_POSTGRES";

/// An empty database for one test.
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

/// What kept a test from getting its database. A test has nothing better to do than to panic with it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

impl TestDatabase {
    /// On the server that `POSTERN_TEST_POSTGRES` names, or else in a temporary directory.
    pub async fn fresh() -> Result<Self, Failure> {
        match Self::postgres().await? {
            Some(database) => Ok(database),
            None => Self::sqlite(),
        }
    }

    /// A SQLite file, whatever the environment says.
    pub fn sqlite() -> Result<Self, Failure> {
        let directory = tempfile::Builder::new().prefix("postern-test-").tempdir()?;
        let url = format!("sqlite://{}", directory.path().join("test.db").display());
        Ok(Self { url, home: Home::Sqlite { _directory: directory } })
    }

    /// A PostgreSQL database, if the environment names a server.
    pub async fn postgres() -> Result<Option<Self>, Failure> {
        let Some(mut url) = env::var(VARIABLE).ok().map(|url| Url::parse(&url)).transpose()? else {
            return Ok(None);
        };
        let server: PgConnectOptions = url.as_str().parse()?;
        let name = format!("postern_test_{}", Random::system().uuid().simple());
        // A name that was just made from hexadecimal digits needs no quotes.
        administer(&server, format!("CREATE DATABASE {name}")).await?;
        url.set_path(&name);
        Ok(Some(Self { url: url.into(), home: Home::Postgres { server: Box::new(server), name } }))
    }

    /// Where it is, as `database.url` has it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Settings that name it, everything else by default.
    pub fn settings(&self) -> DatabaseSettings {
        DatabaseSettings::at(&self.url)
    }

    /// Opens it.
    pub async fn open(&self) -> Result<Database, DatabaseError> {
        Database::open(&self.settings()).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Home::Postgres { server, name } = &self.home else { return };
        let (server, statement) = (server.clone(), format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        // A destructor cannot wait inside of the test's runtime, so another thread does.
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
