//! Defines `AllowedHosts`: a middleware of `postern dev`, whose inbox is open to everybody. It rejects
//! requests for other hosts than this machine and the issuer.
//!
//! With DNS rebinding, any site lets its own name resolve to 127.0.0.1. The browser then treats the inbox,
//! with every code and link, as same-origin with that site. Such a request still has that site's name in
//! `Host`.

use poem::{
    Endpoint, Request, Response, Result,
    endpoint::BoxEndpoint,
    http::{StatusCode, header::HOST, uri::Authority},
};
use postern_service::problem::{Problem, ProblemKind};

use crate::config::host_is_loopback;

const MISDIRECTED: ProblemKind =
    ProblemKind::new("misdirected_request", StatusCode::MISDIRECTED_REQUEST, "This server is not that host");

/// Passes on requests for this machine and for the issuer's host.
pub(super) struct AllowedHosts {
    pub(super) inner: BoxEndpoint<'static, Response>,
    pub(super) issuer_host: String,
}

impl Endpoint for AllowedHosts {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if self.host_allowed(&request) {
            return self.inner.call(request).await;
        }
        let detail = format!("a development server answers to localhost and {} only", self.issuer_host);
        Err(Problem::new(MISDIRECTED).detail(detail).into())
    }
}

impl AllowedHosts {
    /// HTTP/2 has the host in the URL (`:authority`). A request without any host is not from a browser, so it
    /// is allowed.
    fn host_allowed(&self, request: &Request) -> bool {
        let named = match request.headers().get(HOST) {
            Some(host) => host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()),
            None => match request.uri().authority() {
                Some(authority) => Some(authority.clone()),
                None => return true,
            },
        };
        named.is_some_and(|named| {
            let host = named.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
            host == self.issuer_host || host_is_loopback(&host)
        })
    }
}
