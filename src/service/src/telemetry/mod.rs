//! Defines what an operator sees of a running service: log lines and metrics.
//!
//! Log lines go to stderr, as text or as JSON, and carry the ID of the request that they belong to. The rule
//! that must not be broken: no secret is logged at any level, whatever the filter is. So libraries that log
//! bodies, statements or headers at their debug levels are capped, paths are logged without their query, and
//! a panic is logged with its location but without a message that was formatted at run time.
//!
//! The number of warnings and errors is limited (`repeat_limiter`). A failed request is one log line with its
//! cause ([`log_failure`]).
//!
//! Any module counts metrics with the macros of the `metrics` crate; [`Metrics`] collects and renders them.

mod context;
mod format;
mod log;
mod metrics;
mod panics;
mod repeat_limiter;
mod writer;

use std::io::{self, IsTerminal};

use tracing::{Level, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Registry,
    filter::{ParseError, Targets},
    layer::SubscriberExt,
};

pub(crate) use self::context::{ErrorChain, capture_failure};
pub use self::{
    context::{CurrentRequest, RequestId, log_failure},
    metrics::Metrics,
    writer::{LogGuard, LogWriter},
};
use crate::settings::{LogFormat, TelemetrySettings};

/// Libraries that log secrets below these levels. All other libraries are capped at INFO.
const CAPPED_TARGETS: [(&str, Level); 6] = [
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
    #[error("the log filter is not valid")]
    Filter(#[from] ParseError),
    #[error("logging is set up already")]
    AlreadyInitialized(#[from] tracing::subscriber::SetGlobalDefaultError),
}

/// Logs from now on until the process ends. Keep the returned value until then: dropping it writes the
/// buffered lines.
pub fn init(settings: &TelemetrySettings) -> Result<LogGuard, TelemetryError> {
    let terminal = io::stderr().is_terminal();
    let writer = LogWriter::start(Box::new(io::stderr()));
    let subscriber = subscriber(settings, &writer, terminal)?;
    tracing::subscriber::set_global_default(subscriber)?;
    panics::log_panics();
    Ok(LogGuard(writer))
}

/// The subscriber that [`init`] installs, for tests that check log lines.
pub fn subscriber(
    settings: &TelemetrySettings,
    writer: &LogWriter,
    terminal: bool,
) -> Result<impl Subscriber + Send + Sync + use<>, ParseError> {
    let wanted = EnvFilter::builder().parse(&settings.log)?;
    let allowed = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("postern", LevelFilter::TRACE)
        .with_targets(CAPPED_TARGETS.map(|(target, level)| (target, LevelFilter::from_level(level))));
    let style = match settings.format {
        LogFormat::Json => format::Style::Json,
        LogFormat::Auto if !terminal => format::Style::Json,
        LogFormat::Auto | LogFormat::Pretty => format::Style::Pretty { colour: terminal },
    };
    Ok(Registry::default().with(allowed).with(wanted).with(log::LogLayer::new(style, writer.clone())))
}
