//! Defines what commands share: settings, database and `App`, each opened by who asks for it.

use std::{env, ffi::OsString, path::PathBuf};

use postern_migrations::identity::Migrator;
use postern_service::{
    clock::Clock,
    database::{Database, migrate},
    random::Random,
    settings::Loaded,
};

use super::error::CommandError;
use crate::{App, config::Config};

/// Where a command gets its settings from.
pub(super) struct Context {
    file: Option<PathBuf>,
}

/// The threads commands and the server run on.
pub(super) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

impl Context {
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        Self { file }
    }

    /// The settings, with where each came from.
    pub(super) fn settings(&self) -> Result<Loaded<Config>, CommandError> {
        Ok(Config::load(self.file.clone(), env::vars_os())?)
    }

    /// The settings with more of an environment.
    pub(super) fn settings_with(
        &self,
        more: Vec<(OsString, OsString)>,
    ) -> Result<Loaded<Config>, CommandError> {
        Ok(Config::load(self.file.clone(), env::vars_os().chain(more))?)
    }

    /// The database, whatever its schema.
    pub(super) async fn database(&self) -> Result<Database, CommandError> {
        Ok(Database::open(&self.settings()?.settings.database).await?)
    }

    /// Everything a use case needs, on a database whose schema is there.
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
