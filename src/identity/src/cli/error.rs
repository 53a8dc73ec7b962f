//! Defines why a command fails, and its exit code.

use std::process::ExitCode;

use postern_service::{database::DatabaseError, settings::SettingsError, telemetry::TelemetryError};

use crate::{
    administration::ChangeError, composition::StartError, http::serve::ServeError, keys::KeyError,
    passwords::breached::build::BuildError, templates::TemplateError,
};

#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    /// The arguments contradict each other or break a rule.
    #[error("{0}")]
    Usage(String),
    /// The present state does not allow the command. The text tells the operator what to do.
    #[error("{0}")]
    Failed(String),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    #[error(transparent)]
    Breached(#[from] BuildError),
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl CommandError {
    /// 2 for wrong use, otherwise 1.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) | Self::Change(ChangeError::Invalid { .. }) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}
