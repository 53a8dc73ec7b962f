//! Defines the three layers of settings (defaults, file, environment) as trees of values that carry their
//! origin, and the checks of each layer.

use std::{collections::BTreeMap, ffi::OsStr, fs, path::Path};

use config::{ConfigError, Map, Source, Value, ValueKind};

use super::{EffectiveSetting, Origin, SettingsError, SettingsSources, toml_text, words::nearest};

type Table = Map<String, Value>;

/// Shown instead of a secret.
const SECRET: &str = "\"[secret]\"";

/// The existing keys, taken from the embedded defaults.
pub(super) struct KnownKeys {
    defaults: Table,
    keys: BTreeMap<String, ValueKind>,
    secrets: &'static [&'static str],
    open_tables: &'static [&'static str],
}

/// One layer. A later layer overrides the earlier ones.
#[derive(Debug, Clone)]
pub(super) struct Layer(Table);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Table, ConfigError> {
        Ok(self.0.clone())
    }
}

impl KnownKeys {
    pub(super) fn from_defaults(sources: &SettingsSources) -> Result<Self, SettingsError> {
        let broken = |cause: &dyn std::fmt::Display| SettingsError::Defaults(cause.to_string());
        let parsed: toml::Table = sources.defaults.parse().map_err(|cause| broken(&cause))?;
        let defaults = with_origin(parsed, &Origin::Default);
        let keys = flatten(&defaults).into_iter().map(|(key, value)| (key, value.kind.clone())).collect();
        let known = Self { defaults, keys, secrets: sources.secrets, open_tables: sources.open_tables };
        match known.secrets.iter().find(|secret| !known.keys.contains_key(**secret)) {
            Some(secret) => Err(broken(&format!("secret key `{secret}` is not listed"))),
            None => Ok(known),
        }
    }

    pub(super) fn defaults(&self) -> Layer {
        Layer(self.defaults.clone())
    }

    fn contains(&self, key: &str) -> bool {
        self.keys.contains_key(key) || self.open_tables.iter().any(|table| is_below(key, table))
    }

    /// The secret whose file `key` names: `x_file` names the file of the secret `x`.
    fn secret_of_file(&self, key: &str) -> Option<&'static str> {
        let secret = key.strip_suffix("_file")?;
        self.secrets.iter().copied().find(|known| *known == secret && !self.keys.contains_key(key))
    }

    fn unknown(&self, key: &str, origin: Origin) -> SettingsError {
        let keys: Vec<_> = self.keys.keys().map(String::as_str).collect();
        SettingsError::Unknown {
            key: key.to_owned(),
            origin,
            nearest: nearest_key(key, &keys).map(ToOwned::to_owned),
        }
    }

    /// Sets `key` back to its default. False when it has the default already, or when there is none.
    pub(super) fn reset(&self, tree: &mut Value, key: &str) -> bool {
        let defaults = flatten(&self.defaults);
        let default = defaults.into_iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
        let (Some(default), ValueKind::Table(table)) = (default, &mut tree.kind) else { return false };
        let changed = flatten(table).iter().any(|(set, value)| {
            set == key && value.origin().map_or(Origin::Default, decode_origin) != Origin::Default
        });
        if changed {
            insert(table, key, default);
        }
        changed
    }
}

/// Reads the settings file. A key or value that is refused joins the `mistakes`, and is left out.
pub(super) fn read_file(
    path: &Path,
    known: &KnownKeys,
    mistakes: &mut Vec<SettingsError>,
) -> Result<Layer, SettingsError> {
    let text = fs::read_to_string(path)
        .map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
    let table: toml::Table = text.parse().map_err(|cause: toml::de::Error| {
        let start = cause.span().map_or(0, |span| span.start);
        let line = text.get(..start).map_or(1, |before| before.split('\n').count());
        SettingsError::Malformed { path: path.to_owned(), line, message: cause.message().to_owned() }
    })?;

    let origin = Origin::File(path.to_owned());
    let mut layer = Table::new();
    for (key, value) in flatten(&with_origin(table, &origin)) {
        mistakes.extend(insert_checked(&mut layer, known, &key, value.clone(), &key).err());
    }
    Ok(Layer(layer))
}

/// Reads the environment variables with the prefix. A variable that is refused joins the `mistakes`, and is
/// left out.
pub(super) fn read_environment(
    sources: &SettingsSources,
    known: &KnownKeys,
    mistakes: &mut Vec<SettingsError>,
) -> Layer {
    let prefix = format!("{}_", sources.env_prefix);
    let mut layer = Table::new();
    for (name, value) in &sources.env {
        let Some(name) = name.to_str().filter(|name| name.starts_with(&prefix)) else { continue };
        if sources.foreign_env.contains(&name) || set_by_kubernetes(&name[prefix.len()..], value) {
            continue;
        }
        let Some(text) = value.to_str() else {
            mistakes.push(SettingsError::NotText(name.to_owned()));
            continue;
        };
        let key = name[prefix.len()..].to_lowercase().replace("__", ".");
        let origin = Origin::Environment(name.to_owned());
        let value = typed_value(known.keys.get(&key), text, &origin);
        mistakes.extend(insert_checked(&mut layer, known, &key, value, name).err());
    }
    Layer(layer)
}

pub(super) fn variable_name(prefix: &str, key: &str) -> String {
    format!("{prefix}_{}", key.replace('.', "__").to_uppercase())
}

/// Every key with its value and origin. Secrets are hidden.
pub(super) fn effective_settings(tree: &Value, known: &KnownKeys) -> Vec<EffectiveSetting> {
    let ValueKind::Table(table) = &tree.kind else { return Vec::new() };
    let mut leaves: Vec<_> = flatten(table)
        .into_iter()
        .map(|(key, value)| {
            let set = !unset(value);
            let secret = known.secrets.contains(&key.as_str());
            let text = set.then(|| if secret { SECRET.to_owned() } else { toml_text(value) });
            let origin = value.origin().map_or(Origin::Default, decode_origin);
            EffectiveSetting { key, value: text, origin }
        })
        .collect();
    leaves.sort_by(|a, b| a.key.cmp(&b.key));
    leaves
}

/// Removes the keys whose value is an empty string, so that an optional setting becomes `None` and a required
/// one is missing.
pub(super) fn without_unset(mut tree: Value) -> Value {
    if let ValueKind::Table(table) = &mut tree.kind {
        let kept = std::mem::take(table).into_iter().filter(|(_, value)| !unset(value));
        *table = kept.map(|(key, value)| (key, without_unset(value))).collect();
    }
    tree
}

fn unset(value: &Value) -> bool {
    matches!(&value.kind, ValueKind::String(text) if text.is_empty())
}

/// Inserts one value into a layer. If the key names the file of a secret, the value is read from the file.
fn insert_checked(
    layer: &mut Table,
    known: &KnownKeys,
    key: &str,
    value: Value,
    given_as: &str,
) -> Result<(), SettingsError> {
    let origin = value.origin().map_or(Origin::Default, decode_origin);
    let (key, value) = match known.secret_of_file(key) {
        Some(secret) if unset(&value) => (secret, value),
        Some(secret) => (secret, read_secret_file(secret, &value, known, given_as)?),
        None if known.contains(key) => (key, value),
        None => return Err(known.unknown(key, origin)),
    };
    if insert(layer, key, value) && known.secrets.contains(&key) {
        return Err(SettingsError::ValueAndFile { key: key.to_owned(), origin });
    }
    Ok(())
}

/// Reads a secret from the file that a setting names. One line end at the end is removed, because editors and
/// `echo` add it.
fn read_secret_file(
    key: &str,
    path: &Value,
    known: &KnownKeys,
    named_by: &str,
) -> Result<Value, SettingsError> {
    let path = Path::new(match &path.kind {
        ValueKind::String(path) => path.as_str(),
        _ => "",
    });
    let mut text = fs::read_to_string(path).map_err(|source| SettingsError::UnreadableSecret {
        key: key.to_owned(),
        path: path.to_owned(),
        named_by: named_by.to_owned(),
        source,
    })?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    let origin = Origin::SecretFile { path: path.to_owned(), named_by: named_by.to_owned() };
    Ok(typed_value(known.keys.get(key), &text, &origin))
}

/// Sets `key` in the tree. True when the key was set before.
fn insert(table: &mut Table, key: &str, value: Value) -> bool {
    let Some((section, rest)) = key.split_once('.') else {
        return table.insert(key.to_owned(), value).is_some();
    };
    let inner = table.entry(section.to_owned()).or_insert_with(|| Table::new().into());
    if !matches!(inner.kind, ValueKind::Table(_)) {
        *inner = Table::new().into();
    }
    match &mut inner.kind {
        ValueKind::Table(inner) => insert(inner, rest, value),
        _ => false,
    }
}

/// Converts a text from the environment to the type of its default. A list is written `a, b` or as a TOML
/// array. All other texts are converted when the settings are deserialized.
fn typed_value(default: Option<&ValueKind>, text: &str, origin: &Origin) -> Value {
    let origin = encode_origin(origin);
    let list = matches!(default, Some(ValueKind::Array(_)));
    if list || text.starts_with('[') {
        let parsed =
            format!("list = {text}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("list"));
        if let Some(array @ toml::Value::Array(_)) = parsed {
            return convert(array, &origin);
        }
    }
    if !list {
        return Value::new(Some(&origin), text);
    }
    let items = text.split([',', '\n']).map(str::trim).filter(|item| !item.is_empty());
    let items: Vec<Value> = items.map(|item| Value::new(Some(&origin), item)).collect();
    Value::new(Some(&origin), items)
}

/// Whether Kubernetes set the variable: it sets `POSTERN_PORT=tcp://...` and the like in every container
/// beside a Service named "postern".
fn set_by_kubernetes(name: &str, value: &OsStr) -> bool {
    let address =
        value.to_str().is_some_and(|value| value.starts_with("tcp://") || value.starts_with("udp://"));
    let port =
        name.split_once("PORT_").is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()));
    !name.contains("__")
        && (address || port || name.ends_with("SERVICE_HOST") || name.contains("SERVICE_PORT"))
}

fn is_below(key: &str, table: &str) -> bool {
    key.strip_prefix(table).is_some_and(|rest| rest.starts_with('.'))
}

/// The existing key that `key` was probably meant to be: one with a similar spelling, or with the same last
/// word.
fn nearest_key<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let last = key.rsplit('.').next();
    nearest(key, known).or_else(|| known.iter().copied().find(|known| known.rsplit('.').next() == last))
}

/// All leaves below `table` with their dotted keys. A list is a leaf.
fn flatten(table: &Table) -> Vec<(String, &Value)> {
    fn walk<'a>(prefix: &str, table: &'a Table, into: &mut Vec<(String, &'a Value)>) {
        for (key, value) in table {
            let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            match &value.kind {
                ValueKind::Table(inner) => walk(&key, inner, into),
                _ => into.push((key, value)),
            }
        }
    }
    let mut leaves = Vec::new();
    walk("", table, &mut leaves);
    leaves
}

fn with_origin(table: toml::Table, origin: &Origin) -> Table {
    let origin = encode_origin(origin);
    table.into_iter().map(|(key, value)| (key, convert(value, &origin))).collect()
}

fn convert(value: toml::Value, origin: &String) -> Value {
    match value {
        toml::Value::String(text) => Value::new(Some(origin), text),
        toml::Value::Integer(number) => Value::new(Some(origin), number),
        toml::Value::Float(number) => Value::new(Some(origin), number),
        toml::Value::Boolean(flag) => Value::new(Some(origin), flag),
        toml::Value::Datetime(datetime) => Value::new(Some(origin), datetime.to_string()),
        toml::Value::Array(items) => {
            let items: Vec<_> = items.into_iter().map(|item| convert(item, origin)).collect();
            Value::new(Some(origin), items)
        }
        toml::Value::Table(table) => {
            let table: Table = table.into_iter().map(|(key, item)| (key, convert(item, origin))).collect();
            Value::new(Some(origin), table)
        }
    }
}

// `config::Value` stores its origin as one string, so these two functions encode and decode an `Origin`.

fn encode_origin(origin: &Origin) -> String {
    match origin {
        Origin::Default => "default".to_owned(),
        Origin::File(path) => format!("file\n{}", path.display()),
        Origin::Environment(name) => format!("env\n{name}"),
        Origin::SecretFile { path, named_by } => format!("secret\n{named_by}\n{}", path.display()),
    }
}

fn decode_origin(text: &str) -> Origin {
    let mut parts = text.splitn(3, '\n');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("file"), Some(path), None) => Origin::File(path.into()),
        (Some("env"), Some(name), None) => Origin::Environment(name.to_owned()),
        (Some("secret"), Some(named_by), Some(path)) => {
            Origin::SecretFile { path: path.into(), named_by: named_by.to_owned() }
        }
        _ => Origin::Default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_found_by_spelling_then_by_its_last_word() {
        let known = ["database.url", "http.listen", "http.metrics_listen", "telemetry.log"];
        let nearest = |key| nearest_key(key, &known);
        assert_eq!(nearest("http.listne"), Some("http.listen"));
        assert_eq!(nearest("htpp.metrics_listen"), Some("http.metrics_listen"));
        assert_eq!(nearest("server.url"), Some("database.url"));
        assert_eq!(nearest("completely.different"), None);
    }

    #[test]
    fn origins_survive_their_encoding() {
        for origin in [
            Origin::Default,
            Origin::File("/etc/postern.toml".into()),
            Origin::Environment("POSTERN_ISSUER".to_owned()),
            Origin::SecretFile { path: "/run/secrets/key".into(), named_by: "secrets.key_file".to_owned() },
        ] {
            assert_eq!(decode_origin(&encode_origin(&origin)), origin);
        }
    }
}
