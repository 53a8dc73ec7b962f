//! Defines why settings are refused, in words that tell an operator what to change.

use std::{fmt, path::PathBuf};

use serde::{Serialize, Serializer};

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The defaults inside the binary.
    Default,
    /// The file named by `--config`.
    File(PathBuf),
    /// The environment variable of this name.
    Environment(String),
    /// A secret's own file, and the setting that names the file.
    SecretFile {
        /// The file that holds the value.
        path: PathBuf,
        /// The variable or the key that names the file.
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

/// Why the settings were refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file named by `--config` could not be read.
    #[error("cannot read the settings file {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML. The text of the line is left out: it may hold a secret.
    #[error("{} is not valid TOML at line {line}: {message}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The parser's message.
        message: String,
    },
    /// Nobody reads this key.
    #[error("unknown setting `{key}` in {origin}{}", suggestion(.nearest.as_deref()))]
    Unknown {
        /// The key as it was given.
        key: String,
        /// Where it was given.
        origin: Origin,
        /// The known key that is spelled most alike.
        nearest: Option<String>,
    },
    /// A setting without a default was not given.
    #[error("setting `{key}` is missing: set it in the file given by --config or as {variable}")]
    Missing {
        /// The key.
        key: String,
        /// The environment variable that would set it.
        variable: String,
    },
    /// A value breaks a rule.
    #[error("setting `{key}`{} in {origin}: {rule}", shown(.value.as_deref()))]
    Invalid {
        /// The key.
        key: String,
        /// The value, `"[secret]"` for a secret, `None` when it is not set.
        value: Option<String>,
        /// What the value has to be.
        rule: String,
        /// Where the value was set.
        origin: Origin,
    },
    /// A secret was given both as a value and as a file in one layer.
    #[error("setting `{key}` is given twice in {origin}: as a value and as a file; keep one")]
    Twice {
        /// The key.
        key: String,
        /// The layer.
        origin: Origin,
    },
    /// The file that holds a secret could not be read.
    #[error("cannot read the file {} for setting `{key}` (named by {named_by})", .path.display())]
    UnreadableSecret {
        /// The key.
        key: String,
        /// The file.
        path: PathBuf,
        /// The variable or the key that names the file.
        named_by: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A variable with our prefix is not Unicode text.
    #[error("environment variable {0} is not valid UTF-8")]
    NotText(String),
    /// The embedded defaults are wrong: a mistake in the program, not in the settings.
    #[error("the embedded default settings are broken: {0}")]
    Defaults(String),
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|key| format!("; did you mean `{key}`?")).unwrap_or_default()
}

fn shown(value: Option<&str>) -> String {
    value.map(|value| format!(" = {value}")).unwrap_or_default()
}
