//! Counts requests by method, route and status, and records their duration.
//!
//! The macros of the `metrics` crate look a counter up by its labels at each use. Here the counters of each
//! route are kept, so a request costs one look-up of a short text. Their number is bounded, because routes
//! are patterns and the methods are those of RFC 9110 and PATCH.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use metrics::{Counter, Histogram, counter, histogram};
use poem::http::Method;

use crate::routing::DocumentedRoutes;

/// Route of a request that matches none.
const UNMATCHED: &str = "unmatched";
/// Method of a request whose method is not in the list.
const OTHER: &str = "OTHER";

#[derive(Default)]
pub(super) struct RequestMetrics(RwLock<HashMap<String, Vec<RouteMetrics>>>);

struct RouteMetrics {
    method: &'static str,
    status: u16,
    requests: Counter,
    duration: Histogram,
}

impl RequestMetrics {
    pub(super) fn count(
        &self,
        method: &Method,
        pattern: Option<&str>,
        status: u16,
        elapsed: Duration,
        paths: &DocumentedRoutes,
    ) {
        // poem gives an empty pattern to a nested route that matches nothing.
        let pattern = pattern.filter(|pattern| !pattern.is_empty()).unwrap_or(UNMATCHED);
        let method = name(method);
        let found = |counted: &&RouteMetrics| counted.status == status && counted.method == method;
        {
            let routes = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(counted) = routes.get(pattern).and_then(|route| route.iter().find(found)) {
                return counted.add(elapsed);
            }
        }
        let mut routes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let route = routes.entry(pattern.to_owned()).or_default();
        if !route.iter().any(|counted| found(&counted)) {
            route.push(RouteMetrics::new(method, paths.path(pattern).unwrap_or(pattern), status));
        }
        if let Some(counted) = route.iter().find(found) {
            counted.add(elapsed);
        }
    }
}

impl RouteMetrics {
    fn new(method: &'static str, route: &str, status: u16) -> Self {
        let route = route.to_owned();
        Self {
            method,
            status,
            requests: counter!(
                "http_requests_total", "method" => method, "route" => route.clone(), "status" => status.to_string()
            ),
            duration: histogram!("http_request_duration_seconds", "method" => method, "route" => route),
        }
    }

    fn add(&self, elapsed: Duration) {
        self.requests.increment(1);
        self.duration.record(elapsed.as_secs_f64());
    }
}

fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => OTHER,
    }
}
