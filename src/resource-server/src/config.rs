//! Defines the settings of `postern-tasks`. `config/tasks.toml` explains each setting and contains its
//! default.

use std::{ffi::OsString, path::PathBuf};

use postern_service::{
    database::DatabaseSettings,
    settings::{HttpSettings, LoadedSettings, SettingsError, SettingsSources, TelemetrySettings},
    tls::{self, InvalidTlsFile, TlsFiles},
};
use postern_token_verifier::Algorithm;
use serde::Deserialize;
use url::Url;

/// The defaults, which are also the list of all keys.
pub const DEFAULTS: &str = include_str!("../../../config/tasks.toml");

#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    pub http: HttpSettings,
    pub database: DatabaseSettings,
    /// Which access tokens are accepted.
    pub tokens: TokenSettings,
    pub page: PageSettings,
    pub telemetry: TelemetrySettings,
}

/// Which access tokens are accepted.
#[derive(Clone, Debug, Deserialize)]
pub struct TokenSettings {
    /// Compared with `iss` byte by byte.
    pub issuer: HttpUrl,
    /// Where the keys are.
    pub jwks_url: Option<HttpUrl>,
    /// A PEM file of certificates that are trusted beside those of the system.
    pub trust_anchors: Option<PathBuf>,
    /// `aud` must contain it. It is also the URL of this service.
    pub audience: HttpUrl,
    pub algorithms: Vec<Algorithm>,
    /// Most verified tokens in the cache.
    pub cache: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub struct PageSettings {
    /// The public client that the page signs in through.
    pub client_id: String,
    /// Scopes that the page requests.
    pub scope: String,
}

/// An absolute http or https URL that keeps its spelling, because identifiers are compared byte by byte.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct HttpUrl {
    text: String,
    url: Url,
}

#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("must be an absolute http or https URL without query and fragment")]
pub struct NotAnHttpUrl;

impl HttpUrl {
    /// The URL in its original spelling.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn url(&self) -> &Url {
        &self.url
    }
}

impl TryFrom<String> for HttpUrl {
    type Error = NotAnHttpUrl;

    fn try_from(text: String) -> Result<Self, NotAnHttpUrl> {
        let url = Url::parse(&text).map_err(|_| NotAnHttpUrl)?;
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        // A parser drops or adds such characters silently, and the result would never equal the value in a
        // token.
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        let http = matches!(url.scheme(), "http" | "https") && url.has_host();
        if plain && printable && http { Ok(Self { text, url }) } else { Err(NotAnHttpUrl) }
    }
}

impl TokenSettings {
    /// The URL of the provider's JWK set. The default is the path at which Postern publishes it.
    pub fn jwks_url(&self) -> String {
        match &self.jwks_url {
            Some(url) => url.text.clone(),
            None => format!("{}/.well-known/jwks.json", self.issuer.text.trim_end_matches('/')),
        }
    }

    /// The extra trust anchors in PEM; empty if there are none.
    pub fn trust_anchors(&self) -> Result<Vec<u8>, InvalidTlsFile> {
        let read = |path: &PathBuf| tls::read_trust_anchors("tokens.trust_anchors", path);
        self.trust_anchors.as_ref().map_or_else(|| Ok(Vec::new()), read)
    }
}

impl Config {
    /// Loads the settings: defaults, then the file, then the environment.
    pub fn load(
        file: Option<PathBuf>,
        env: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<LoadedSettings<Self>, SettingsError> {
        let loaded: LoadedSettings<Self> = SettingsSources {
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
            return Err(loaded.invalid_setting("tokens.algorithms", "must name at least one algorithm"));
        }
        TlsFiles::from_settings(&loaded.settings.http)
            .map_err(|cause| loaded.invalid_setting(cause.setting, cause.rule))?;
        Ok(loaded)
    }
}
