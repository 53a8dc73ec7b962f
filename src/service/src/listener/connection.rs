//! Serves one connection: hyper reads and writes, our endpoint answers, one timer watches.

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
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Answering, Timeouts, Watched};
use crate::settings::HttpSettings;

/// The head of a request, and with it the URL, is at most this long (RFC 9110 section 4.1 recommends 8,000 at least).
const MAX_HEAD_BYTES: usize = 32 << 10;
/// A head has at most this many fields.
const MAX_FIELDS: usize = 100;
/// Requests at a time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// Bytes that an HTTP/2 client may send before they are read: for a stream, for a connection.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;
/// An HTTP/2 connection is asked whether it is alive after this long, and closed when it does not answer as long.
const PING: Duration = Duration::from_secs(30);

type AnswerBody = http_body_util::combinators::BoxBody<bytes::Bytes, std::io::Error>;

/// The limits of `[http]` that are about connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) max_connections: usize,
    timeouts: Timeouts,
    shutdown_grace: Duration,
}

impl Limits {
    pub(super) fn of(settings: &HttpSettings) -> Self {
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

/// What all connections of a listener share.
pub(super) struct Connections {
    endpoint: BoxEndpoint<'static, Response>,
    address: LocalAddr,
    limits: Limits,
    stop: CancellationToken,
    http: auto::Builder<TokioExecutor>,
}

impl Connections {
    pub(super) fn new(
        endpoint: BoxEndpoint<'static, Response>,
        address: SocketAddr,
        limits: Limits,
        stop: CancellationToken,
    ) -> Self {
        let address = LocalAddr(Addr::SocketAddr(address));
        Self { endpoint, address, limits, stop, http: http() }
    }

    /// Serves one connection to its end.
    pub(super) async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        // Answers are written in one piece: waiting for more would only delay them. A socket that refuses is gone.
        let _ = stream.set_nodelay(true);
        let activity = Activity::new();
        let io = TokioIo::new(Watched { stream, activity: Arc::clone(&activity) });
        let peer = RemoteAddr(Addr::SocketAddr(peer));
        let service = service_fn(|request| {
            let answering = Answering::begin(&activity);
            let shared = Arc::clone(&self);
            let peer = peer.clone();
            async move {
                let answer = shared.answer(request, peer).await;
                drop(answering);
                Ok::<_, Infallible>(answer)
            }
        });

        let Limits { timeouts, shutdown_grace, .. } = self.limits;
        let mut connection = pin!(self.http.serve_connection(io, service));
        let mut stop = pin!(self.stop.cancelled());
        let mut timer = pin!(sleep_until(Instant::now() + timeouts.header));
        // Set once no further request is taken; then the timer says how long the running ones may go on.
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
                    // The client is told which of its requests were not taken.
                    timeouts.header
                };
                closing = true;
                connection.as_mut().graceful_shutdown();
                timer.as_mut().reset(Instant::now() + grace);
            }
        })
        .await;
    }

    async fn answer(
        &self,
        request: hyper::Request<Incoming>,
        peer: RemoteAddr,
    ) -> hyper::Response<AnswerBody> {
        let request = Request::from((request, self.address.clone(), peer, Scheme::HTTP));
        self.endpoint.get_response(request).await.into()
    }
}

/// Ready when the connection has done the same for too long.
fn poll_overdue(
    activity: &Activity,
    mut timer: Pin<&mut Sleep>,
    timeouts: &Timeouts,
    context: &mut Context<'_>,
) -> Poll<()> {
    // A head that began while the timer stood at the end of the idle time has less time than that.
    if let Some(due) = activity.due(timeouts).filter(|due| *due < timer.deadline()) {
        timer.as_mut().reset(due);
    }
    loop {
        ready!(timer.as_mut().poll(context));
        let now = Instant::now();
        match activity.due(timeouts) {
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
        // `Activity` watches the heads.
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_FIELDS);
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX))
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    http
}
