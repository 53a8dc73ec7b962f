//! Answers whether the service lives and whether it is ready: `/health/live` and `/health/ready`.
//!
//! Live means that the process answers; restart it when it does not. Ready means that it can do its work now: its checks
//! pass and no stop was asked for. A service that is not ready must not be restarted for it, only be left alone for a
//! while.

use std::{error::Error, pin::Pin, time::Duration};

use poem::{
    Endpoint, IntoEndpoint, Request, Response, Result, Route,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    problem::{Kind, Problem},
    routing,
};

/// 503: `failing` names the checks that do not pass.
pub const NOT_READY: Kind =
    Kind::new("not_ready", StatusCode::SERVICE_UNAVAILABLE, "The service is not ready");

/// A check that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long to wait before asking again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a check failed.
pub type CheckError = Box<dyn Error + Send + Sync>;
type Running = Pin<Box<dyn Future<Output = Result<(), CheckError>> + Send>>;

/// What has to be well for the service to be ready.
pub struct Health {
    checks: Vec<Check>,
    stopping: CancellationToken,
}

struct Check {
    name: &'static str,
    run: Box<dyn Fn() -> Running + Send + Sync>,
}

impl Health {
    /// Ready until `stopping` is cancelled: cancel it some time before the listener stops, so that a load balancer sees it.
    pub fn new(stopping: CancellationToken) -> Self {
        Self { checks: Vec::new(), stopping }
    }

    /// Adds a check, such as one read from the database. Checks run one after another, whenever somebody asks.
    #[must_use]
    pub fn check<F>(mut self, name: &'static str, run: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), CheckError>> + Send + 'static,
    {
        self.checks.push(Check { name, run: Box::new(move || Box::pin(run())) });
        self
    }

    async fn failing(&self) -> Vec<&'static str> {
        let mut failing = Vec::new();
        if self.stopping.is_cancelled() {
            failing.push("stopping");
        }
        for check in &self.checks {
            let cause = match timeout(PATIENCE, (check.run)()).await {
                Ok(Ok(())) => continue,
                Ok(Err(cause)) => cause,
                Err(elapsed) => elapsed.into(),
            };
            tracing::warn!(check = check.name, cause = &*cause as &dyn Error, "not ready");
            failing.push(check.name);
        }
        failing
    }
}

impl IntoEndpoint for Health {
    type Endpoint = Route;

    /// `/live` and `/ready`, to be nested at `/health`.
    fn into_endpoint(self) -> Route {
        Route::new().at("/live", routing::get(Live)).at("/ready", routing::get(Ready(self)))
    }
}

struct Live;

impl Endpoint for Live {
    type Output = Response;

    async fn call(&self, _: Request) -> Result<Response> {
        Ok(status("live"))
    }
}

struct Ready(Health);

impl Endpoint for Ready {
    type Output = Response;

    async fn call(&self, _: Request) -> Result<Response> {
        let failing = self.0.failing().await;
        if failing.is_empty() {
            return Ok(status("ready"));
        }
        Err(Problem::new(NOT_READY).with("failing", failing).retry_after(RETRY_AFTER).into())
    }
}

fn status(word: &str) -> Response {
    Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .header(CACHE_CONTROL, "no-store")
        .body(format!("{{\"status\":\"{word}\"}}"))
}
