//! Defines what happens to every request before and after its endpoint.
//!
//! In this order: a reference is made and stays with the task, and with it the time that the request may wait for the
//! database; the body is put behind its limits; the endpoint answers within the time of a request; a panic or an error
//! becomes a problem; what is left of the body is read, or the connection closed; the reference goes into `X-Request-Id`;
//! one line is logged, with the cause where it failed, and the request is counted. It is the outermost layer, and on the
//! path of every request: it allocates next to nothing.

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
    http::{
        HeaderName, HeaderValue, Version,
        header::{CONNECTION, HOST, X_CONTENT_TYPE_OPTIONS},
    },
};
use tokio::time::timeout;

use self::counts::Counts;
use crate::{
    body::{self, Rest},
    database,
    problem::{self, INTERNAL, MALFORMED, Problem, UNAVAILABLE},
    random::Random,
    routing::Paths,
    settings::HttpSettings,
    telemetry::{RequestContext, RequestId, with_failure},
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
        let http1 = request.version() < Version::HTTP_2;
        let (mut response, rest) = match self.admit(&mut request) {
            Ok(rest) => (self.answer_admitted(request).await, Some(rest)),
            Err(problem) => (self.refuse(problem.into()), None),
        };
        // What is left of the body stands before the next request. Who sends one is told not to (RFC 9112 section 9.6).
        let at_end = match rest {
            Some(rest) => rest.read().await,
            None => false,
        };
        if http1 && !at_end {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn admit(&self, request: &mut Request) -> Result<Rest, Problem> {
        // RFC 9112 section 3.2: a proxy in front may have believed the other one.
        if request.headers().get_all(HOST).iter().nth(1).is_some() {
            return Err(Problem::new(MALFORMED).detail("there is more than one Host header"));
        }
        Ok(body::guard(request, self.body_limit, self.body_timeout)?)
    }

    async fn answer_admitted(&self, request: Request) -> Response {
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
        let answer = with_failure(database::in_request(self.answer(request)));
        let (mut response, failure) = context.scope(answer).await;
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
