//! Defines what commands share: the settings, the database and [`App`]. A command opens only what it needs.

use std::{env, ffi::OsString, path::PathBuf};

use postern_migrations::identity::Migrator;
use postern_service::{
    clock::Clock,
    database::{Database, migrate},
    random::Random,
    settings::LoadedSettings,
};

use super::error::CommandError;
use crate::{App, config::Config};

/// The source of the settings: the file given by `--config`, and the environment.
pub(super) struct Context {
    file: Option<PathBuf>,
}

/// The runtime of commands and of the server.
pub(super) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

impl Context {
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        Self { file }
    }

    /// The settings, with the source of each.
    pub(super) fn settings(&self) -> Result<LoadedSettings<Config>, CommandError> {
        Ok(Config::load(self.file.clone(), env::vars_os())?)
    }

    /// The settings, with further environment variables.
    pub(super) fn settings_with_environment(
        &self,
        extra_environment: Vec<(OsString, OsString)>,
    ) -> Result<LoadedSettings<Config>, CommandError> {
        Ok(Config::load(self.file.clone(), env::vars_os().chain(extra_environment))?)
    }

    /// Opens the database without checking its schema.
    pub(super) async fn database(&self) -> Result<Database, CommandError> {
        Ok(Database::open(&self.settings()?.settings.database).await?)
    }

    /// Opens what use cases need. Refuses if the schema of the database is not up to date.
    pub(super) async fn app(&self) -> Result<App, CommandError> {
        let config = self.settings()?.settings;
        let db = Database::open(&config.database).await?;
        if migrate::status::<Migrator>(&db).await?.iter().any(|step| !step.applied) {
            let advice = "the database lacks steps of its schema: run `postern migrate up` first";
            return Err(CommandError::Failed(advice.to_owned()));
        }
        Ok(App::new(config, db, Clock::system(), Random::system()).await?)
    }
}
