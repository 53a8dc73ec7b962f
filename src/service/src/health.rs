//! Answers whether the service is live and whether it is ready: `/health/live` and `/health/ready`.
//!
//! Live means that the process answers; a process that is not live should be restarted. Ready means that the
//! service can work now: its checks pass and no shutdown was requested. A service that is not ready must not
//! be restarted for it: it should only get no requests for a while.

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
    problem::{Problem, ProblemKind},
    routing,
};

/// 503: `failing` names the checks that do not pass.
pub const NOT_READY: ProblemKind =
    ProblemKind::new("not_ready", StatusCode::SERVICE_UNAVAILABLE, "The service is not ready");

/// A check that takes longer has failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub type CheckError = Box<dyn Error + Send + Sync>;
type CheckFuture = Pin<Box<dyn Future<Output = Result<(), CheckError>> + Send>>;

/// The checks that must pass for the service to be ready.
pub struct Health {
    checks: Vec<Check>,
    stopping: CancellationToken,
}

struct Check {
    name: &'static str,
    run: Box<dyn Fn() -> CheckFuture + Send + Sync>,
}

impl Health {
    /// Ready until `stopping` is cancelled. Cancel it some time before the listener stops, so that a load
    /// balancer notices.
    pub fn new(stopping: CancellationToken) -> Self {
        Self { checks: Vec::new(), stopping }
    }

    /// Adds a check, such as a read from the database. Checks run one after another at each readiness
    /// request.
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
            let cause = match timeout(CHECK_TIMEOUT, (check.run)()).await {
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

    /// Has the paths `/live` and `/ready`; nest it at `/health`.
    fn into_endpoint(self) -> Route {
        Route::new()
            .at("/live", routing::get(LivenessEndpoint))
            .at("/ready", routing::get(ReadinessEndpoint(self)))
    }
}

struct LivenessEndpoint;

impl Endpoint for LivenessEndpoint {
    type Output = Response;

    async fn call(&self, _: Request) -> Result<Response> {
        Ok(status("live"))
    }
}

struct ReadinessEndpoint(Health);

impl Endpoint for ReadinessEndpoint {
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
