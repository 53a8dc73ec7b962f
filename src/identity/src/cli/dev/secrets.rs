//! Defines the secrets of `postern dev`: random, created once, and stored in one file that only its owner can
//! read.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use postern_service::random::Random;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use crate::cli::error::CommandError;

const HEADER: &str =
    "# Random secrets of `postern dev`, for this directory only. Remove with `postern dev --fresh`.\n";

/// The secrets and the path of their file.
pub(super) struct Secrets {
    path: PathBuf,
    contents: SecretsFile,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretsFile {
    encryption_key: String,
    #[serde(default)]
    demo_web_client_secret: String,
    #[serde(default)]
    demo_service_client_secret: String,
}

impl Secrets {
    /// Reads the file, or creates it.
    pub(super) fn load_or_create(path: PathBuf) -> Result<Self, CommandError> {
        match fs::read_to_string(&path) {
            Ok(text) => {
                let kept = toml::from_str(&text).map_err(|_| {
                    CommandError::Failed(format!(
                        "{} cannot be read: start over with --fresh",
                        path.display()
                    ))
                })?;
                Ok(Self { path, contents: kept })
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                let encryption_key = Random::system().token().expose_secret().to_owned();
                let none = String::new();
                let kept = SecretsFile {
                    encryption_key,
                    demo_web_client_secret: none.clone(),
                    demo_service_client_secret: none,
                };
                let made = Self { path, contents: kept };
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
        &self.contents.encryption_key
    }

    pub(super) fn demo_web(&self) -> &str {
        &self.contents.demo_web_client_secret
    }

    pub(super) fn demo_service(&self) -> &str {
        &self.contents.demo_service_client_secret
    }

    /// Stores the secret of a demo client.
    pub(super) fn store_client_secret(&mut self, client_id: &str, secret: &str) -> Result<(), CommandError> {
        match client_id {
            "demo-web" => secret.clone_into(&mut self.contents.demo_web_client_secret),
            _ => secret.clone_into(&mut self.contents.demo_service_client_secret),
        }
        self.write()
    }

    /// The stored secret of a demo client, if there is one.
    pub(super) fn client_secret(&self, client_id: &str) -> Option<&str> {
        let secret = if client_id == "demo-web" { self.demo_web() } else { self.demo_service() };
        Some(secret).filter(|secret| !secret.is_empty())
    }

    fn write(&self) -> Result<(), CommandError> {
        let text = toml::to_string(&self.contents).map_err(io::Error::other)?;
        Ok(write_for_owner(&self.path, format!("{HEADER}{text}").as_bytes())?)
    }
}

/// Replaces a file atomically. Only its owner can read the file, from the first byte on.
pub(super) fn write_for_owner(path: &Path, contents: &[u8]) -> io::Result<()> {
    let new = path.with_added_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&new, path)
}
