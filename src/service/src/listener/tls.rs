//! Terminates TLS 1.2 and 1.3 (RFC 8446), and takes over a renewed certificate without a restart.
//!
//! The files are looked at every second. What changed is read once it has stayed the same for one
//! interval, because a renewal replaces two files, one after the other. A pair that cannot be used is logged
//! once, and the former pair stays in use. Connections that are open keep the certificate they began with.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::{self, Ticketer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy, sink},
    net::TcpStream,
    task::spawn_blocking,
    time::{Instant, interval, timeout_at},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::tls::{InvalidTlsFile, TlsFiles};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// Application protocols in the server's order of preference (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The answer to a client that speaks plain HTTP, usually a wrong URL.
const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 39\r\nConnection: close\r\n\r\nThis port speaks https, not plain http.";

/// Bytes of a plain request that are read before its connection is closed. Unread bytes could destroy the
/// answer on its way (RFC 9112 section 9.6).
const MAX_PLAIN_BYTES: u64 = 64 << 10;

/// What a file looked like. A file that cannot be looked at is `None`.
type FileVersion = Option<(u64, u64, u64, [i64; 4])>;

/// TLS of one listener.
pub(super) struct TlsTermination {
    files: TlsFiles,
    current: Arc<CurrentCertificate>,
    acceptor: TlsAcceptor,
    /// Of the pair that was read last.
    versions: [FileVersion; 2],
}

impl TlsTermination {
    pub(super) fn load(files: TlsFiles) -> Result<Self, InvalidTlsFile> {
        let versions = versions(&files);
        let current = Arc::new(CurrentCertificate(ArcSwap::from_pointee(files.load()?)));
        let unusable = |cause: rustls::Error| InvalidTlsFile {
            setting: "http.tls_certificate",
            rule: format!("must be usable for TLS ({cause})"),
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        // Sessions are resumed by tickets (RFC 8446 section 4.6.1), so that they take no memory here.
        config.ticketer = Ticketer::new().map_err(unusable)?;
        Ok(Self { files, current, acceptor: TlsAcceptor::from(Arc::new(config)), versions })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// Reads the files again whenever they change. Never completes.
    pub(super) async fn reload_when_changed(self) {
        let Self { files, current, versions: mut read, .. } = self;
        let files = Arc::new(files);
        let mut previous = read;
        let mut ticks = interval(INTERVAL);
        loop {
            ticks.tick().await;
            let now = Arc::clone(&files);
            let Ok(now) = spawn_blocking(move || versions(&now)).await else { continue };
            if now == previous && now != read {
                read = now;
                let files = Arc::clone(&files);
                match spawn_blocking(move || files.load()).await {
                    Ok(Ok(pair)) => {
                        current.0.store(Arc::new(pair));
                        tracing::info!("took over the changed TLS certificate");
                    }
                    Ok(Err(cause)) => tracing::error!(
                        %cause,
                        "the changed TLS certificate cannot be used, so the former one stays in use"
                    ),
                    Err(cause) => tracing::error!(%cause, "the changed TLS certificate was not read"),
                }
            }
            previous = now;
        }
    }
}

#[derive(Debug)]
struct CurrentCertificate(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

fn versions(files: &TlsFiles) -> [FileVersion; 2] {
    [version(&files.certificate), version(&files.key)]
}

/// Follows links: ACME clients and Kubernetes renew by pointing a link elsewhere.
fn version(path: &Path) -> FileVersion {
    let file = fs::metadata(path).ok()?;
    // The change time tells of a file whose owner or mode was changed, so that it can be read now.
    let times = [file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec()];
    Some((file.dev(), file.ino(), file.size(), times))
}

/// Completes the handshake by `deadline`. Tells a client that speaks plain HTTP so.
pub(super) async fn accept(
    acceptor: &TlsAcceptor,
    mut stream: TcpStream,
    deadline: Instant,
) -> io::Result<Box<TlsStream<TcpStream>>> {
    let handshake = async {
        let mut first = [0];
        // TLS begins with the content type "handshake", 22, which is no letter (RFC 8446 section 5.1).
        if stream.peek(&mut first).await? == 1 && first[0].is_ascii_alphabetic() {
            stream.write_all(PLAIN_HTTP).await?;
            stream.shutdown().await?;
            copy(&mut stream.take(MAX_PLAIN_BYTES), &mut sink()).await?;
            return Err(io::Error::new(io::ErrorKind::InvalidData, "plain HTTP on a TLS port"));
        }
        Ok(Box::new(acceptor.accept(stream).await?))
    };
    timeout_at(deadline, handshake).await.map_err(|_| io::ErrorKind::TimedOut)?
}
