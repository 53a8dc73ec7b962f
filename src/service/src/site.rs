//! Puts a service together: its own routes, its document, health and metrics behind one entrance, served until a signal
//! asks it to stop.
//!
//! Stopping: readiness goes at once, so that load balancers look away; then, after `http.shutdown_delay`, no connection
//! is accepted any more and requests under way are finished within `http.shutdown_grace`. A second signal ends the wait.

use std::{net::SocketAddr, time::Duration};

use poem::{EndpointExt, IntoEndpoint, Response, Route, endpoint::BoxEndpoint};
use serde_json::Value;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::{
    docs::{Docs, DocsOptions},
    entrance::Entrance,
    health::Health,
    listener::{ListenError, Listener},
    process,
    random::Random,
    routing::{self, Paths},
    settings::HttpSettings,
    telemetry::Metrics,
};

/// What a service shows to the world.
pub struct Site {
    /// Its own routes.
    pub routes: Route,
    /// Its OpenAPI document, as poem-openapi made it.
    pub document: Value,
    /// What the page that browses the document is to know.
    pub docs: DocsOptions,
    /// What has to be well for it to be ready.
    pub health: Health,
}

impl Site {
    /// All of it as one endpoint.
    pub fn endpoint(self, settings: &HttpSettings, random: Random) -> BoxEndpoint<'static, Response> {
        let paths = Paths::of_document(&self.document);
        let mut routes = self.routes.nest("/health", self.health.into_endpoint());
        if settings.metrics_listen.is_none() {
            routes = routes.at("/metrics", routing::get(Metrics::install()));
        }
        if settings.docs {
            routes = Docs::new(self.document, self.docs).mount(routes);
        }
        Entrance::new(routes.map_to_response().boxed(), settings, random, paths).boxed()
    }
}

/// When to stop: readiness first, then the listener.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Cancelled when a stop was asked for: readiness and background work listen to it.
    pub asked: CancellationToken,
    now: CancellationToken,
}

impl Stop {
    /// Stops when the process gets SIGTERM or SIGINT.
    pub fn on_signals(delay: Duration) -> std::io::Result<Self> {
        let stop = Self::default();
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let signalled = stop.clone();
        tokio::spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            tracing::info!("stopping");
            signalled.asked.cancel();
            tokio::select! {
                () = sleep(delay) => {}
                () = either(&mut terminate, &mut interrupt) => {}
            }
            signalled.now.cancel();
            either(&mut terminate, &mut interrupt).await;
            tracing::warn!("stopped without waiting for requests under way");
            std::process::exit(1);
        });
        Ok(stop)
    }
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Serves until a stop is asked for and the last request is answered. `ready` learns the address with its real port.
pub async fn serve(
    endpoint: BoxEndpoint<'static, Response>,
    settings: &HttpSettings,
    stop: &Stop,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ListenError> {
    let max_connections = process::room_for_connections(settings.max_connections);
    let settings = &HttpSettings { max_connections, ..settings.clone() };
    let listener = Listener::bind(settings.listen, settings).await?;
    if let Some(address) = settings.metrics_listen {
        let metrics = Route::new().at("/metrics", routing::get(Metrics::install()));
        let listener = Listener::bind(address, settings).await?;
        tokio::spawn(listener.serve(metrics.map_to_response().boxed(), stop.now.clone()));
    }
    ready(listener.address());
    listener.serve(endpoint, stop.now.clone()).await;
    Ok(())
}
