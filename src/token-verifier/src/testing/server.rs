//! Defines a minimal HTTP/1.1 server that serves an issuer's JWK set, or misbehaves.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// The response of a served issuer to a request for its JWK set.
#[derive(Debug, Clone)]
pub struct JwksResponse {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    Bytes(Vec<u8>),
    /// Endless, and without `Content-Length`.
    Endless,
    /// No response, on a connection that stays open.
    Silence,
}

impl JwksResponse {
    /// Status 200 with this key set and an `ETag`, and 304 when the request has that `ETag`.
    pub fn keys(jwks: &Value) -> Self {
        let body = jwks.to_string().into_bytes();
        let etag =
            format!("\"{:x}\"", body.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(*byte)));
        Self::new(200).header("etag", &etag).header("content-type", "application/json").body(body)
    }

    /// An empty response with this status.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Bytes(Vec::new()) }
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body of the response.
    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Body::Bytes(body.into()), ..self }
    }

    /// Replaces the body by one that never ends.
    #[must_use]
    pub fn endless(self) -> Self {
        Self { body: Body::Endless, ..self }
    }

    /// No response at all.
    pub fn silence() -> Self {
        Self { body: Body::Silence, ..Self::new(200) }
    }

    fn etag(&self) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name == "etag").map(|(_, value)| value.as_str())
    }
}

pub(super) struct Server {
    shared: Arc<Shared>,
    task: AbortHandle,
}

struct Shared {
    answer: Mutex<JwksResponse>,
    requests: watch::Sender<usize>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// The server and its URL.
    pub(super) async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound address"));
        let shared =
            Arc::new(Shared { answer: Mutex::new(JwksResponse::new(404)), requests: watch::Sender::new(0) });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        (Self { shared, task }, url)
    }

    pub(super) fn answer_with(&self, answer: JwksResponse) {
        *self.shared.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    pub(super) fn requests(&self) -> usize {
        *self.shared.requests.borrow()
    }

    pub(super) async fn wait_for_requests(&self, count: usize) {
        let mut requests = self.shared.requests.subscribe();
        requests.wait_for(|seen| *seen >= count).await.expect("the server lives");
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((connection, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // An error here means that the client disconnected early.
        tokio::spawn(async move { respond(connection, &shared).await.ok() });
    }
}

/// Reads one request and answers it; the connection is not used again.
async fn respond(mut connection: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if connection.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let answer = shared.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
    shared.requests.send_modify(|requests| *requests += 1);
    let request = String::from_utf8_lossy(&request).to_ascii_lowercase();
    let known = request.lines().find_map(|line| line.strip_prefix("if-none-match: "));
    let unchanged = known.is_some() && known == answer.etag();
    let status = if unchanged { 304 } else { answer.status };
    let mut head = vec![format!("HTTP/1.1 {status} Test"), "connection: close".to_owned()];
    head.extend(answer.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    if let (Body::Bytes(body), false) = (&answer.body, unchanged) {
        head.push(format!("content-length: {}", body.len()));
    }
    let head = head.join("\r\n") + "\r\n\r\n";
    match &answer.body {
        // Until the client gives up.
        Body::Silence => connection.read_to_end(&mut Vec::new()).await.map(drop),
        Body::Bytes(_) if unchanged => connection.write_all(head.as_bytes()).await,
        Body::Bytes(body) => {
            connection.write_all(head.as_bytes()).await?;
            connection.write_all(body).await
        }
        Body::Endless => {
            connection.write_all(head.as_bytes()).await?;
            loop {
                connection.write_all(&[b' '; 16 * 1024]).await?;
            }
        }
    }
}
