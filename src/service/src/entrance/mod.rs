//! Defines what happens to every request before and after its endpoint.
//!
//! In this order: a reference is made and stays with the task; the body is put behind its limits; the endpoint answers
//! within the time of a request; a panic or an error becomes a problem; the reference goes into `X-Request-Id`; one line
//! is logged and the request is counted. It is the outermost layer, and on the path of every request: it allocates next
//! to nothing.

mod counts;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use poem::{
    Endpoint, PathPattern, Request, Response, Result,
    endpoint::BoxEndpoint,
    http::{HeaderName, HeaderValue, header::X_CONTENT_TYPE_OPTIONS},
};
use tokio::time::timeout;

use self::counts::Counts;
use crate::{
    body,
    problem::{self, INTERNAL, Problem, UNAVAILABLE},
    random::Random,
    routing::Paths,
    settings::HttpSettings,
    telemetry::{RequestContext, RequestId},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How long to wait after a request that took too long.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The way in to an endpoint.
pub struct Entrance {
    endpoint: BoxEndpoint<'static, Response>,
    random: Random,
    paths: Paths,
    counts: Counts,
    body_limit: usize,
    body_timeout: Duration,
    request_timeout: Duration,
}

impl Entrance {
    /// The way in to `endpoint`, whose documented routes are `paths`.
    pub fn new(
        endpoint: BoxEndpoint<'static, Response>,
        settings: &HttpSettings,
        random: Random,
        paths: Paths,
    ) -> Self {
        Self {
            endpoint,
            random,
            paths,
            counts: Counts::default(),
            body_limit: settings.body_limit.bytes(),
            body_timeout: settings.body_timeout.duration(),
            request_timeout: settings.request_timeout.duration(),
        }
    }

    async fn answer(&self, mut request: Request) -> Response {
        if let Err(cause) = body::guard(&mut request, self.body_limit, self.body_timeout) {
            return self.refuse(Problem::from(cause).into());
        }
        match timeout(self.request_timeout, catch_panic(self.endpoint.call(request))).await {
            Ok(Some(Ok(response))) => response,
            Ok(Some(Err(error))) => self.refuse(error),
            Ok(None) => self.refuse(Problem::new(INTERNAL).into()),
            Err(_elapsed) => {
                tracing::warn!("request took too long");
                self.refuse(Problem::new(UNAVAILABLE).retry_after(RETRY_AFTER).into())
            }
        }
    }

    fn refuse(&self, error: poem::Error) -> Response {
        problem::respond(error, &self.paths)
    }
}

impl Endpoint for Entrance {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let began = Instant::now();
        let id = RequestId::new(&self.random);
        let method = request.method().clone();
        let uri = request.uri().clone();

        let context = RequestContext { id };
        let mut response = context.scope(self.answer(request)).await;
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            headers.insert(REQUEST_ID, value);
        }
        // Every answer, errors too, is what it says it is (ASVS 3.4.4).
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

        let took = began.elapsed();
        let status = response.status().as_u16();
        let pattern = response.data::<PathPattern>().map(|pattern| &*pattern.0);
        self.counts.count(&method, pattern, status, took, &self.paths);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        // The path only: a query may hold codes and tokens.
        tracing::info!(
            method = method.as_str(),
            path = uri.path(),
            status,
            micros,
            request_id = id.as_str(),
            "request"
        );
        Ok(response)
    }
}

/// The outcome of `future`, or `None` if it panicked: the panic's hook has logged it. Nothing is reused after a panic but
/// what is made for it: locks that recover, pools that drop a broken connection.
async fn catch_panic<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(polled) => polled.map(Some),
        Err(_panic) => Poll::Ready(None),
    })
    .await
}
