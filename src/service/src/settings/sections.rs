//! Defines the sections that both binaries have: `[http]` and `[telemetry]`.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    path::PathBuf,
};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use tracing::level_filters::LevelFilter;

use super::{ByteSize, Lifetime, one_of};

/// `[http]`: where and how the binary listens.
#[derive(Debug, Clone, Deserialize)]
pub struct HttpSettings {
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// The PEM file of the certificate and its chain; with `tls_key` it switches TLS on for `listen`.
    #[serde(default)]
    pub tls_certificate: Option<PathBuf>,
    /// The PEM file of the certificate's private key.
    #[serde(default)]
    pub tls_key: Option<PathBuf>,
    /// Another socket address for `/metrics`; never with TLS. `None` serves the metrics on `listen`.
    #[serde(default, deserialize_with = "optional_address")]
    pub metrics_listen: Option<SocketAddr>,
    /// Whether `/docs` and `/openapi.json` are served.
    pub docs: bool,
    /// Proxies whose `X-Forwarded-For` is trusted.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// Open connections; further ones wait in the kernel's queue.
    #[serde(deserialize_with = "from_one")]
    pub max_connections: NonZeroU32,
    /// For the head of a request, from its first byte.
    pub header_timeout: Lifetime,
    /// For the body of a request.
    pub body_timeout: Lifetime,
    /// For a connection without a request.
    pub idle_timeout: Lifetime,
    /// For a client that accepts no data of a response.
    pub write_timeout: Lifetime,
    /// For a whole request; answered with 503 afterwards.
    pub request_timeout: Lifetime,
    /// How long connections are still accepted after a shutdown was requested, while the service is not
    /// ready.
    pub shutdown_delay: Lifetime,
    /// How long requests may continue after that.
    pub shutdown_grace: Lifetime,
    /// For the body of a request; a longer one is answered with 413.
    pub body_limit: ByteSize,
}

/// `[telemetry]`: what is logged, and how.
#[derive(Debug, Clone, Deserialize)]
pub struct TelemetrySettings {
    /// A level, or directives such as `info,postern_identity=debug`.
    #[serde(deserialize_with = "log_filter")]
    pub log: String,
    pub format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    Pretty,
    /// One JSON object a line.
    Json,
}

impl<'de> Deserialize<'de> for LogFormat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        one_of(deserializer, &[("auto", Self::Auto), ("pretty", Self::Pretty), ("json", Self::Json)])
    }
}

const ADDRESS: &str = "must be an IP address and a port, such as 127.0.0.1:7117 or [::]:7117";
const NETWORK: &str = "must be a list of IP addresses or networks, such as 10.0.0.0/8";

const LOG_FILTER: &str = "must be a level (error, warn, info, debug, trace, off) or directives such as info,postern_identity=debug";

fn log_filter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    // A lone word that is no level would be the name of a module, and silence all others.
    let silencing = text
        .split(',')
        .map(str::trim)
        .any(|directive| !directive.contains(['=', '[']) && directive.parse::<LevelFilter>().is_err());
    match tracing_subscriber::EnvFilter::builder().parse(&text) {
        Ok(_) if !silencing => Ok(text),
        _ => Err(D::Error::custom(LOG_FILTER)),
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(|_| D::Error::custom(ADDRESS))
}

fn optional_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    address(deserializer).map(Some)
}

fn from_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroU32, D::Error> {
    let number = u32::deserialize(deserializer)?;
    NonZeroU32::new(number).ok_or_else(|| D::Error::custom("must be a whole number from 1"))
}

fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let network = |text: &String| text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    texts.iter().map(network).collect::<Option<_>>().ok_or_else(|| D::Error::custom(NETWORK))
}
