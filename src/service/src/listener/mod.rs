//! Accepts and serves connections: an accept loop over hyper-util that calls a poem endpoint.
//!
//! poem's server is not used: it has no time-out for the head of a request, and it spins when `accept` fails.
//! This one
//! - accepts a connection only when `max_connections` allows it, so that further ones wait in the kernel's
//!   bounded queue;
//! - closes connections that send their head too slowly or stay idle too long ([`connection`]);
//! - waits before it accepts again when the process has no file descriptor or memory left;
//! - speaks HTTP/1.1 and HTTP/2, with TLS if `http.tls_certificate` is set ([`tls`]), and otherwise without (a
//!   proxy in front terminates TLS);
//! - shuts down gracefully: no new connections, idle ones closed at once, requests finished within
//!   `shutdown_grace`.
//!
//! Leaves bodies, time-outs of requests and everything else about a single request to [`crate::pipeline`].

mod activity;
mod connection;
mod tls;
mod transport;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use poem::{Response, endpoint::BoxEndpoint};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

use self::{
    connection::{ConnectionHandler, ConnectionLimits},
    tls::TlsTermination,
};
use crate::{
    settings::HttpSettings,
    tls::{InvalidTlsFile, TlsFiles},
};

/// How long to wait after `accept` failed for lack of file descriptors or memory.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Why the service cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The socket address is in use, or does not belong to this machine.
    #[error("cannot listen on {address}")]
    Address { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Tls(#[from] InvalidTlsFile),
}

/// A listening socket. Connections wait in the kernel until [`Listener::serve`] accepts them.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    limits: ConnectionLimits,
    tls: Option<TlsTermination>,
}

impl Listener {
    /// Listens on `address`; port 0 takes any free one. Speaks TLS if the settings contain a certificate.
    pub async fn bind(address: SocketAddr, settings: &HttpSettings) -> Result<Self, ListenError> {
        let tls = TlsFiles::from_settings(settings)?.map(TlsTermination::load).transpose()?;
        Ok(Self { tls, ..Self::bind_plain(address, settings).await? })
    }

    /// Listens without TLS, whatever the settings say.
    pub async fn bind_plain(address: SocketAddr, settings: &HttpSettings) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Address { address, source };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address, limits: ConnectionLimits::from_settings(settings), tls: None })
    }

    /// The socket address, with the port that the kernel chose for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `endpoint` until `stop` is cancelled and the last request is answered, or `shutdown_grace` is
    /// over.
    pub async fn serve(self, endpoint: BoxEndpoint<'static, Response>, stop: CancellationToken) {
        let Self { socket, address, limits, tls } = self;
        let room = Arc::new(Semaphore::new(limits.max_connections));
        let acceptor = tls.as_ref().map(TlsTermination::acceptor);
        let _reload = tls.map(|tls| AbortOnDropHandle::new(tokio::spawn(tls.reload_when_changed())));
        let connections = Arc::new(ConnectionHandler::new(endpoint, address, limits, acceptor, stop.clone()));
        let tasks = TaskTracker::new();
        loop {
            let next = async {
                // The semaphore is never closed, so there is always a permit.
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

async fn accept(socket: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match socket.accept().await {
            Ok(accepted) => return accepted,
            // The client disconnected before its connection was accepted. The socket itself still works.
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
