//! Defines the load driver: a number of connections, each of which sends its next request as soon as the
//! previous one is answered.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

/// One persistent HTTP/1.1 connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

/// A response with its whole body.
#[derive(Debug)]
pub(crate) struct ReadResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl ReadResponse {
    pub(crate) fn header(&self, name: &str) -> Result<&str> {
        let value = self.headers.get(name).with_context(|| format!("{} without {name}", self.status))?;
        Ok(value.to_str()?)
    }

    /// The body as JSON. Fails unless the status is 200.
    pub(crate) fn json(&self) -> Result<serde_json::Value> {
        ensure!(self.status == StatusCode::OK, "{}: {}", self.status, String::from_utf8_lossy(&self.body));
        Ok(serde_json::from_slice(&self.body)?)
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            // The sender reports a broken connection at the next request.
            drop(connection.await);
        });
        Ok(Self { sender })
    }

    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<ReadResponse> {
        self.sender.ready().await?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(ReadResponse { status: head.status, headers: head.headers, body })
    }
}

/// The work that a worker repeats. It may consist of several requests, which count as one operation.
pub(crate) trait Operation: Send + Sync + 'static {
    /// State of one worker, such as its refresh token.
    type Worker: Send + 'static;

    /// Prepares a worker. This is not measured.
    fn prepare(&self, connection: &mut Connection) -> impl Future<Output = Result<Self::Worker>> + Send;

    fn run(
        &self,
        connection: &mut Connection,
        worker: &mut Self::Worker,
    ) -> impl Future<Output = Result<()>> + Send;
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) warm_up: Duration,
    pub(crate) duration: Duration,
}

/// The measurements of one round.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    /// Operations in the measured time.
    pub(crate) operations: u64,
    pub(crate) elapsed: Duration,
    /// The latency of each operation, sorted.
    pub(crate) latencies: Vec<Duration>,
    /// CPU time that the server used in the measured time.
    pub(crate) cpu: Duration,
}

impl Round {
    /// CPU time of the server for one operation, in microseconds.
    pub(crate) fn micros_per_operation(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / as_float(self.operations)
    }

    pub(crate) fn rate(&self) -> f64 {
        as_float(self.operations) / self.elapsed.as_secs_f64()
    }

    /// A quantile of the latency. Zero when nothing was measured.
    pub(crate) fn quantile(&self, per_mille: usize) -> Duration {
        let index = (self.latencies.len() * per_mille / 1000).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(index).copied().unwrap_or_default()
    }
}

/// Drives one operation and reads the server's CPU clock around the measured part.
pub(crate) async fn drive<O: Operation>(
    operation: Arc<O>,
    address: SocketAddr,
    load: Load,
    cpu: impl Fn() -> Result<Duration>,
) -> Result<Round> {
    let phase = Arc::new(AtomicU64::new(WARMING));
    let mut workers = JoinSet::new();
    let prepared = Arc::new(tokio::sync::Barrier::new(load.connections + 1));
    for _ in 0..load.connections {
        let (operation, phase, prepared) = (operation.clone(), phase.clone(), prepared.clone());
        workers.spawn(async move {
            let ready = prepare(&*operation, address).await;
            prepared.wait().await;
            let (mut connection, mut worker) = ready?;
            work(&*operation, &mut connection, &mut worker, &phase).await
        });
    }
    prepared.wait().await;
    tokio::time::sleep(load.warm_up).await;
    let (begun, cpu_before) = (Instant::now(), cpu()?);
    phase.store(MEASURING, Ordering::Relaxed);
    tokio::time::sleep(load.duration).await;
    phase.store(STOPPED, Ordering::Relaxed);
    let (elapsed, cpu_used) = (begun.elapsed(), cpu()?.saturating_sub(cpu_before));
    let mut latencies = Vec::new();
    while let Some(worker) = workers.join_next().await {
        latencies.extend(worker??);
    }
    latencies.sort_unstable();
    ensure!(!latencies.is_empty(), "no operation finished in time");
    Ok(Round { operations: latencies.len() as u64, elapsed, latencies, cpu: cpu_used })
}

const WARMING: u64 = 0;
const MEASURING: u64 = 1;
const STOPPED: u64 = 2;

async fn prepare<O: Operation>(operation: &O, address: SocketAddr) -> Result<(Connection, O::Worker)> {
    let mut connection = Connection::open(address).await?;
    let worker = operation.prepare(&mut connection).await?;
    Ok((connection, worker))
}

async fn work<O: Operation>(
    operation: &O,
    connection: &mut Connection,
    worker: &mut O::Worker,
    phase: &AtomicU64,
) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    loop {
        let measured = match phase.load(Ordering::Relaxed) {
            WARMING => false,
            MEASURING => true,
            _ => return Ok(latencies),
        };
        let begun = Instant::now();
        operation.run(connection, worker).await?;
        if measured {
            latencies.push(begun.elapsed());
        }
    }
}

/// A count as a float; exact below 2^52, far beyond any count here.
#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
pub(crate) fn as_float(count: u64) -> f64 {
    count as f64
}
