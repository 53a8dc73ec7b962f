//! Defines [`DatabaseTemplate`], a prepared database that tests copy.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use sqlx::{Connection as _, postgres::PgConnectOptions};
use tokio::sync::OnceCell;

use super::{Failure, Home, TestDatabase, administer};
use crate::random::Random;

/// Begins the name of a template on a PostgreSQL server. The time of its creation follows.
const PREFIX: &str = "postern_template_";
/// Nothing can drop a template when a test process ends, so a later process drops those of this age, in
/// seconds.
const MAX_AGE: u64 = 6 * 60 * 60;

/// A database that is prepared once for each process: a copy takes a fraction of the time.
pub struct DatabaseTemplate(OnceCell<Content>);

enum Content {
    /// The bytes of the file.
    Sqlite(Vec<u8>),
    /// The name of the database.
    Postgres(String),
}

impl DatabaseTemplate {
    #[expect(clippy::new_without_default, reason = "a static needs a constant")]
    pub const fn new() -> Self {
        Self(OnceCell::const_new())
    }

    /// A copy of the template. `prepare` fills the template once, and must have closed it when it returns.
    pub async fn copy<F>(&self, prepare: F) -> Result<TestDatabase, Failure>
    where
        F: AsyncFnOnce(&TestDatabase),
    {
        let content = self.0.get_or_try_init(async || prepared(prepare).await).await?;
        match content {
            Content::Sqlite(bytes) => {
                let database = TestDatabase::sqlite()?;
                fs::write(database.file(), bytes)?;
                Ok(database)
            }
            Content::Postgres(template) => {
                let copy = TestDatabase::postgres_from(&TestDatabase::new_name(), Some(template)).await?;
                copy.ok_or_else(|| "the server of the template is gone".into())
            }
        }
    }
}

async fn prepared<F>(prepare: F) -> Result<Content, Failure>
where
    F: AsyncFnOnce(&TestDatabase),
{
    if let Some(database) = TestDatabase::postgres_from(&template_name(), None).await? {
        sweep(&database).await?;
        prepare(&database).await;
        return Ok(Content::Postgres(database.keep()));
    }
    let database = TestDatabase::sqlite()?;
    prepare(&database).await;
    Ok(Content::Sqlite(fs::read(database.file())?))
}

impl TestDatabase {
    /// Leaves a PostgreSQL database on its server, and answers its name.
    fn keep(self) -> String {
        match &self.home {
            Home::Postgres { name, .. } => {
                let name = name.clone();
                std::mem::forget(self);
                name
            }
            Home::Sqlite { .. } => String::new(),
        }
    }
}

fn seconds_now() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the age of a template is real time")]
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn template_name() -> String {
    format!("{PREFIX}{}_{}", seconds_now(), Random::system().uuid().simple())
}

/// Drops the templates that earlier processes left.
async fn sweep(database: &TestDatabase) -> Result<(), Failure> {
    let Home::Postgres { server, .. } = &database.home else { return Ok(()) };
    let server: &PgConnectOptions = server;
    let mut connection = sqlx::PgConnection::connect_with(server).await?;
    let names: Vec<String> = sqlx::query_scalar("SELECT datname FROM pg_database WHERE datname LIKE $1")
        .bind(format!("{PREFIX}%"))
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    let age = |name: &str| {
        let created = name.strip_prefix(PREFIX)?.split('_').next()?.parse().ok()?;
        Some(seconds_now().saturating_sub(created))
    };
    for name in names.iter().filter(|name| age(name).is_some_and(|age| age > MAX_AGE)) {
        administer(server, format!("DROP DATABASE IF EXISTS {name}")).await?;
    }
    Ok(())
}
