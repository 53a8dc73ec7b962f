//! Tests the listener with TLS: real handshakes over real sockets, with a certificate that a test trusts.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use poem::{EndpointExt, Request, Response, endpoint::BoxEndpoint, endpoint::make};
use postern_service::{
    listener::Listener,
    settings::HttpSettings,
    tls::{LocalCertificate, read_trust_anchors},
};
use reqwest::{Certificate, Version};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use tempfile::TempDir;
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::TlsConnector;

use crate::support::{PATIENCE, Server, http_settings};

/// A folder with a certificate that the listener uses.
struct Files {
    folder: TempDir,
    authority: Vec<u8>,
}

impl Files {
    fn create() -> Self {
        let mut files = Self { folder: tempfile::tempdir().unwrap(), authority: Vec::new() };
        files.renew();
        files
    }

    /// Replaces certificate and key, as a renewal does. Clients must then trust another authority.
    fn renew(&mut self) {
        let made = LocalCertificate::create().unwrap();
        self.write("certificate.pem", &made.certificate);
        self.write("key.pem", &made.key);
        self.authority = made.authority;
    }

    fn write(&self, name: &str, contents: &[u8]) {
        fs::write(self.folder.path().join(name), contents).unwrap();
    }

    fn settings(&self, change: impl FnOnce(&mut HttpSettings)) -> HttpSettings {
        let path = |name: &str| Some(self.folder.path().join(name));
        let mut settings = HttpSettings {
            tls_certificate: path("certificate.pem"),
            tls_key: path("key.pem"),
            ..http_settings()
        };
        change(&mut settings);
        settings
    }

    async fn serve(&self) -> Server {
        Server::start(&self.settings(|_| ()), echo()).await
    }

    /// A client that trusts the present certificate.
    fn client(&self) -> reqwest::ClientBuilder {
        reqwest::Client::builder().tls_certs_merge([Certificate::from_pem(&self.authority).unwrap()])
    }
}

/// Answers with scheme and path.
fn echo() -> BoxEndpoint<'static, Response> {
    make(|request: Request| async move {
        let body = format!("{:?} {}", request.scheme().as_str(), request.uri().path());
        Ok::<_, poem::Error>(Response::builder().body(body))
    })
    .boxed()
}

fn url(server: &Server) -> String {
    format!("https://localhost:{}/path", server.address.port())
}

#[tokio::test]
async fn tls_carries_http_1_1_and_http_2() {
    let files = Files::create();
    let server = files.serve().await;
    for (client, version) in [
        (files.client(), Version::HTTP_2),
        (files.client().http1_only(), Version::HTTP_11),
        (files.client().tls_version_max(reqwest::tls::Version::TLS_1_2), Version::HTTP_2),
    ] {
        let answer = client.build().unwrap().get(url(&server)).send().await.unwrap();
        assert_eq!(answer.version(), version);
        assert_eq!(answer.text().await.unwrap(), "\"https\" /path");
    }
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_certificate_gets_no_answer() {
    let files = Files::create();
    let server = files.serve().await;
    assert!(reqwest::get(url(&server)).await.is_err());
    let by_name = files.client().resolve("id.example.com", server.address).build().unwrap();
    let other = format!("https://id.example.com:{}/", server.address.port());
    assert!(by_name.get(other).send().await.is_err(), "the certificate is for localhost only");
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_over_while_a_connection_stays_open() {
    let mut files = Files::create();
    let server = files.serve().await;
    let open = files.client().http1_only().pool_max_idle_per_host(1).build().unwrap();
    let get = async |client: &reqwest::Client| match client.get(url(&server)).send().await {
        Ok(answer) => answer.remote_addr().is_some() && answer.bytes().await.is_ok(),
        Err(_) => false,
    };
    assert!(get(&open).await);
    files.write("key.pem", b"no key");
    files.write("certificate.pem", b"no certificate");
    sleep(Duration::from_millis(2500)).await;
    assert!(get(&files.client().build().unwrap()).await, "a broken pair changes nothing");

    let former = files.client().build().unwrap();
    files.renew();
    let start = Instant::now();
    while !get(&files.client().build().unwrap()).await {
        assert!(start.elapsed() < PATIENCE, "the new certificate is not used");
        sleep(Duration::from_millis(100)).await;
    }
    assert!(!get(&former).await, "new connections get the new certificate");
    // This client does not trust the new certificate, so it uses the connection that it had.
    assert!(get(&open).await);
}

#[tokio::test]
async fn a_slow_handshake_is_given_up_with_the_time_of_a_head() {
    let files = Files::create();
    let settings = files.settings(|s| {
        s.header_timeout = "400ms".parse().unwrap();
        s.max_connections = 1.try_into().unwrap();
    });
    let server = Server::start(&settings, echo()).await;
    for begin in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01"] {
        let start = Instant::now();
        let mut stranger = server.connect().await;
        stranger.send_bytes(begin).await;
        // There is room for one connection, which the handshake has.
        let mut waiting = server.connect().await;
        waiting.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(waiting.read_text().await.starts_with("HTTP/1.1 400 "));
        assert!(stranger.read().await.is_empty());
        let held = start.elapsed();
        assert!(held > Duration::from_millis(350) && held < Duration::from_secs(3), "{held:?}");
    }
}

#[tokio::test]
async fn handshake_and_first_head_share_their_time() {
    let files = Files::create();
    let settings = files.settings(|s| s.header_timeout = "1s".parse().unwrap());
    let server = Server::start(&settings, echo()).await;
    let start = Instant::now();
    let stream = TcpStream::connect(server.address).await.unwrap();
    sleep(Duration::from_millis(700)).await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&files.authority).unwrap()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let mut silent = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    let mut rest = Vec::new();
    // The server may close the connection without a word.
    let _ = timeout(PATIENCE, silent.read_to_end(&mut rest)).await.unwrap();
    let held = start.elapsed();
    assert!(rest.is_empty() && held < Duration::from_millis(1600), "{held:?}");
}

#[tokio::test]
async fn plain_http_on_the_tls_port_is_told_so() {
    let files = Files::create();
    let server = files.serve().await;
    let answer = server.exchange("GET /path HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\nThis port speaks https, not plain http."), "{answer}");
    let length: usize = answer.split_once("Content-Length: ").unwrap().1[..2].parse().unwrap();
    assert_eq!(length, answer.split_once("\r\n\r\n").unwrap().1.len());
}

#[tokio::test]
async fn a_stop_waits_for_no_handshake() {
    let files = Files::create();
    let server = files.serve().await;
    let mut stranger = server.connect().await;
    stranger.send_bytes(b"\x16").await;
    sleep(Duration::from_millis(50)).await;
    let start = Instant::now();
    server.stop.cancel();
    server.task.await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test]
async fn wrong_files_are_refused_by_the_setting_that_must_change() {
    let files = Files::create();
    let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    files.write("encrypted.pem", encrypted);
    files.write("garbage.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    files.write("other-key.pem", &LocalCertificate::create().unwrap().key);
    let cases = [
        (None, Some("key.pem"), "`http.tls_certificate` must be set"),
        (Some("certificate.pem"), None, "`http.tls_key` must be set"),
        (Some("nothing.pem"), Some("key.pem"), "`http.tls_certificate` must be a file that can be read"),
        (Some("certificate.pem"), Some("nothing.pem"), "`http.tls_key` must be a file that can be read"),
        (Some("key.pem"), Some("key.pem"), "`http.tls_certificate` must contain certificates in PEM"),
        (Some("garbage.pem"), Some("key.pem"), "`http.tls_certificate` must contain certificates in PEM"),
        (Some("certificate.pem"), Some("certificate.pem"), "`http.tls_key` must contain a private key"),
        (Some("certificate.pem"), Some("encrypted.pem"), "`http.tls_key` must contain a private key"),
        (Some("certificate.pem"), Some("other-key.pem"), "`http.tls_key` must be the key of the first"),
    ];
    for (certificate, key, said) in cases {
        let path = |name: Option<&str>| name.map(|name| files.folder.path().join(name));
        let settings = files.settings(|s| (s.tls_certificate, s.tls_key) = (path(certificate), path(key)));
        let cause = Listener::bind(settings.listen, &settings).await.err().unwrap().to_string();
        assert!(cause.contains(said), "{cause}");
    }
    let anchors = |name: &str| read_trust_anchors("trust", &files.folder.path().join(name));
    assert!(anchors("certificate.pem").is_ok());
    for name in ["key.pem", "garbage.pem", "nothing.pem"] {
        assert_eq!(anchors(name).unwrap_err().setting, "trust", "{name}");
    }
    assert!(read_trust_anchors("trust", Path::new("/")).is_err());
}
