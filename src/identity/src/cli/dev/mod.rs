//! Defines `postern dev`: the provider on this machine with seeded data, and an inbox instead of mail.
//!
//! Runs the same server as `serve`, on loopback addresses only. Its settings override the built-in defaults;
//! a file or the environment overrides both. `serve` uses nothing of this module.

mod certificate;
mod secrets;
mod seeds;
mod start_page;

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

use self::{certificate::DevCertificate, secrets::Secrets};
use super::{context::Context, error::CommandError, output, output::Report, serve};
use crate::{App, config::Config, mail::Inbox};

/// How to run it.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where database and secrets are kept between runs.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Forget what is kept there and start over; only the certificate of --tls stays.
    #[arg(long)]
    fresh: bool,
    /// Where postern-tasks runs: its resource and its client `tasks-web` are seeded for this origin.
    #[arg(long, value_name = "URL", default_value = "http://localhost:7118")]
    tasks: String,
    /// Serve https with a certificate of its own, which is kept in DIR.
    #[arg(long)]
    tls: bool,
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
    require_own_database(&configured, &arguments.data, &secrets_file)?;
    if arguments.fresh {
        remove_kept_data(&configured, &arguments.data, &secrets_file)?;
    }
    fs::create_dir_all(&arguments.data)?;
    let mut secrets = Secrets::load_or_create(secrets_file)?;
    let certificate = arguments.tls.then(|| DevCertificate::load_or_create(&arguments.data)).transpose()?;
    let mut dev_settings = default_dev_settings(&configured, &arguments.data, &secrets);
    dev_settings.extend(certificate.iter().flat_map(|certificate| tls_settings(&configured, certificate)));
    let environment =
        dev_settings.iter().map(|(key, value)| (environment_variable(key).into(), value.into())).collect();
    let config = context.settings_with_environment(environment)?.settings;
    let settings_file = arguments.data.join("dev.toml");
    write_settings(&settings_file, &settings_table(&config, &dev_settings))?;
    let tls =
        certificate.map(|certificate| TlsReport::prepare(certificate, &arguments, &config)).transpose()?;
    let _log = telemetry::init(&config.telemetry)?;
    Metrics::install();
    let db = Database::open(&config.database).await?;
    migrate::up::<Migrator>(&db).await?;
    let app =
        App::builder(config, db, Clock::system(), Random::system()).inbox(Inbox::default()).build().await?;
    seeds::seed(&app, &arguments.tasks, &mut secrets).await?;
    start_page::prepare(&app, &arguments.tasks, &secrets, &settings_file)?;
    serve::serve_until_stopped(&app, |_| {
        output::print(
            &welcome_report(&app.config.issuer, &arguments.tasks, &secrets, &settings_file, tls.as_ref()),
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

/// Refuses a database that was made without dev: its key is elsewhere, and --fresh would delete it.
fn require_own_database(
    configured: &LoadedSettings<Config>,
    data: &Path,
    secrets: &Path,
) -> Result<(), CommandError> {
    let database = data.join("postern.db");
    if !setting_is_default(configured, "database.url") || secrets.exists() || !database.exists() {
        return Ok(());
    }
    Err(CommandError::Failed(format!(
        "{} is not a database of `postern dev`, whose secrets would be in {}: choose another folder by --data, or remove \
         the database yourself",
        database.display(),
        secrets.display()
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
        // Apps on this machine are told that a session ended.
        ("outbound.allow_hosts", r#"["localhost", "127.0.0.1"]"#),
        // A first start has dozens of steps of the schema, which say nothing to a developer of apps.
        ("telemetry.log", "info,sea_orm_migration=warn"),
        // One person tries everything repeatedly.
        ("limits.failures_per_source", "1000 per 15m per ip"),
        ("limits.registrations_per_source", "1000 per 1h per ip"),
        ("limits.codes_per_recipient", "1000 per 15m per recipient"),
        ("limits.codes_per_source", "1000 per 15m per ip"),
    ];
    let unset = settings.into_iter().filter(|(key, _)| setting_is_default(configured, key));
    unset.map(|(key, value)| (key, value.to_owned())).collect()
}

/// The settings of dev with TLS that neither a file nor the environment sets.
fn tls_settings(
    configured: &LoadedSettings<Config>,
    certificate: &DevCertificate,
) -> Vec<(&'static str, String)> {
    let text = |path: &Path| path.display().to_string();
    let settings = [
        ("issuer", format!("https://localhost:{}", configured.settings.http.listen.port())),
        ("http.tls_certificate", text(&certificate.files.certificate)),
        ("http.tls_key", text(&certificate.files.key)),
        // Apps on this machine may use the same certificate.
        ("outbound.trust_anchors", text(&certificate.authority)),
    ];
    settings.into_iter().filter(|(key, _)| setting_is_default(configured, key)).collect()
}

/// The settings for commands that run beside the server: `postern keys rotate --config data/dev.toml`.
fn settings_table(config: &Config, dev_settings: &[(&'static str, String)]) -> toml::Table {
    let listen = ("http.listen", config.http.listen.to_string());
    let mut file = toml::Table::new();
    file.insert("issuer".to_owned(), config.issuer.clone().into());
    // Programs beside the server have no inbox, and open registration needs mail.
    let registration = ("registration.mode", "invitation".to_owned());
    for (key, value) in dev_settings.iter().chain([&listen]) {
        let value = if *key == registration.0 { &registration.1 } else { value };
        // Only the issuer is in no section.
        let Some((section, key)) = key.split_once('.') else { continue };
        let section = file.entry(section).or_insert_with(|| toml::Table::new().into());
        if let Some(section) = section.as_table_mut() {
            section.insert(key.to_owned(), as_toml(value));
        }
    }
    file
}

/// A list is written as one; all other settings are texts.
fn as_toml(value: &str) -> toml::Value {
    value.parse().ok().filter(toml::Value::is_array).unwrap_or_else(|| value.into())
}

fn write_settings(path: &Path, settings: &toml::Table) -> Result<(), CommandError> {
    let text = toml::to_string(settings).map_err(io::Error::other)?;
    let text = format!(
        "# Written by `postern dev` for programs beside it, such as `postern keys list --config data/dev.toml`.\n{text}"
    );
    Ok(secrets::write_for_owner(path, text.as_bytes())?)
}

fn setting_is_default(configured: &LoadedSettings<Config>, key: &str) -> bool {
    configured.explain().iter().any(|setting| setting.key == key && setting.origin == Origin::Default)
}

fn environment_variable(key: &str) -> String {
    format!("POSTERN_{}", key.replace('.', "__").to_uppercase())
}

/// The files that other programs need to trust the certificate.
struct TlsReport {
    authority: PathBuf,
    /// The settings of `postern-tasks`.
    tasks_settings: PathBuf,
}

impl TlsReport {
    fn prepare(
        certificate: DevCertificate,
        arguments: &Arguments,
        config: &Config,
    ) -> Result<Self, CommandError> {
        let DevCertificate { authority, .. } = certificate;
        let tokens = [
            ("issuer", config.issuer.clone()),
            ("audience", arguments.tasks.trim_end_matches('/').to_owned()),
            ("trust_anchors", authority.display().to_string()),
        ];
        let tokens: toml::Table =
            tokens.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
        let tasks_settings = arguments.data.join("dev-tasks.toml");
        write_settings(&tasks_settings, &toml::Table::from_iter([("tokens".to_owned(), tokens.into())]))?;
        Ok(Self { authority, tasks_settings })
    }

    fn text(&self) -> String {
        let authority = self.authority.display();
        format!(
            "  Certificate  trust {authority}, once:\n               \
             browsers import it as an authority; curl --cacert, NODE_EXTRA_CA_CERTS, REQUESTS_CA_BUNDLE\n               \
             (its key was not kept, so it vouches for this one certificate only)\n"
        )
    }
}

/// Reports the URLs to open and the seeded accounts and clients.
fn welcome_report(
    issuer: &str,
    tasks: &str,
    secrets: &Secrets,
    settings: &Path,
    tls: Option<&TlsReport>,
) -> Report {
    let users: Vec<_> = seeds::users().into_iter().map(|user| user.email).collect();
    let demo = [("demo-web", secrets.demo_web()), ("demo-service", secrets.demo_service())];
    let text = format!(
        "Postern is ready, for this machine only.\n\n  \
         Start        {issuer}/\n  \
         Sign in as   {}\n  \
         Codes        {issuer}/dev/inbox\n  \
         Account      {issuer}/account\n  \
         API          {issuer}/docs\n  \
         Tasks        {tasks} (when postern-tasks runs{})\n  \
         Clients      tasks-web, docs and tasks-docs (public)\n               {}\n  \
         Secrets      {}\n  \
         Commands     {} keys list --config {}\n{}",
        users.join(", "),
        tls.map(|tls| format!(": postern-tasks serve --config {}", tls.tasks_settings.display()))
            .unwrap_or_default(),
        demo.map(|(client, secret)| format!("{client} with secret {secret}")).join("\n               "),
        secrets.path().display(),
        start_page::program(),
        settings.display(),
        tls.map(TlsReport::text).unwrap_or_default(),
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
        "certificate_authority": tls.map(|tls| &tls.authority),
        "tasks_settings_file": tls.map(|tls| &tls.tasks_settings),
    });
    Report::new(text, value)
}
