//! Defines what an operator sees of a running service: log lines and metrics.
//!
//! Log lines go to stderr, for people or as JSON, and carry the reference of the request they belong to.
//! The rule that must not be broken: no secret at any level, whatever the filter says. So libraries that write bodies,
//! statements or headers at their debug levels are capped, paths are logged without their query, and a panic is logged
//! with its place but without a message that was put together at run time.
//!
//! Warnings and errors are bounded (`repeats`), and a request that fails is one line, with its cause ([`log_failure`]).
//!
//! Metrics are counted with the macros of the `metrics` crate, anywhere; [`Metrics`] collects and renders them.

mod context;
mod format;
mod log;
mod metrics;
mod panics;
mod repeats;
mod writer;

use std::io::{self, IsTerminal};

use tracing::{Level, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Registry,
    filter::{ParseError, Targets},
    layer::SubscriberExt,
};

pub(crate) use self::context::{ErrorChain, with_failure};
pub use self::{
    context::{RequestContext, RequestId, log_failure},
    metrics::Metrics,
    writer::{LogGuard, LogWriter},
};
use crate::settings::{LogFormat, TelemetrySettings};

/// Libraries that tell secrets below these levels; all others of the world are capped at INFO.
const CAPPED: [(&str, Level); 6] = [
    ("sqlx", Level::WARN),
    ("hyper", Level::WARN),
    ("h2", Level::WARN),
    ("reqwest", Level::WARN),
    ("rustls", Level::WARN),
    ("lettre", Level::WARN),
];

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `telemetry.log` is not a filter.
    #[error("the log filter is not valid")]
    Filter(#[from] ParseError),
    /// It was set up before.
    #[error("logging is set up already")]
    Twice(#[from] tracing::subscriber::SetGlobalDefaultError),
}

/// Logs from here to the end of the process. Keep the value until then: dropping it writes what is still buffered.
pub fn init(settings: &TelemetrySettings) -> Result<LogGuard, TelemetryError> {
    let terminal = io::stderr().is_terminal();
    let writer = LogWriter::start(Box::new(io::stderr()));
    let subscriber = subscriber(settings, &writer, terminal)?;
    tracing::subscriber::set_global_default(subscriber)?;
    panics::log_panics();
    Ok(LogGuard(writer))
}

/// What [`init`] installs, for a test that looks at the lines.
pub fn subscriber(
    settings: &TelemetrySettings,
    writer: &LogWriter,
    terminal: bool,
) -> Result<impl Subscriber + Send + Sync + use<>, ParseError> {
    let wanted = EnvFilter::builder().parse(&settings.log)?;
    let allowed = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("postern", LevelFilter::TRACE)
        .with_targets(CAPPED.map(|(target, level)| (target, LevelFilter::from_level(level))));
    let style = match settings.format {
        LogFormat::Json => format::Style::Json,
        LogFormat::Auto if !terminal => format::Style::Json,
        LogFormat::Auto | LogFormat::Pretty => format::Style::Pretty { colour: terminal },
    };
    Ok(Registry::default().with(allowed).with(wanted).with(log::LogLayer::new(style, writer.clone())))
}
