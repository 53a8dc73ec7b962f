//! Defines the settings of `postern-tasks`; `config/tasks.toml` explains each and gives its default.

use std::{ffi::OsString, path::PathBuf};

use postern_service::{
    database::DatabaseSettings,
    settings::{HttpSettings, Loaded, SettingsError, Sources, TelemetrySettings},
};
use postern_token_verifier::Algorithm;
use serde::Deserialize;
use url::Url;

/// The defaults, and with them the list of every key.
pub const DEFAULTS: &str = include_str!("../../../config/tasks.toml");

/// Every setting.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    /// The listener.
    pub http: HttpSettings,
    /// The database.
    pub database: DatabaseSettings,
    /// Which access tokens are accepted.
    pub tokens: TokenSettings,
    /// The web page.
    pub page: PageSettings,
    /// Logs.
    pub telemetry: TelemetrySettings,
}

/// Which access tokens are accepted.
#[derive(Clone, Debug, Deserialize)]
pub struct TokenSettings {
    /// `iss`, byte for byte.
    pub issuer: HttpUrl,
    /// Where the keys are.
    pub jwks_url: Option<HttpUrl>,
    /// Must be in `aud`. It is where this service is, too.
    pub audience: HttpUrl,
    /// Accepted signature algorithms.
    pub algorithms: Vec<Algorithm>,
    /// Verified tokens remembered.
    pub cache: u64,
}

/// The web page.
#[derive(Clone, Debug, Deserialize)]
pub struct PageSettings {
    /// The public client it signs in by.
    pub client_id: String,
    /// What it asks for.
    pub scope: String,
}

/// An absolute http or https URL, as it was written: identifiers are compared byte for byte.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct HttpUrl {
    text: String,
    url: Url,
}

/// A text that is no such URL.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("must be an absolute http or https URL without query and fragment")]
pub struct NotAnHttpUrl;

impl HttpUrl {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As it was understood.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

impl TryFrom<String> for HttpUrl {
    type Error = NotAnHttpUrl;

    fn try_from(text: String) -> Result<Self, NotAnHttpUrl> {
        let url = Url::parse(&text).map_err(|_| NotAnHttpUrl)?;
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        // What a parser drops or adds silently would never be equal to what a token says.
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        let http = matches!(url.scheme(), "http" | "https") && url.has_host();
        if plain && printable && http { Ok(Self { text, url }) } else { Err(NotAnHttpUrl) }
    }
}

impl TokenSettings {
    /// Where the keys are, by default where every provider of this project publishes them.
    pub fn jwks_url(&self) -> String {
        match &self.jwks_url {
            Some(url) => url.text.clone(),
            None => format!("{}/.well-known/jwks.json", self.issuer.text.trim_end_matches('/')),
        }
    }
}

impl Config {
    /// Reads the layers: defaults, then the file, then the environment.
    pub fn load(
        file: Option<PathBuf>,
        env: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Loaded<Self>, SettingsError> {
        let loaded: Loaded<Self> = Sources {
            defaults: DEFAULTS,
            file,
            env_prefix: "TASKS",
            env: env.into_iter().collect(),
            secrets: &["database.url"],
            open_tables: &[],
            foreign_env: &[],
        }
        .load()?;
        if loaded.settings.tokens.algorithms.is_empty() {
            return Err(loaded.refuse("tokens.algorithms", "must name at least one algorithm"));
        }
        Ok(loaded)
    }
}
