//! Defines how a binary is configured: embedded defaults, then one file, then the environment.
//!
//! Owns the layering, the names of the environment variables, the files of secrets, and the refusal of
//! unknown keys. The embedded defaults are also the list of all keys: a key that is not among them is refused
//! by name. An empty string means "not set" in every layer, so a default can be removed and an optional key
//! can be listed.
//!
//! Leaves the meaning of the settings to the caller: rules over several keys are reported through
//! [`LoadedSettings::invalid_setting`]. The rule that must not be broken: the value of a secret never appears
//! in an error, in `explain` or in `Debug`.

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
    values::{ByteSize, Lifetime, Rate, RateKey, ValueError},
};

/// A setting that must never be shown. `Debug` prints `[REDACTED]`; read the value with
/// `secrecy::ExposeSecret`.
pub type Secret = secrecy::SecretString;

/// The sources of the settings of one binary.
pub struct SettingsSources {
    /// The embedded defaults (TOML). They contain every existing key, with the value `""` where there is no
    /// default.
    pub defaults: &'static str,
    pub file: Option<PathBuf>,
    /// The prefix of the environment variables: `POSTERN` reads `POSTERN_ISSUER` and `POSTERN_DATABASE__URL`.
    pub env_prefix: &'static str,
    /// The environment, usually `std::env::vars_os().collect()`.
    pub env: Vec<(OsString, OsString)>,
    /// Keys whose values are never shown, such as `database.url`. Their values may be in files, which
    /// `..._FILE` or `..._file` names.
    pub secrets: &'static [&'static str],
    /// Tables whose keys the operator chooses. Every key below them is accepted.
    pub open_tables: &'static [&'static str],
    /// Full names of environment variables that have the prefix but are no settings.
    pub foreign_env: &'static [&'static str],
}

/// Settings, and the origin of each value.
#[derive(Debug)]
pub struct LoadedSettings<T> {
    pub settings: T,
    effective: Vec<EffectiveSetting>,
}

/// A key with its value, as `config show` prints it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct EffectiveSetting {
    /// The key with its sections: `http.listen`.
    pub key: String,
    /// The value as TOML. `None` when it is not set; `"[secret]"` for a secret that is set.
    pub value: Option<String>,
    pub origin: Origin,
}

impl SettingsSources {
    pub fn load<T: DeserializeOwned>(self) -> Result<LoadedSettings<T>, SettingsError> {
        let known = layers::KnownKeys::from_defaults(&self)?;
        let mut builder = Config::builder().add_source(known.defaults());
        if let Some(path) = &self.file {
            builder = builder.add_source(layers::read_file(path, &known)?);
        }
        let merged = builder.add_source(layers::read_environment(&self, &known)?).build();
        let tree = merged.map_err(|cause| SettingsError::Defaults(cause.to_string()))?.cache;

        let effective = layers::effective_settings(&tree, &known);
        match layers::without_unset(tree).try_deserialize() {
            Ok(settings) => Ok(LoadedSettings { settings, effective }),
            Err(cause) => Err(explain_refusal(cause, &effective, self.env_prefix)),
        }
    }
}

impl<T> LoadedSettings<T> {
    /// Every key with its effective value and origin, sorted by key.
    pub fn explain(&self) -> &[EffectiveSetting] {
        &self.effective
    }

    /// The error for a rule that only the caller knows, such as a rule over two keys. `rule` reads "must be a
    /// loopback address".
    pub fn invalid_setting(&self, key: &str, rule: impl Into<String>) -> SettingsError {
        invalid(key, rule.into(), &self.effective)
    }
}

/// Converts an error of serde into key, value, rule and origin.
fn explain_refusal(cause: ConfigError, effective: &[EffectiveSetting], env_prefix: &str) -> SettingsError {
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

/// The rule in a message of serde, which reads "invalid value: (received), expected (rule)". The received
/// value is omitted: a secret must not be shown, and any other value is shown beside the rule.
fn rule_in(message: &str) -> String {
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("must be {expected}"),
        None => message.to_owned(),
    }
}

fn invalid(key: &str, rule: String, effective: &[EffectiveSetting]) -> SettingsError {
    let setting = key.split_once('[').map_or(key, |(list, _index)| list);
    let found = effective.iter().find(|e| e.key == setting);
    SettingsError::Invalid {
        key: key.to_owned(),
        value: found.and_then(|e| e.value.clone()),
        rule,
        origin: found.map_or(Origin::Default, |e| e.origin.clone()),
    }
}

fn toml_text(value: &Value) -> String {
    use config::ValueKind;
    match &value.kind {
        ValueKind::String(text) => format!("{text:?}"),
        ValueKind::Array(items) => {
            let items: Vec<_> = items.iter().map(toml_text).collect();
            format!("[{}]", items.join(", "))
        }
        ValueKind::Table(table) => {
            let mut pairs: Vec<_> =
                table.iter().map(|(key, value)| format!("{key} = {}", toml_text(value))).collect();
            pairs.sort();
            format!("{{ {} }}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}
