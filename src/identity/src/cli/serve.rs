//! Defines `postern serve`: the provider, until a signal stops it.

use std::net::SocketAddr;

use postern_migrations::identity::Migrator;
use postern_service::{
    clock::Clock,
    database::{Database, changes, migrate},
    process,
    random::Random,
    server::Shutdown,
    telemetry::{self, Metrics},
};

use super::{context::Context, error::CommandError, output::Report};
use crate::{App, http, jobs};

/// Migrates the schema under a lock, so that several nodes may start at once; then serves.
pub(super) async fn run(context: &Context) -> Result<Report, CommandError> {
    process::keep_memory_private();
    let config = context.settings_to_serve()?.settings;
    let _log = telemetry::init(&config.telemetry)?;
    Metrics::install();
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let db = Database::open(&config.database).await?;
    migrate::up::<Migrator>(&db).await?;
    let app = App::new(config, db, Clock::system(), Random::system()).await?;
    serve_until_stopped(&app, |address| tracing::info!(%address, issuer = app.config.issuer, "listening"))
        .await?;
    Ok(Report::silent())
}

/// Refuses to serve if a resource is on the issuer's origin: its tokens would have an audience of the issuer.
fn refuse_resource_on_issuer_origin(app: &App) -> Result<(), CommandError> {
    let resources = app.resources();
    let Some(resource) = resources.find_on_origin_of(&app.config.issuer) else { return Ok(()) };
    let identifier = &resource.row.identifier;
    Err(CommandError::Failed(format!(
        "the resource {identifier} is on the origin of the issuer {}: give the issuer another origin, or remove the \
         resource with `postern resource remove {identifier}` and add it on its own",
        app.config.issuer
    )))
}

/// Serves, runs jobs and reloads what other nodes and commands change, until SIGTERM or SIGINT.
pub(super) async fn serve_until_stopped(
    app: &App,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), CommandError> {
    refuse_resource_on_issuer_origin(app)?;
    let stop = Shutdown::on_signals(app.config.http.shutdown_delay.duration())?;
    let runner = tokio::spawn(jobs::runner::run(app.clone(), stop.requested.clone()));
    tokio::select! {
        served = http::serve::serve(app, &stop, ready) => served?,
        // Never completes.
        () = changes::watch(&app.db, |topic| async move { app.reload(&topic).await }) => {}
    }
    if let Err(cause) = runner.await {
        tracing::error!(%cause, "the runner of jobs failed");
    }
    app.db.close().await;
    Ok(())
}
