//! Parses the command line and runs the command: `serve`, `migrate`, `openapi`.
//!
//! Prints text, or JSON with `--json`: results to stdout, errors to stderr. The exit code is 0, 1 (the
//! command failed) or 2 (the command line is invalid).

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use postern_migrations::tasks::Migrator;
use postern_service::{
    clock::Clock,
    database::{Database, migrate},
    process,
    random::Random,
    server::{self, Shutdown},
    settings::LoadedSettings,
    telemetry, tls,
};
use postern_token_verifier::{RemoteKeys, RemoteKeysSettings};
use serde_json::{Value, json};

use crate::{App, config::Config, http};

/// The tasks API, protected by access tokens of Postern.
#[derive(Debug, Parser)]
#[command(name = "postern-tasks", version, max_term_width = 100)]
struct Arguments {
    /// Settings that go over the built-in defaults; the environment goes over both.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API and its page until SIGTERM or Ctrl-C.
    Serve,
    /// Apply, revert or list the steps of the database's schema.
    #[command(subcommand)]
    Migrate(Migrate),
    /// Print the OpenAPI document.
    Openapi,
}

#[derive(Debug, Subcommand)]
enum Migrate {
    /// Apply every step that the database lacks.
    Up,
    /// Revert the last steps. Tables that they created are dropped with everything in them.
    Down {
        /// How many steps to revert.
        #[arg(long, default_value_t = 1)]
        steps: u32,
    },
    /// List the steps.
    Status,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The TLS library accepts a cryptography provider only once. An error means that one is installed
    // already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match run(&arguments) {
        Ok(report) => print(&report, arguments.json),
        Err(cause) => {
            let message = format!("{cause:#}");
            // An error of stderr itself cannot be reported.
            let _ = if arguments.json {
                writeln!(io::stderr(), "{}", json!({ "error": message }))
            } else {
                writeln!(io::stderr(), "postern-tasks: {message}")
            };
            ExitCode::FAILURE
        }
    }
}

/// The output of a command: as text, and the same as JSON.
#[derive(Default)]
struct Report {
    text: String,
    json: Value,
}

/// Prints to stdout. A reader that closed the pipe (`| head`) is no failure.
fn print(report: &Report, as_json: bool) -> ExitCode {
    let written = match report {
        Report { json, .. } if as_json && !json.is_null() => writeln!(io::stdout(), "{json:#}"),
        Report { text, .. } if !text.is_empty() => writeln!(io::stdout(), "{text}"),
        _ => Ok(()),
    };
    match written {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

fn run(arguments: &Arguments) -> Result<Report> {
    if matches!(arguments.command, Command::Openapi) {
        let json = http::document();
        return Ok(Report { text: format!("{json:#}"), json });
    }
    if matches!(arguments.command, Command::Serve) {
        process::keep_memory_private();
    }
    let loaded = Config::load(arguments.config.clone(), std::env::vars_os())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match &arguments.command {
            Command::Migrate(command) => run_migration_command(&loaded.settings, command).await,
            _ => serve(loaded).await.map(|()| Report::default()),
        }
    })
}

async fn run_migration_command(config: &Config, command: &Migrate) -> Result<Report> {
    let db = Database::open(&config.database).await?;
    let (text, json) = match command {
        Migrate::Up => step_report("applied", &migrate::up::<Migrator>(&db).await?),
        Migrate::Down { steps } => step_report("reverted", &migrate::down::<Migrator>(&db, *steps).await?),
        Migrate::Status => {
            let steps = migrate::status::<Migrator>(&db).await?;
            let line = |step: &migrate::Step| {
                format!("{}  {}", if step.applied { "applied" } else { "pending" }, step.name)
            };
            let list = steps.iter().map(|step| json!({ "name": step.name, "applied": step.applied }));
            (steps.iter().map(line).collect::<Vec<_>>().join("\n"), list.collect())
        }
    };
    db.close().await;
    Ok(Report { text, json })
}

fn step_report(what: &str, steps: &[String]) -> (String, Value) {
    let lines: Vec<_> = steps.iter().map(|step| format!("{what}: {step}")).collect();
    let text = if lines.is_empty() { "Nothing to do.".to_owned() } else { lines.join("\n") };
    (text, json!({ what.replace(' ', "_"): steps }))
}

/// Starts even when the provider cannot be reached: its keys are fetched in the background.
async fn serve(loaded: LoadedSettings<Config>) -> Result<()> {
    let config = loaded.settings.clone();
    let unusable = |cause: tls::InvalidTlsFile| loaded.invalid_setting(cause.setting, cause.rule);
    tls::check_listener(&config.http).map_err(unusable)?;
    let trust_anchors = config.tokens.trust_anchors().map_err(unusable)?;
    let _log = telemetry::init(&config.telemetry)?;
    telemetry::Metrics::install();
    let db = Database::open(&config.database).await.context("the database cannot be opened")?;
    migrate::up::<Migrator>(&db).await.context("the schema cannot be brought up to date")?;
    let keys = RemoteKeysSettings { trust_anchors, ..RemoteKeysSettings::new(config.tokens.jwks_url()) };
    let keys = RemoteKeys::with_settings(keys)
        .map_err(|cause| loaded.invalid_setting("tokens.jwks_url", cause.to_string()))?;
    let app = App::new(config, db, Clock::system(), Random::system(), keys)?;
    let http = &app.config.http;
    let stop = Shutdown::on_signals(http.shutdown_delay.duration())?;
    let endpoint = http::endpoint(&app, stop.requested.clone());
    server::serve(endpoint, http, &stop, |address| tracing::info!(%address, "listening")).await?;
    app.db.close().await;
    Ok(())
}
