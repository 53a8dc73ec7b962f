//! Answers only to names of this machine, where the inbox is open to everybody (`postern dev`).
//!
//! A page of any site may let its own name point to 127.0.0.1 and then reads, as far as the browser knows, its own
//! server (DNS rebinding): every code and link of the inbox. Such a request still names that site in `Host`.

use poem::{
    Endpoint, Request, Response, Result,
    endpoint::BoxEndpoint,
    http::{StatusCode, header::HOST, uri::Authority},
};
use postern_service::problem::{Problem, ProblemKind};

use crate::config::host_is_loopback;

const MISDIRECTED: ProblemKind =
    ProblemKind::new("misdirected_request", StatusCode::MISDIRECTED_REQUEST, "This server is not that host");

/// The endpoint behind it, for requests to this machine and to the issuer.
pub(super) struct OwnHosts {
    pub(super) inner: BoxEndpoint<'static, Response>,
    pub(super) own: String,
}

impl Endpoint for OwnHosts {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if self.answers_to(&request) {
            return self.inner.call(request).await;
        }
        let detail = format!("a development server answers to localhost and {} only", self.own);
        Err(Problem::new(MISDIRECTED).detail(detail).into())
    }
}

impl OwnHosts {
    /// HTTP/2 has the host in the URL. A request without any is no browser's.
    fn answers_to(&self, request: &Request) -> bool {
        let named = match request.headers().get(HOST) {
            Some(host) => host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()),
            None => match request.uri().authority() {
                Some(authority) => Some(authority.clone()),
                None => return true,
            },
        };
        named.is_some_and(|named| {
            let host = named.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
            host == self.own || host_is_loopback(&host)
        })
    }
}
