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
/// Histograms keep every value until it is sorted into its bucket: this often, so that memory stays small.
const UPKEEP: Duration = Duration::from_secs(1);

/// The process's metrics.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Collects what the macros of the `metrics` crate count, from the first call on. Later calls give the same.
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
        // Fails only if somebody else has installed a recorder: then ours renders nothing.
        let _ = metrics::set_global_recorder(recorder);
        let upkeep = handle.clone();
        let sort = move || {
            loop {
                thread::park_timeout(UPKEEP);
                upkeep.run_upkeep();
            }
        };
        // Without the thread, values are sorted when somebody asks for the metrics.
        let _ = thread::Builder::new().name("metrics".to_owned()).spawn(sort);
        handle
    }

    /// The metrics as text.
    pub fn render(&self) -> String {
        self.0.render()
    }
}

/// Answers with the metrics, for `/metrics`.
impl Endpoint for Metrics {
    type Output = Response;

    async fn call(&self, _: Request) -> Result<Response> {
        Ok(Response::builder()
            .header(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")
            .header(CACHE_CONTROL, "no-store")
            .body(self.render()))
    }
}
