//! Defines what happens to every request before and after its endpoint.
//!
//! ```text
//!   request ──► request ID, budget for ──► limits of ──► endpoint, within
//!               database waits             the body      request_timeout
//!                                                            │
//!                                                            ▼
//!  response ◄── log line, ◄── X-Request-Id ◄── rest of the ◄── panic or error
//!               metrics                        body read,      becomes a problem
//!                                              or connection
//!                                              closed
//! ```
//!
//! The pipeline is the first layer that the service adds around its routes, and every request passes it, so
//! it allocates almost nothing.

mod request_metrics;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use poem::{
    Endpoint, PathPattern, Request, Response, Result,
    endpoint::BoxEndpoint,
    http::{
        HeaderName, HeaderValue, Version,
        header::{CONNECTION, HOST, X_CONTENT_TYPE_OPTIONS},
    },
};
use tokio::time::timeout;

use self::request_metrics::RequestMetrics;
use crate::{
    body::{self, UnreadBody},
    database,
    problem::{self, INTERNAL, MALFORMED, Problem, UNAVAILABLE},
    random::Random,
    routing::DocumentedRoutes,
    settings::HttpSettings,
    telemetry::{CurrentRequest, RequestId, capture_failure},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// `Retry-After` of a request that exceeded its time-out.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Wraps the endpoint of a whole service.
pub struct Pipeline {
    endpoint: BoxEndpoint<'static, Response>,
    random: Random,
    paths: DocumentedRoutes,
    metrics: RequestMetrics,
    body_limit: usize,
    body_timeout: Duration,
    request_timeout: Duration,
}

impl Pipeline {
    /// Wraps `endpoint`, whose documented routes are `paths`.
    pub fn new(
        endpoint: BoxEndpoint<'static, Response>,
        settings: &HttpSettings,
        random: Random,
        paths: DocumentedRoutes,
    ) -> Self {
        Self {
            endpoint,
            random,
            paths,
            metrics: RequestMetrics::default(),
            body_limit: settings.body_limit.bytes(),
            body_timeout: settings.body_timeout.duration(),
            request_timeout: settings.request_timeout.duration(),
        }
    }

    async fn answer(&self, mut request: Request) -> Response {
        let http1 = request.version() < Version::HTTP_2;
        let (mut response, rest) = match self.admit(&mut request) {
            Ok(rest) => (self.answer_admitted(request).await, Some(rest)),
            Err(problem) => (self.error_response(problem.into()), None),
        };
        // The unread rest of the body precedes the next request on the connection. If the rest is too long,
        // the client is told to close the connection (RFC 9112 section 9.6).
        let at_end = match rest {
            Some(rest) => rest.drain().await,
            None => false,
        };
        if http1 && !at_end {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn admit(&self, request: &mut Request) -> Result<UnreadBody, Problem> {
        // RFC 9112 section 3.2. A proxy in front may have used the other header.
        if request.headers().get_all(HOST).iter().nth(1).is_some() {
            return Err(Problem::new(MALFORMED).detail("there is more than one Host header"));
        }
        Ok(body::limit_body(request, self.body_limit, self.body_timeout)?)
    }

    async fn answer_admitted(&self, request: Request) -> Response {
        match timeout(self.request_timeout, catch_panic(self.endpoint.call(request))).await {
            Ok(Some(Ok(response))) => response,
            Ok(Some(Err(error))) => self.error_response(error),
            Ok(None) => self.error_response(Problem::new(INTERNAL).into()),
            Err(_elapsed) => {
                tracing::warn!("request took too long");
                self.error_response(Problem::new(UNAVAILABLE).retry_after(RETRY_AFTER).into())
            }
        }
    }

    fn error_response(&self, error: poem::Error) -> Response {
        problem::respond(error, &self.paths)
    }
}

impl Endpoint for Pipeline {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let began = Instant::now();
        let id = RequestId::new(&self.random);
        let method = request.method().clone();
        let uri = request.uri().clone();

        let context = CurrentRequest { id };
        let answer = capture_failure(database::with_wait_budget(self.answer(request)));
        let (mut response, failure) = context.scope(answer).await;
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            headers.insert(REQUEST_ID, value);
        }
        // Browsers must not guess another media type, for errors neither (ASVS 3.4.4).
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

        let took = began.elapsed();
        let status = response.status().as_u16();
        let pattern = response.data::<PathPattern>().map(|pattern| &*pattern.0);
        self.metrics.count(&method, pattern, status, took, &self.paths);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        // Only the path is logged: a query may contain codes and tokens.
        let (method, path, request_id) = (method.as_str(), uri.path(), id.as_str());
        match failure {
            Some(cause) if status == 503 => {
                tracing::warn!(method, path, status, micros, request_id, cause, "request failed");
            }
            Some(cause) => tracing::error!(method, path, status, micros, request_id, cause, "request failed"),
            None => tracing::info!(method, path, status, micros, request_id, "request"),
        }
        Ok(response)
    }
}

/// The output of `future`, or `None` if it panicked; the panic hook has logged the panic. Only state that
/// tolerates a panic is used afterwards: locks that recover from poisoning, and pools that drop a broken
/// connection.
async fn catch_panic<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(polled) => polled.map(Some),
        Err(_panic) => Poll::Ready(None),
    })
    .await
}
