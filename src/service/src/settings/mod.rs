//! Defines how a binary is configured: embedded defaults, then one file, then the environment.
//!
//! Owns the layering, the names of the environment variables, secret files, and the refusal of keys that nobody reads.
//! The embedded defaults are also the list of all keys: a key that is not in them is a mistake and is refused by name.
//! An empty string means "not set", in every layer, so a default can be removed and an optional key can be listed.
//!
//! Leaves to the caller what the settings mean: rules over several keys are reported through [`Loaded::refuse`].
//! The rule that must not be broken: the value of a secret key never appears in an error, in `explain` or in `Debug`.

mod error;
mod layers;
mod sections;
mod values;

use std::{ffi::OsString, path::PathBuf};

use config::{Config, ConfigError, Value};
use serde::de::DeserializeOwned;

pub use self::{
    error::{Origin, SettingsError},
    sections::{HttpSettings, LogFormat, TelemetrySettings},
    values::{ByteSize, Lifetime, Per, Rate, ValueError},
};

/// A setting that must never be shown. `Debug` prints `[REDACTED]`; read it with `secrecy::ExposeSecret`.
pub type Secret = secrecy::SecretString;

/// Where the settings of one binary come from.
pub struct Sources {
    /// The embedded defaults (TOML): every key that exists, `""` for one that has no default.
    pub defaults: &'static str,
    /// The file named by `--config`.
    pub file: Option<PathBuf>,
    /// The first word of the environment variables: `POSTERN` reads `POSTERN_ISSUER` and `POSTERN_DATABASE__URL`.
    pub env_prefix: &'static str,
    /// The environment, usually `std::env::vars_os().collect()`.
    pub env: Vec<(OsString, OsString)>,
    /// Keys whose values are never shown, and which may be named by a file (`_FILE`, `_file`): `database.url`.
    pub secrets: &'static [&'static str],
    /// Tables whose keys are chosen by the operator: everything below them is taken as it is.
    pub open_tables: &'static [&'static str],
    /// Variables that carry the prefix but are not settings, by their full names.
    pub foreign_env: &'static [&'static str],
}

/// Settings, and for each key where its value came from.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The settings as the binary uses them.
    pub settings: T,
    effective: Vec<Effective>,
}

/// One key as `config show` prints it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Effective {
    /// The key with its sections: `http.listen`.
    pub key: String,
    /// The value as TOML; `None` when it is not set; `"[secret]"` for a secret that is set.
    pub value: Option<String>,
    /// Where the value was set.
    pub origin: Origin,
}

impl Sources {
    /// Reads and checks every layer.
    pub fn load<T: DeserializeOwned>(self) -> Result<Loaded<T>, SettingsError> {
        let known = layers::Known::from_defaults(&self)?;
        let mut builder = Config::builder().add_source(known.defaults());
        if let Some(path) = &self.file {
            builder = builder.add_source(layers::file(path, &known)?);
        }
        let merged = builder.add_source(layers::environment(&self, &known)?).build();
        let tree = merged.map_err(|cause| SettingsError::Defaults(cause.to_string()))?.cache;

        let effective = layers::leaves(&tree, &known);
        match layers::without_unset(tree).try_deserialize() {
            Ok(settings) => Ok(Loaded { settings, effective }),
            Err(cause) => Err(explain_refusal(cause, &effective, self.env_prefix)),
        }
    }
}

impl<T> Loaded<T> {
    /// Every key with its effective value and origin, in the order of the keys.
    pub fn explain(&self) -> &[Effective] {
        &self.effective
    }

    /// The error for a rule that only the caller knows, such as one over two keys: "must be a loopback address".
    pub fn refuse(&self, key: &str, rule: impl Into<String>) -> SettingsError {
        invalid(key, rule.into(), &self.effective)
    }
}

/// Turns serde's complaint into key, value, rule and origin.
fn explain_refusal(cause: ConfigError, effective: &[Effective], env_prefix: &str) -> SettingsError {
    match cause {
        ConfigError::NotFound(key) => {
            SettingsError::Missing { variable: layers::variable_name(env_prefix, &key), key }
        }
        ConfigError::Type { key, expected, .. } => {
            invalid(&key.unwrap_or_default(), format!("must be {expected}"), effective)
        }
        ConfigError::At { error, key, .. } => {
            invalid(&key.unwrap_or_default(), rule_in(&error.to_string()), effective)
        }
        other => invalid("", rule_in(&other.to_string()), effective),
    }
}

/// The rule in a message of serde, which reads "invalid value: what came, expected what should have come". What came is
/// left out: for a secret it must not be shown, for the rest it is shown beside the rule.
fn rule_in(message: &str) -> String {
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("must be {expected}"),
        None => message.to_owned(),
    }
}

fn invalid(key: &str, rule: String, effective: &[Effective]) -> SettingsError {
    let setting = key.split_once('[').map_or(key, |(list, _index)| list);
    let found = effective.iter().find(|e| e.key == setting);
    SettingsError::Invalid {
        key: key.to_owned(),
        value: found.and_then(|e| e.value.clone()),
        rule,
        origin: found.map_or(Origin::Default, |e| e.origin.clone()),
    }
}

/// A value as TOML would write it.
fn show(value: &Value) -> String {
    use config::ValueKind;
    match &value.kind {
        ValueKind::String(text) => format!("{text:?}"),
        ValueKind::Array(items) => {
            let items: Vec<_> = items.iter().map(show).collect();
            format!("[{}]", items.join(", "))
        }
        ValueKind::Table(table) => {
            let mut pairs: Vec<_> =
                table.iter().map(|(key, value)| format!("{key} = {}", show(value))).collect();
            pairs.sort();
            format!("{{ {} }}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}
