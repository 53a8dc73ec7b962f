//! Defines how connections are accepted and served: our own loop over hyper-util that calls a poem endpoint.
//!
//! poem's server is not used: it has no time-out for the head of a request and spins when `accept` fails. This one
//! - takes a connection only when there is room for it, so that the waiting ones stay in the kernel's bounded queue;
//! - gives up on heads that dribble and on connections that idle ([`connection`]);
//! - waits before it accepts again when the process is out of descriptors or memory;
//! - speaks HTTP/1.1 and HTTP/2 without TLS (a proxy in front has the certificate);
//! - stops gracefully: no new connections, idle ones closed at once, requests finished for as long as the grace lasts.
//!
//! Leaves bodies, time-outs of requests and everything else about a single request to [`crate::entrance`].

mod activity;
mod connection;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use poem::{Response, endpoint::BoxEndpoint};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::connection::{Connections, Limits};
use crate::settings::HttpSettings;

/// How long to wait after `accept` failed for want of descriptors or memory.
const BACK_OFF: Duration = Duration::from_millis(100);

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

/// A socket that listens; connections wait in the kernel until it serves.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    limits: Limits,
}

impl Listener {
    /// Listens on `address`; port 0 takes any free one.
    pub async fn bind(address: SocketAddr, settings: &HttpSettings) -> Result<Self, ListenError> {
        let failed = |source| ListenError { address, source };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address, limits: Limits::of(settings) })
    }

    /// The address with its real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `endpoint` until `stop` is cancelled and the last request is answered, or the grace is over.
    pub async fn serve(self, endpoint: BoxEndpoint<'static, Response>, stop: CancellationToken) {
        let Self { socket, address, limits } = self;
        let room = Arc::new(Semaphore::new(limits.max_connections));
        let connections = Arc::new(Connections::new(endpoint, address, limits, stop.clone()));
        let tasks = TaskTracker::new();
        loop {
            let next = async {
                // The semaphore is never closed.
                let permit = Arc::clone(&room).acquire_owned().await.ok();
                (permit, accept(&socket).await)
            };
            let (permit, (stream, peer)) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = next => accepted,
            };
            let connections = Arc::clone(&connections);
            tasks.spawn(async move {
                connections.serve(stream, peer).await;
                drop(permit);
            });
        }
        drop(socket);
        tasks.close();
        tasks.wait().await;
    }
}

/// The next connection.
async fn accept(socket: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match socket.accept().await {
            Ok(accepted) => return accepted,
            // The client was gone before we came: that is about one connection, not about the socket.
            Err(cause) if is_about_one_connection(&cause) => {}
            Err(cause) => {
                tracing::warn!(%cause, "cannot accept connections, trying again");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

fn is_about_one_connection(cause: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(cause.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
