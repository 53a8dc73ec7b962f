//! Defines what the tests share: settings, a server on a free port, and a client that sends raw bytes.

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use poem::{Response, endpoint::BoxEndpoint};
use postern_service::{listener::Listener, settings::HttpSettings};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// No test waits longer than this for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn http_settings() -> HttpSettings {
    HttpSettings {
        listen: "127.0.0.1:0".parse().unwrap(),
        tls_certificate: None,
        tls_key: None,
        metrics_listen: None,
        docs: true,
        trusted_proxies: Vec::new(),
        max_connections: 100.try_into().unwrap(),
        header_timeout: "10s".parse().unwrap(),
        body_timeout: "10s".parse().unwrap(),
        idle_timeout: "30s".parse().unwrap(),
        write_timeout: "30s".parse().unwrap(),
        request_timeout: "10s".parse().unwrap(),
        shutdown_delay: "0s".parse().unwrap(),
        shutdown_grace: "5s".parse().unwrap(),
        body_limit: "1KiB".parse().unwrap(),
    }
}

/// A server on a free port.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(settings: &HttpSettings, endpoint: BoxEndpoint<'static, Response>) -> Self {
        let listener = Listener::bind(settings.listen, settings).await.unwrap();
        let address = listener.address();
        let stop = CancellationToken::new();
        let task = tokio::spawn(listener.serve(endpoint, stop.clone()));
        Self { address, stop, task }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// A connection with small buffers, on which the server cannot be far ahead of its reader.
    pub(crate) async fn connect_with_little_room(&self) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(32 << 10).unwrap();
        Client(socket.connect(self.address).await.unwrap())
    }

    /// The whole response to one request on a connection of its own.
    pub(crate) async fn exchange(&self, request: &str) -> String {
        let mut client = self.connect().await;
        client.send(request).await;
        client.rest().await
    }
}

pub(crate) struct Client(TcpStream);

impl Client {
    pub(crate) async fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes()).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Sends one byte. False when the connection is closed.
    pub(crate) async fn dribble(&mut self, byte: u8) -> bool {
        self.0.write_all(&[byte]).await.is_ok()
    }

    /// Reads once: empty when the server closed the connection.
    pub(crate) async fn read(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 64 << 10];
        let length = timeout(PATIENCE, self.0.read(&mut buffer)).await.unwrap().unwrap_or(0);
        buffer.truncate(length);
        buffer
    }

    pub(crate) async fn read_text(&mut self) -> String {
        String::from_utf8(self.read().await).unwrap()
    }

    /// Reads until the server closes the connection.
    pub(crate) async fn rest(&mut self) -> String {
        let mut all = Vec::new();
        loop {
            match self.read().await {
                read if read.is_empty() => return String::from_utf8(all).unwrap(),
                read => all.extend(read),
            }
        }
    }

    /// Whether nothing arrives for a moment.
    pub(crate) async fn silent(&mut self) -> bool {
        timeout(Duration::from_millis(150), self.0.read_u8()).await.is_err()
    }
}

/// A log sink that keeps the written bytes.
#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
