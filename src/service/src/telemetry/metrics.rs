//! Collects and renders metrics in Prometheus's text format.

use std::{sync::OnceLock, thread, time::Duration};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use poem::{
    Endpoint, Request, Response, Result,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
};

/// Upper bounds of the histograms' buckets, in seconds.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// How often histograms sort their values into buckets. Until then every value is kept, so this bounds their
/// memory.
const UPKEEP: Duration = Duration::from_secs(1);

/// The metrics of the process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Collects the metrics of the macros of the `metrics` crate, from the first call on. Later calls return
    /// the same collector.
    pub fn install() -> Self {
        static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();
        Self(INSTALLED.get_or_init(Self::start).clone())
    }

    fn start() -> PrometheusHandle {
        // The only error is an empty list of buckets.
        let builder = PrometheusBuilder::new();
        let builder = builder.set_buckets(&BUCKETS).unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // Fails only if another recorder is installed. Then this one renders nothing.
        let _ = metrics::set_global_recorder(recorder);
        let upkeep = handle.clone();
        let sort = move || {
            loop {
                thread::park_timeout(UPKEEP);
                upkeep.run_upkeep();
            }
        };
        // Without the thread, values are sorted when the metrics are rendered.
        let _ = thread::Builder::new().name("metrics".to_owned()).spawn(sort);
        handle
    }

    pub fn render(&self) -> String {
        self.0.render()
    }
}

impl Endpoint for Metrics {
    type Output = Response;

    async fn call(&self, _: Request) -> Result<Response> {
        Ok(Response::builder()
            .header(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")
            .header(CACHE_CONTROL, "no-store")
            .body(self.render()))
    }
}
