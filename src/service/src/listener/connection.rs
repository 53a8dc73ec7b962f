//! Serves one connection: hyper reads and writes, the endpoint answers, and one timer closes the connection
//! when [`Activity`] says so.

use std::{
    convert::Infallible,
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use poem::{
    Addr, Endpoint, Request, Response,
    endpoint::BoxEndpoint,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{
    activity::{Activity, ObservedStream, RequestInProgress, Timeouts},
    tls,
    transport::Transport,
};
use crate::settings::HttpSettings;

/// Longest head of a request, its URL included (RFC 9110 section 4.1 recommends to support URLs of at least
/// 8,000 bytes).
const MAX_HEAD_BYTES: usize = 32 << 10;
/// Most header fields of a request.
const MAX_FIELDS: usize = 100;
/// Concurrent requests on one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// Bytes that an HTTP/2 client may send before the server has read them: for a stream, and for a connection.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;
/// An HTTP/2 connection gets a ping after this long, and is closed when it does not answer for as long again.
const PING_INTERVAL: Duration = Duration::from_secs(30);

type ResponseBody = http_body_util::combinators::BoxBody<bytes::Bytes, std::io::Error>;

/// The settings of `[http]` that limit connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionLimits {
    pub(super) max_connections: usize,
    timeouts: Timeouts,
    shutdown_grace: Duration,
}

impl ConnectionLimits {
    pub(super) fn from_settings(settings: &HttpSettings) -> Self {
        Self {
            max_connections: settings.max_connections.get() as usize,
            timeouts: Timeouts {
                header: settings.header_timeout.duration(),
                idle: settings.idle_timeout.duration(),
                write: settings.write_timeout.duration(),
            },
            shutdown_grace: settings.shutdown_grace.duration(),
        }
    }
}

/// Serves the connections of one listener.
pub(super) struct ConnectionHandler {
    endpoint: BoxEndpoint<'static, Response>,
    address: LocalAddr,
    limits: ConnectionLimits,
    tls: Option<TlsAcceptor>,
    stop: CancellationToken,
    http: auto::Builder<TokioExecutor>,
}

impl ConnectionHandler {
    pub(super) fn new(
        endpoint: BoxEndpoint<'static, Response>,
        address: SocketAddr,
        limits: ConnectionLimits,
        tls: Option<TlsAcceptor>,
        stop: CancellationToken,
    ) -> Self {
        let address = LocalAddr(Addr::SocketAddr(address));
        Self { endpoint, address, limits, tls, stop, http: http() }
    }

    /// Serves one connection to its end.
    pub(super) async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        // Responses are written in one piece, so Nagle's algorithm would only delay them. An error means that
        // the socket is closed already.
        let _ = stream.set_nodelay(true);
        let activity = Activity::new();
        let ConnectionLimits { timeouts, shutdown_grace, .. } = self.limits;
        // The handshake and the first head share one time-out, so that an unknown client holds a connection no
        // longer with TLS than without.
        let first_head = Instant::now() + timeouts.header;
        let Some(stream) = self.transport(stream, first_head).await else { return };
        let io = TokioIo::new(ObservedStream { stream, activity: Arc::clone(&activity) });
        let peer = RemoteAddr(Addr::SocketAddr(peer));
        let service = service_fn(|request| {
            let answering = RequestInProgress::begin(&activity);
            let shared = Arc::clone(&self);
            let peer = peer.clone();
            async move {
                let answer = shared.answer(request, peer).await;
                drop(answering);
                Ok::<_, Infallible>(answer)
            }
        });

        let mut connection = pin!(self.http.serve_connection(io, service));
        let mut stop = pin!(self.stop.cancelled());
        let mut timer = pin!(sleep_until(first_head));
        // Set when no further request is accepted. From then on the timer limits the requests in progress.
        let mut closing = false;
        poll_fn(|context| {
            loop {
                if connection.as_mut().poll(context).is_ready() {
                    return Poll::Ready(());
                }
                if closing {
                    return timer.as_mut().poll(context);
                }
                let grace = if stop.as_mut().poll(context).is_ready() {
                    shutdown_grace
                } else {
                    ready!(poll_overdue(&activity, timer.as_mut(), &timeouts, context));
                    if !activity.http2() {
                        return Poll::Ready(());
                    }
                    // HTTP/2 tells the client which of its requests were not processed (GOAWAY).
                    timeouts.header
                };
                closing = true;
                connection.as_mut().graceful_shutdown();
                timer.as_mut().reset(Instant::now() + grace);
            }
        })
        .await;
    }

    /// Completes the TLS handshake, if the listener has TLS. A shutdown does not wait for handshakes.
    async fn transport(&self, stream: TcpStream, deadline: Instant) -> Option<Transport> {
        let Some(acceptor) = &self.tls else { return Some(Transport::Plain(stream)) };
        let accepted = tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            accepted = tls::accept(acceptor, stream, deadline) => accepted,
        };
        match accepted {
            Ok(stream) => Some(Transport::Tls(stream)),
            Err(cause) => {
                // Scanners and health checks cause these all the time.
                tracing::debug!(%cause, "a TLS handshake was not completed");
                None
            }
        }
    }

    async fn answer(
        &self,
        request: hyper::Request<Incoming>,
        peer: RemoteAddr,
    ) -> hyper::Response<ResponseBody> {
        let request = Request::from((request, self.address.clone(), peer, self.scheme()));
        self.endpoint.get_response(request).await.into()
    }

    fn scheme(&self) -> Scheme {
        if self.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP }
    }
}

/// Ready when the connection has been in one state for too long.
fn poll_overdue(
    activity: &Activity,
    mut timer: Pin<&mut Sleep>,
    timeouts: &Timeouts,
    context: &mut Context<'_>,
) -> Poll<()> {
    // A head may have begun while the timer was set to the end of the idle time, which is later.
    if let Some(due) = activity.deadline(timeouts).filter(|due| *due < timer.deadline()) {
        timer.as_mut().reset(due);
    }
    loop {
        ready!(timer.as_mut().poll(context));
        let now = Instant::now();
        match activity.deadline(timeouts) {
            Some(due) if due <= now => return Poll::Ready(()),
            Some(due) => timer.as_mut().reset(due),
            None => timer.as_mut().reset(now + timeouts.idle),
        }
    }
}

fn http() -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        // `Activity` limits the time of a head.
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_FIELDS);
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX))
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_INTERVAL);
    http
}
