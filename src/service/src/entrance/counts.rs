//! Counts requests by method, route and status.
//!
//! The macros of the `metrics` crate look a counter up by its labels each time; here the counters of a route are kept, so
//! that a request costs one look-up of a short text. Their number is bounded: routes are patterns, methods those of
//! RFC 9110 and PATCH.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use metrics::{Counter, Histogram, counter, histogram};
use poem::http::Method;

use crate::routing::Paths;

/// The route of a request that no route took.
const UNMATCHED: &str = "unmatched";
/// The method of a request whose method nobody knows.
const OTHER: &str = "OTHER";

#[derive(Default)]
pub(super) struct Counts(RwLock<HashMap<String, Vec<Counted>>>);

struct Counted {
    method: &'static str,
    status: u16,
    requests: Counter,
    duration: Histogram,
}

impl Counts {
    pub(super) fn count(
        &self,
        method: &Method,
        pattern: Option<&str>,
        status: u16,
        took: Duration,
        paths: &Paths,
    ) {
        // A nested route that matches nothing has an empty pattern.
        let pattern = pattern.filter(|pattern| !pattern.is_empty()).unwrap_or(UNMATCHED);
        let method = name(method);
        let found = |counted: &&Counted| counted.status == status && counted.method == method;
        {
            let routes = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(counted) = routes.get(pattern).and_then(|route| route.iter().find(found)) {
                return counted.add(took);
            }
        }
        let mut routes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let route = routes.entry(pattern.to_owned()).or_default();
        if !route.iter().any(|counted| found(&counted)) {
            route.push(Counted::new(method, paths.path(pattern).unwrap_or(pattern), status));
        }
        if let Some(counted) = route.iter().find(found) {
            counted.add(took);
        }
    }
}

impl Counted {
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

    fn add(&self, took: Duration) {
        self.requests.increment(1);
        self.duration.record(took.as_secs_f64());
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
