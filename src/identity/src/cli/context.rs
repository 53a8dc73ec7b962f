//! Defines what commands share: the settings, the database and [`App`]. A command opens only what it needs.

use std::{
    env,
    ffi::OsString,
    path::{self, Path, PathBuf},
};

use postern_migrations::identity::Migrator;
use postern_service::{
    clock::Clock,
    database::{Database, migrate},
    random::Random,
    settings::LoadedSettings,
};

use super::error::CommandError;
use crate::{App, composition::broken_start_rules, config::Config};

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

    /// The file that `--config` names.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The settings, with the source of each.
    pub(super) fn settings(&self) -> Result<LoadedSettings<Config>, CommandError> {
        Ok(Config::load(self.file.clone(), env::vars_os())?)
    }

    /// The settings of a provider that serves: everything that would keep it from starting is checked, and all
    /// mistakes are reported at once.
    pub(super) fn settings_to_serve(&self) -> Result<LoadedSettings<Config>, CommandError> {
        Ok(Config::load_checked(self.file.clone(), env::vars_os(), broken_start_rules)?)
    }

    /// The settings, with further environment variables.
    pub(super) fn settings_with_environment(
        &self,
        extra_environment: Vec<(OsString, OsString)>,
    ) -> Result<LoadedSettings<Config>, CommandError> {
        Ok(Config::load(self.file.clone(), env::vars_os().chain(extra_environment))?)
    }

    /// Opens the database without checking its schema. On SQLite it creates the file.
    pub(super) async fn create_database(&self) -> Result<Database, CommandError> {
        Ok(Database::open(&self.settings()?.settings.database).await?)
    }

    /// Opens the database without checking its schema. It must exist.
    pub(super) async fn database(&self) -> Result<Database, CommandError> {
        let loaded = self.settings()?;
        require_database(&loaded)?;
        Ok(Database::open(&loaded.settings.database).await?)
    }

    /// Opens what use cases need. Refuses if the schema of the database is not up to date.
    pub(super) async fn app(&self) -> Result<App, CommandError> {
        let loaded = self.settings()?;
        require_database(&loaded)?;
        let config = loaded.settings;
        if config.secrets.encryption_key.is_none() {
            let advice = "setting `secrets.encryption_key` must be set: name the settings of your installation with --config \
                          FILE (beside `postern dev`: --config data/dev.toml), or make a key with `postern keys new-secret`";
            return Err(CommandError::Failed(advice.to_owned()));
        }
        let db = Database::open(&config.database).await?;
        if migrate::status::<Migrator>(&db).await?.iter().any(|step| !step.applied) {
            let advice = "the database lacks steps of its schema: run `postern migrate up` first";
            return Err(CommandError::Failed(advice.to_owned()));
        }
        // Boxed, because it holds all settings.
        Ok(Box::pin(App::new(config, db, Clock::system(), Random::system())).await?)
    }
}

/// Refuses where opening the database would create it: a command in the wrong folder, or without its settings, would
/// work on an empty database.
fn require_database(loaded: &LoadedSettings<Config>) -> Result<(), CommandError> {
    let Some(file) = loaded.settings.database.missing_file() else { return Ok(()) };
    let url = loaded.explain().iter().find(|setting| setting.key == "database.url");
    let origin = url.map(|setting| format!(" from {}", setting.origin)).unwrap_or_default();
    Err(CommandError::Failed(format!(
        "there is no database at {}, which is what the setting `database.url`{origin} names: name the settings of your \
         installation with --config FILE (beside `postern dev`: --config data/dev.toml), or create the database with \
         `postern migrate up`",
        path::absolute(&file).unwrap_or(file).display(),
    )))
}
