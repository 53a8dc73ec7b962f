//! Defines the section `[database]`: which database, how many connections, and how long to wait.

use std::{num::NonZeroU32, path::PathBuf};

use secrecy::ExposeSecret as _;
use serde::Deserialize;
use sqlx::{postgres::PgConnectOptions, sqlite::SqliteConnectOptions};

use super::DatabaseError;
use crate::settings::{Lifetime, Secret};

/// `[database]`. Tests and tools make them with [`DatabaseSettings::from_url`]; both ways have the same
/// defaults.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// `sqlite://data/postern.db` or `postgres://user:password@host/database`. A secret, because it may hold
    /// a password.
    pub url: Secret,
    /// Connections for reading on SQLite (one more writes), for everything on PostgreSQL (one more listens).
    #[serde(default = "default_connections")]
    pub connections: NonZeroU32,
    /// How long a caller waits for a connection or for its turn to write, before the database counts as
    /// unavailable. Below `request_timeout`, so that the request can still be answered.
    #[serde(default = "default_acquire_timeout")]
    pub acquire_timeout: Lifetime,
    /// How long a request waits for the database, over all its statements, before it is answered with 503.
    #[serde(default = "default_request_timeout")]
    pub request_timeout: Lifetime,
    /// How long a statement may run, and a transaction may be idle, before the PostgreSQL server ends it.
    #[serde(default = "default_statement_timeout")]
    pub statement_timeout: Lifetime,
}

const fn default_connections() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(7)
}

const fn default_acquire_timeout() -> Lifetime {
    Lifetime::from_millis(1500)
}

const fn default_request_timeout() -> Lifetime {
    Lifetime::from_secs(2)
}

const fn default_statement_timeout() -> Lifetime {
    Lifetime::from_secs(10)
}

/// The database that a URL names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Sqlite,
    Postgres,
}

impl DatabaseSettings {
    /// The database at `url`, with the defaults of all other settings.
    pub fn from_url(url: impl Into<String>) -> Self {
        Self {
            url: Secret::from(url.into()),
            connections: default_connections(),
            acquire_timeout: default_acquire_timeout(),
            request_timeout: default_request_timeout(),
            statement_timeout: default_statement_timeout(),
        }
    }

    pub(super) fn scheme(&self) -> Result<Scheme, DatabaseError> {
        match self.url.expose_secret().split_once(':') {
            Some(("sqlite", _)) => Ok(Scheme::Sqlite),
            Some(("postgres" | "postgresql", _)) => Ok(Scheme::Postgres),
            _ => Err(DatabaseError::Settings("must begin with sqlite: or postgres:".to_owned())),
        }
    }

    /// Checks the URL without opening the database. The error is the rule that the URL breaks, as a predicate.
    pub fn check_url(&self) -> Result<(), String> {
        let checked = self.scheme().and_then(|scheme| match scheme {
            Scheme::Sqlite => self.sqlite_file().map(drop),
            Scheme::Postgres => self.options::<PgConnectOptions>().map(drop),
        });
        match checked {
            Err(DatabaseError::Settings(rule)) => Err(rule),
            _ => Ok(()),
        }
    }

    /// The file of an SQLite database that does not exist yet: opening the database would create it.
    pub fn missing_file(&self) -> Option<PathBuf> {
        let file = self.scheme().ok().filter(|scheme| *scheme == Scheme::Sqlite).map(|_| self.sqlite_file());
        file?.ok().filter(|path| !path.exists())
    }

    pub(super) fn sqlite_file(&self) -> Result<PathBuf, DatabaseError> {
        let options: SqliteConnectOptions = self.options()?;
        let path = options.get_filename().to_owned();
        let url = self.url.expose_secret();
        // Each connection to `:memory:` would have its own database.
        if path.as_os_str().is_empty() || url.contains(":memory:") || url.contains("mode=memory") {
            return Err(DatabaseError::Settings("must name a file".to_owned()));
        }
        Ok(path)
    }

    /// Parses the URL into the options of a driver. The driver's message about a bad URL names the wrong part
    /// and never its value.
    pub(super) fn options<O: std::str::FromStr<Err = sqlx::Error>>(&self) -> Result<O, DatabaseError> {
        let told = |cause| DatabaseError::Settings(format!("must be the URL of a database ({cause})"));
        self.url.expose_secret().parse().map_err(told)
    }
}
