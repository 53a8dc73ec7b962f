//! Assembles a service (its own routes, its document, health and metrics behind one pipeline) and serves it
//! until a signal requests a shutdown.
//!
//! ```text
//!   first signal ──► not ready; load balancers stop sending requests
//!                      │ http.shutdown_delay, or a second signal
//!                      ▼
//!                    no new connections; requests in progress finish within http.shutdown_grace
//!                      │ a further signal
//!                      ▼
//!                    exit with code 1
//! ```

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
    health::Health,
    listener::{ListenError, Listener},
    pipeline::Pipeline,
    process,
    random::Random,
    routing::{self, DocumentedRoutes},
    settings::HttpSettings,
    telemetry::Metrics,
};

/// The parts of a service.
pub struct Server {
    /// The routes of the service itself.
    pub routes: Route,
    /// The OpenAPI document that poem-openapi generated.
    pub document: Value,
    /// Options of the page that browses the document.
    pub docs: DocsOptions,
    /// The checks for readiness.
    pub health: Health,
}

impl Server {
    /// Assembles the parts into one endpoint.
    pub fn endpoint(self, settings: &HttpSettings, random: Random) -> BoxEndpoint<'static, Response> {
        let paths = DocumentedRoutes::from_document(&self.document);
        let mut routes = self.routes.nest("/health", self.health.into_endpoint());
        if settings.metrics_listen.is_none() {
            routes = routes.at("/metrics", routing::get(Metrics::install()));
        }
        if settings.docs {
            routes = Docs::new(self.document, self.docs).mount(routes);
        }
        Pipeline::new(routes.map_to_response().boxed(), settings, random, paths).boxed()
    }
}

/// The two stages of a shutdown: first the readiness, then the listener.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Cancelled by the first signal. Readiness and background work depend on it.
    pub requested: CancellationToken,
    stop_serving: CancellationToken,
}

impl Shutdown {
    /// Requests a shutdown when the process receives SIGTERM or SIGINT.
    pub fn on_signals(delay: Duration) -> std::io::Result<Self> {
        let stop = Self::default();
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let signalled = stop.clone();
        tokio::spawn(async move {
            either_signal(&mut terminate, &mut interrupt).await;
            tracing::info!("stopping");
            signalled.requested.cancel();
            tokio::select! {
                () = sleep(delay) => {}
                () = either_signal(&mut terminate, &mut interrupt) => {}
            }
            signalled.stop_serving.cancel();
            either_signal(&mut terminate, &mut interrupt).await;
            tracing::warn!("stopped without waiting for requests under way");
            std::process::exit(1);
        });
        Ok(stop)
    }
}

async fn either_signal(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Serves until a shutdown is requested and the last request is answered. `ready` receives the socket address
/// with its real port.
pub async fn serve(
    endpoint: BoxEndpoint<'static, Response>,
    settings: &HttpSettings,
    stop: &Shutdown,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ListenError> {
    let max_connections = process::room_for_connections(settings.max_connections);
    let settings = &HttpSettings { max_connections, ..settings.clone() };
    let listener = Listener::bind(settings.listen, settings).await?;
    if let Some(address) = settings.metrics_listen {
        let metrics = Route::new().at("/metrics", routing::get(Metrics::install()));
        let listener = Listener::bind_plain(address, settings).await?;
        tokio::spawn(listener.serve(metrics.map_to_response().boxed(), stop.stop_serving.clone()));
    }
    ready(listener.address());
    listener.serve(endpoint, stop.stop_serving.clone()).await;
    Ok(())
}
