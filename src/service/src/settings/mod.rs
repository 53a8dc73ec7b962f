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
mod words;

use std::{ffi::OsString, path::PathBuf};

use config::{Config, ConfigError, Value};
use serde::de::DeserializeOwned;

use self::error::setting_of;
pub use self::{
    error::{Origin, SettingsError},
    sections::{HttpSettings, LogFormat, TelemetrySettings},
    values::{ByteSize, Lifetime, Rate, RateKey, ValueError},
    words::{among, nearest, one_of},
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

/// A setting that breaks a rule which only the caller knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenRule {
    pub key: &'static str,
    /// A predicate such as "must be a loopback address".
    pub rule: String,
}

impl BrokenRule {
    pub fn new(key: &'static str, rule: impl Into<String>) -> Self {
        Self { key, rule: rule.into() }
    }
}

impl SettingsSources {
    pub fn load<T: DeserializeOwned>(self) -> Result<LoadedSettings<T>, SettingsError> {
        self.load_checked(|_| Vec::new())
    }

    /// Loads the settings, asks `broken_rules` about them, and reports all mistakes at once. While `broken_rules`
    /// looks, a setting that cannot be read has its default.
    pub fn load_checked<T: DeserializeOwned>(
        self,
        broken_rules: impl FnOnce(&T) -> Vec<BrokenRule>,
    ) -> Result<LoadedSettings<T>, SettingsError> {
        let mut mistakes = Vec::new();
        let known = layers::KnownKeys::from_defaults(&self)?;
        let mut builder = Config::builder().add_source(known.defaults());
        if let Some(path) = &self.file {
            builder = builder.add_source(layers::read_file(path, &known, &mut mistakes)?);
        }
        let merged = builder.add_source(layers::read_environment(&self, &known, &mut mistakes)).build();
        let tree = merged.map_err(|cause| SettingsError::Defaults(cause.to_string()))?.cache;

        let effective = layers::effective_settings(&tree, &known);
        let settings =
            read(tree, &known, &mut mistakes, |cause| explain_refusal(cause, &effective, self.env_prefix));
        let reported: Vec<_> =
            mistakes.iter().filter_map(|mistake| mistake.key().map(str::to_owned)).collect();
        for broken in settings.as_ref().map(broken_rules).unwrap_or_default() {
            if !reported.iter().any(|key| key == broken.key) {
                mistakes.push(invalid(broken.key, broken.rule, &effective));
            }
        }
        // They were found in no order, because a table of values has none.
        mistakes.sort_by(|one, other| one.key().cmp(&other.key()));
        match (settings, SettingsError::from_mistakes(mistakes)) {
            (Some(settings), None) => Ok(LoadedSettings { settings, effective }),
            (_, Some(refused)) => Err(refused),
            (None, None) => Err(SettingsError::Defaults("they cannot be read".to_owned())),
        }
    }
}

/// Reads the settings. One that is refused joins the `mistakes` and gets its default, so that the others are read
/// too. None when that does not help.
fn read<T: DeserializeOwned>(
    mut tree: Value,
    known: &layers::KnownKeys,
    mistakes: &mut Vec<SettingsError>,
    explain: impl Fn(ConfigError) -> SettingsError,
) -> Option<T> {
    loop {
        let cause = match layers::without_unset(tree.clone()).try_deserialize() {
            Ok(settings) => return Some(settings),
            Err(cause) => explain(cause),
        };
        let repaired = cause.key().is_some_and(|key| known.reset(&mut tree, key));
        let reported = mistakes.iter().any(|mistake| mistake.key().is_some() && mistake.key() == cause.key());
        if !reported {
            mistakes.push(cause);
        }
        if !repaired {
            return None;
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
    let found = effective.iter().find(|e| e.key == setting_of(key));
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
