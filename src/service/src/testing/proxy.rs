//! Defines [`Proxy`], a way to a server that can be cut, and can hang.

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

    /// From now on connections end and new ones are refused.
    pub async fn cut(&mut self) {
        self.task.abort();
        // Aborted means gone only once it was joined; its connections go with it.
        let _ = (&mut self.task).await;
    }

    /// Passes on what comes after a cut.
    pub async fn mend(self) -> io::Result<Self> {
        Self::at(&self.address, self.target).await
    }

    /// From now on connections stay and are accepted, and nothing passes: as if the server was stopped.
    pub fn hang(&self) {
        self.hanging.send_replace(true);
    }

    /// Passes on what was held back, and what comes.
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

/// Ends with the connection, or with the proxy.
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
