//! Defines `postern dev`: the provider on this machine with seeded data, and an inbox instead of mail.
//!
//! Runs the same server as `serve`, on loopback addresses only. Its settings override the built-in defaults;
//! a file or the environment overrides both. `serve` uses nothing of this module.

mod secrets;
mod seeds;

use std::{
    fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
};

use postern_migrations::identity::Migrator;
use postern_service::{
    clock::Clock,
    database::{Database, migrate},
    process,
    random::Random,
    settings::{LoadedSettings, Origin},
    telemetry::{self, Metrics},
};
use serde_json::json;

use self::secrets::Secrets;
use super::{context::Context, error::CommandError, output, output::Report, serve};
use crate::{App, config::Config, mail::Inbox};

/// How to run it.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where database and secrets are kept between runs.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Forget what is kept there and start over.
    #[arg(long)]
    fresh: bool,
    /// Where postern-tasks runs: its resource and its client `tasks-web` are seeded for this origin.
    #[arg(long, value_name = "URL", default_value = "http://localhost:7118")]
    tasks: String,
}

pub(super) async fn run(
    context: &Context,
    arguments: Arguments,
    as_json: bool,
) -> Result<Report, CommandError> {
    process::keep_memory_private();
    let secrets_file = arguments.data.join("dev-secrets.toml");
    let configured = context.settings()?;
    require_loopback(&configured.settings)?;
    if arguments.fresh {
        remove_kept_data(&configured, &arguments.data, &secrets_file)?;
    }
    fs::create_dir_all(&arguments.data)?;
    let mut secrets = Secrets::load_or_create(secrets_file)?;
    let dev_settings = default_dev_settings(&configured, &arguments.data, &secrets);
    let settings_file = arguments.data.join("dev.toml");
    secrets::write_for_owner(&settings_file, &settings_file_text(&configured.settings, &dev_settings)?)?;
    let environment =
        dev_settings.iter().map(|(key, value)| (environment_variable(key).into(), value.into())).collect();
    let config = context.settings_with_environment(environment)?.settings;
    let _log = telemetry::init(&config.telemetry)?;
    Metrics::install();
    let db = Database::open(&config.database).await?;
    migrate::up::<Migrator>(&db).await?;
    let app =
        App::builder(config, db, Clock::system(), Random::system()).inbox(Inbox::default()).build().await?;
    seeds::seed(&app, &arguments.tasks, &mut secrets).await?;
    serve::serve_until_stopped(&app, |_| {
        output::print(
            &welcome_report(&app.config.issuer, &arguments.tasks, &secrets, &settings_file),
            as_json,
        );
    })
    .await?;
    Ok(Report::silent())
}

/// Allows loopback addresses only: whoever reaches the server can read the inbox and sign in as a seeded
/// user.
fn require_loopback(config: &Config) -> Result<(), CommandError> {
    let addresses = std::iter::once(config.http.listen).chain(config.http.metrics_listen);
    if let Some(address) = addresses.into_iter().find(|address| !address.ip().is_loopback()) {
        return Err(CommandError::Failed(format!(
            "dev listens on loopback addresses only, not on {address}: use `postern serve`"
        )));
    }
    if config.issuer_is_loopback() {
        return Ok(());
    }
    Err(CommandError::Failed(format!(
        "dev serves a loopback issuer only, such as http://localhost:7117, not {}: use `postern serve`",
        config.issuer
    )))
}

/// Deletes the data of earlier runs. Binds the listen address first, because a server may still use the data.
fn remove_kept_data(
    configured: &LoadedSettings<Config>,
    data: &Path,
    secrets: &Path,
) -> Result<(), CommandError> {
    if !setting_is_default(configured, "database.url") {
        let advice =
            "--fresh removes the database under --data only: remove the one of database.url yourself";
        return Err(CommandError::Usage(advice.to_owned()));
    }
    let address = configured.settings.http.listen;
    drop(TcpListener::bind(address).map_err(|cause| {
        CommandError::Failed(format!("{address} is in use ({cause}): stop the server there before --fresh"))
    })?);
    let database = ["postern.db", "postern.db-wal", "postern.db-shm"].map(|name| data.join(name));
    for file in database.iter().map(PathBuf::as_path).chain([secrets]) {
        match fs::remove_file(file) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause.into()),
            _ => {}
        }
    }
    Ok(())
}

/// The settings of dev that neither a file nor the environment sets.
fn default_dev_settings(
    configured: &LoadedSettings<Config>,
    data: &Path,
    secrets: &Secrets,
) -> Vec<(&'static str, String)> {
    let database = format!("sqlite://{}", data.join("postern.db").display());
    let settings = [
        ("database.url", database.as_str()),
        ("secrets.encryption_key", secrets.encryption_key()),
        // Lets `keys rotate` be tried without waiting for an hour.
        ("keys.publish_before", "10s"),
        // The method `code` sends its codes to the inbox instead of the terminal.
        ("login.code_delivery", "console"),
        // Registration can be tried.
        ("registration.mode", "open"),
        // One person tries everything repeatedly.
        ("limits.failures_per_source", "1000 per 15m per ip"),
        ("limits.registrations_per_source", "1000 per 1h per ip"),
        ("limits.codes_per_recipient", "1000 per 15m per recipient"),
        ("limits.codes_per_source", "1000 per 15m per ip"),
    ];
    let unset = settings.into_iter().filter(|(key, _)| setting_is_default(configured, key));
    unset.map(|(key, value)| (key, value.to_owned())).collect()
}

/// The settings file for commands that run beside the server: `postern keys rotate --config data/dev.toml`.
fn settings_file_text(
    config: &Config,
    dev_settings: &[(&'static str, String)],
) -> Result<String, CommandError> {
    let listen = ("http.listen", config.http.listen.to_string());
    let mut file = toml::Table::new();
    file.insert("issuer".to_owned(), config.issuer.clone().into());
    for (key, value) in dev_settings.iter().chain([&listen]) {
        let (section, key) = key.split_once('.').unwrap_or(("", key));
        let section = file.entry(section).or_insert_with(|| toml::Table::new().into());
        if let Some(section) = section.as_table_mut() {
            section.insert(key.to_owned(), value.clone().into());
        }
    }
    let text = toml::to_string(&file).map_err(io::Error::other)?;
    Ok(format!(
        "# Written by `postern dev` for commands beside it, such as `postern keys list --config FILE`.\n{text}"
    ))
}

fn setting_is_default(configured: &LoadedSettings<Config>, key: &str) -> bool {
    configured.explain().iter().any(|setting| setting.key == key && setting.origin == Origin::Default)
}

fn environment_variable(key: &str) -> String {
    format!("POSTERN_{}", key.replace('.', "__").to_uppercase())
}

/// Reports the URLs to open and the seeded accounts and clients.
fn welcome_report(issuer: &str, tasks: &str, secrets: &Secrets, settings: &Path) -> Report {
    let users: Vec<_> = seeds::users().into_iter().map(|user| user.email).collect();
    let demo = [("demo-web", secrets.demo_web()), ("demo-service", secrets.demo_service())];
    let text = format!(
        "Postern is ready, for this machine only.\n\n  \
         Sign in as   {}\n  \
         Codes        {issuer}/dev/inbox\n  \
         Account      {issuer}/account\n  \
         API          {issuer}/docs\n  \
         Tasks        {tasks} (when postern-tasks runs)\n  \
         Clients      tasks-web, docs and tasks-docs (public)\n               {}\n  \
         Secrets      {}\n  \
         Commands     postern keys list --config {}\n",
        users.join(", "),
        demo.map(|(client, secret)| format!("{client} with secret {secret}")).join("\n               "),
        secrets.path().display(),
        settings.display(),
    );
    let value = json!({
        "issuer": issuer,
        "inbox": format!("{issuer}/dev/inbox"),
        "docs": format!("{issuer}/docs"),
        "tasks": tasks,
        "users": users,
        "clients": { "tasks-web": null, "docs": null, "tasks-docs": null, "demo-web": demo[0].1, "demo-service": demo[1].1 },
        "secrets_file": secrets.path(),
        "settings_file": settings,
    });
    Report::new(text, value)
}
