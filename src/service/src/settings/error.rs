//! Defines why settings are refused, in words that tell an operator what to change.

use std::{fmt, path::PathBuf};

use serde::{Serialize, Serializer};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The defaults that are embedded in the binary.
    Default,
    /// The file that `--config` names.
    File(PathBuf),
    Environment(String),
    /// A file that contains only a secret.
    SecretFile {
        path: PathBuf,
        /// The environment variable or the key that names the file.
        named_by: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the defaults"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::SecretFile { path, named_by } => write!(f, "{} (named by {named_by})", path.display()),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("cannot read the settings file {}", .path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// The file is not TOML. The text of the line is not shown, because it may contain a secret.
    #[error("{} is not valid TOML at line {line}: {message}", .path.display())]
    Malformed {
        path: PathBuf,
        /// The first line is 1.
        line: usize,
        message: String,
    },
    /// No setting has this key.
    #[error("unknown setting `{key}` in {origin}{}", suggestion(.nearest.as_deref()))]
    Unknown {
        key: String,
        origin: Origin,
        /// The existing key with the most similar spelling.
        nearest: Option<String>,
    },
    #[error("setting `{key}` is missing: set it in the file given by --config or as {variable}")]
    Missing { key: String, variable: String },
    #[error("setting `{key}`{} in {origin}: {rule}", shown(.value.as_deref()))]
    Invalid {
        key: String,
        /// `"[secret]"` for a secret; `None` when the setting is not set.
        value: Option<String>,
        /// The rule as a predicate that begins with "must".
        rule: String,
        origin: Origin,
    },
    /// A secret is set both as a value and as a file in one layer.
    #[error("setting `{key}` is given twice in {origin}: as a value and as a file; keep one")]
    ValueAndFile { key: String, origin: Origin },
    #[error("cannot read the file {} for setting `{key}` (named by {named_by})", .path.display())]
    UnreadableSecret {
        key: String,
        path: PathBuf,
        /// The environment variable or the key that names the file.
        named_by: String,
        source: std::io::Error,
    },
    /// An environment variable with the prefix is not valid UTF-8.
    #[error("environment variable {0} is not valid UTF-8")]
    NotText(String),
    /// More than one mistake, in the order in which they were found.
    #[error("the settings have {} mistakes{}", .0.len(), list(.0))]
    Several(Vec<SettingsError>),
    /// The embedded defaults are invalid: a defect of this program, not of the settings.
    #[error("the embedded default settings are broken: {0}")]
    Defaults(String),
}

impl SettingsError {
    /// One error for all `mistakes`; none if there are none.
    pub(super) fn from_mistakes(mut mistakes: Vec<Self>) -> Option<Self> {
        if mistakes.len() > 1 { Some(Self::Several(mistakes)) } else { mistakes.pop() }
    }

    /// The key of the setting that is wrong.
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::Missing { key, .. } | Self::Invalid { key, .. } => Some(setting_of(key)),
            Self::Unknown { key, .. }
            | Self::ValueAndFile { key, .. }
            | Self::UnreadableSecret { key, .. } => Some(key),
            _ => None,
        }
    }
}

/// The setting that `key` is a part of: an item of a list reads `http.trusted_proxies[1]`.
pub(super) fn setting_of(key: &str) -> &str {
    key.split_once('[').map_or(key, |(list, _index)| list)
}

/// One line for each mistake, with its cause.
fn list(mistakes: &[SettingsError]) -> String {
    let line = |mistake: &SettingsError| match std::error::Error::source(mistake) {
        Some(cause) => format!("\n  - {mistake}: {cause}"),
        None => format!("\n  - {mistake}"),
    };
    mistakes.iter().map(line).collect()
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|key| format!("; did you mean `{key}`?")).unwrap_or_default()
}

fn shown(value: Option<&str>) -> String {
    value.map(|value| format!(" = {value}")).unwrap_or_default()
}
