//! Defines the secrets of `postern dev`: random, made once, kept in one file that only its owner can read.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use postern_service::random::Random;
use serde::{Deserialize, Serialize};

use crate::cli::error::CommandError;

const HEADER: &str =
    "# Random secrets of `postern dev`, for this directory only. Remove with `postern dev --fresh`.\n";

/// The secrets and where they are kept.
pub(super) struct Secrets {
    path: PathBuf,
    kept: Kept,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    encryption_key: String,
    #[serde(default)]
    demo_web_client_secret: String,
    #[serde(default)]
    demo_service_client_secret: String,
}

impl Secrets {
    /// Reads the file, or makes it.
    pub(super) fn open(path: PathBuf) -> Result<Self, CommandError> {
        match fs::read_to_string(&path) {
            Ok(text) => {
                let kept = toml::from_str(&text).map_err(|_| {
                    CommandError::Failed(format!(
                        "{} cannot be read: start over with --fresh",
                        path.display()
                    ))
                })?;
                Ok(Self { path, kept })
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                let encryption_key = Random::system().token();
                let none = String::new();
                let kept = Kept {
                    encryption_key,
                    demo_web_client_secret: none.clone(),
                    demo_service_client_secret: none,
                };
                let made = Self { path, kept };
                made.write()?;
                Ok(made)
            }
            Err(cause) => Err(cause.into()),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn encryption_key(&self) -> &str {
        &self.kept.encryption_key
    }

    pub(super) fn demo_web(&self) -> &str {
        &self.kept.demo_web_client_secret
    }

    pub(super) fn demo_service(&self) -> &str {
        &self.kept.demo_service_client_secret
    }

    /// Keeps the secret of a demo client; empty when there is none yet.
    pub(super) fn keep(&mut self, client_id: &str, secret: &str) -> Result<(), CommandError> {
        match client_id {
            "demo-web" => secret.clone_into(&mut self.kept.demo_web_client_secret),
            _ => secret.clone_into(&mut self.kept.demo_service_client_secret),
        }
        self.write()
    }

    /// The secret of a demo client, if it was kept.
    pub(super) fn of(&self, client_id: &str) -> Option<&str> {
        let secret = if client_id == "demo-web" { self.demo_web() } else { self.demo_service() };
        Some(secret).filter(|secret| !secret.is_empty())
    }

    fn write(&self) -> Result<(), CommandError> {
        let text = toml::to_string(&self.kept).map_err(io::Error::other)?;
        Ok(write_for_owner(&self.path, &format!("{HEADER}{text}"))?)
    }
}

/// Replaces a file in one step, readable by its owner alone from the first byte.
pub(super) fn write_for_owner(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("toml.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}
