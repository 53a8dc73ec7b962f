//! Defines [`Proxy`], a TCP proxy in front of a server, which can be disconnected and can stop to pass data.

use std::io;
use std::pin::pin;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

use super::Failure;

/// Passes bytes on until it is cut or hangs.
pub struct Proxy {
    address: String,
    target: String,
    hanging: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A proxy in front of the database at `url`, and the URL of that database through it.
    pub async fn before(url: &str) -> Result<(Self, String), Failure> {
        let mut url = Url::parse(url)?;
        let target = format!("{}:{}", url.host_str().ok_or("no host")?, url.port().unwrap_or(5432));
        let proxy = Self::at("127.0.0.1:0", target).await?;
        let (host, port) = proxy.address.split_once(':').ok_or("no port")?;
        url.set_host(Some(host))?;
        url.set_port(Some(port.parse()?)).map_err(|()| "no port")?;
        Ok((proxy, url.into()))
    }

    async fn at(address: &str, target: String) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?.to_string();
        let (hanging, hangs) = watch::channel(false);
        let task = tokio::spawn(accept(listener, target.clone(), hangs));
        Ok(Self { address, target, hanging, task })
    }

    /// Closes all connections and refuses new ones.
    pub async fn cut(&mut self) {
        self.task.abort();
        // An aborted task has ended only after it was joined. Its connections end with it.
        let _ = (&mut self.task).await;
    }

    /// Accepts connections again after a cut.
    pub async fn mend(self) -> io::Result<Self> {
        Self::at(&self.address, self.target).await
    }

    /// Keeps connections open and accepts new ones, but passes no data, like a server that is stopped
    /// (SIGSTOP).
    pub fn hang(&self) {
        self.hanging.send_replace(true);
    }

    /// Passes the data that was held back, and all further data.
    pub fn go_on(&self) {
        self.hanging.send_replace(false);
    }
}

async fn accept(listener: TcpListener, target: String, hangs: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        connections.spawn(pass(near, target.clone(), hangs.clone()));
    }
}

/// Passes the data of one connection until it or the proxy ends.
async fn pass(mut near: TcpStream, target: String, mut hangs: watch::Receiver<bool>) -> Option<()> {
    hangs.wait_for(|hanging| !hanging).await.ok()?;
    let mut far = TcpStream::connect(target).await.ok()?;
    let mut copied = pin!(copy_bidirectional(&mut near, &mut far));
    loop {
        tokio::select! {
            biased;
            hanging = hangs.wait_for(|hanging| *hanging) => drop(hanging.ok()?),
            _ = &mut copied => return None,
        }
        hangs.wait_for(|hanging| !hanging).await.ok()?;
    }
}
