//! Calls other servers by HTTP. This is the only outbound HTTP client of the provider.
//!
//! Operators configure the URLs, and later client registrations may supply them. So the client prevents
//! server-side request forgery (OWASP ASVS 1.3.6): https only, no IP address of a private network (whether
//! the URL contains it or a name resolves to it), no redirect, no proxy, a few seconds and at most 1 MiB. The
//! client connects to the same IP address that was checked, so that DNS rebinding has no effect. Hosts in
//! `outbound.allow_hosts` are exempt: http and private IP addresses are allowed for them.

use std::{
    collections::BTreeSet,
    error::Error,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use aws_lc_rs::hmac;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use postern_service::{clock::Timestamp, settings::Secret, tls::InvalidTlsFile};
use reqwest::{
    Certificate, Client, RequestBuilder,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use secrecy::ExposeSecret;
use url::{Host, Url};

use crate::{config::OutboundSettings, crypto};

/// In bytes; a longer response is an error.
const MAX_RESPONSE_LENGTH: usize = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("the HTTP client cannot be built")]
    ClientBuild(#[source] reqwest::Error),
    #[error(transparent)]
    TrustAnchors(#[from] InvalidTlsFile),
    /// The scheme is not https, and the host is not in `outbound.allow_hosts`.
    #[error("only https is called, except for hosts in `outbound.allow_hosts`")]
    ForbiddenScheme,
    /// The IP address is not public, and the host is not in `outbound.allow_hosts`.
    #[error("the address is on a private network; `outbound.allow_hosts` can allow the host")]
    PrivateAddress,
    /// The connection failed, or the response did not arrive in time.
    #[error("the server did not answer")]
    RequestFailed(#[source] reqwest::Error),
    #[error("the answer is too long")]
    ResponseTooLong,
}

/// A response. Redirects are not followed, so `status` may be 3xx.
#[derive(Debug)]
pub struct OutboundResponse {
    pub status: StatusCode,
    pub body: Bytes,
}

/// The HTTP client for calls to other servers.
pub struct Outbound {
    client: Client,
    allowed_hosts: Arc<BTreeSet<String>>,
    timeout: Duration,
}

impl Outbound {
    pub fn from_settings(settings: &OutboundSettings) -> Result<Self, OutboundError> {
        let allowed_hosts = Arc::new(settings.allow_hosts.clone());
        let trust_anchors = Certificate::from_pem_bundle(&settings.trust_anchors()?);
        let client = Client::builder()
            .tls_certs_merge(trust_anchors.map_err(OutboundError::ClientBuild)?)
            .dns_resolver(Arc::new(PublicIpResolver { allowed_hosts: Arc::clone(&allowed_hosts) }))
            .redirect(Policy::none())
            .no_proxy()
            .timeout(settings.timeout.duration())
            .connect_timeout(settings.timeout.duration())
            .build()
            .map_err(OutboundError::ClientBuild)?;
        Ok(Self { client, allowed_hosts, timeout: settings.timeout.duration() })
    }

    pub async fn post_json(
        &self,
        url: &Url,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<OutboundResponse, OutboundError> {
        check_url(url, &self.allowed_hosts)?;
        let mut request = self.client.post(url.clone()).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        read(request).await
    }

    /// Posts a form and returns the status of the response. The body is not read.
    pub async fn post_form(
        &self,
        url: &Url,
        form: String,
        timeout: Duration,
    ) -> Result<StatusCode, OutboundError> {
        check_url(url, &self.allowed_hosts)?;
        let request = self.client.post(url.clone()).timeout(timeout.min(self.timeout));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        Ok(request.send().await.map_err(without_url)?.status())
    }

    pub async fn get_json(&self, url: &Url) -> Result<OutboundResponse, OutboundError> {
        check_url(url, &self.allowed_hosts)?;
        read(self.client.get(url.clone()).header("accept", "application/json")).await
    }
}

/// Sends a request and reads the response up to [`MAX_RESPONSE_LENGTH`].
async fn read(request: RequestBuilder) -> Result<OutboundResponse, OutboundError> {
    let mut response = request.send().await.map_err(without_url)?;
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(without_url)? {
        if body.len() + chunk.len() > MAX_RESPONSE_LENGTH {
            return Err(OutboundError::ResponseTooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(OutboundResponse { status: response.status(), body: body.freeze() })
}

/// Checks whether a URL may be called, without resolving its name. An IP address in a URL never reaches the
/// resolver, so it is checked here.
pub fn check_url(url: &Url, allowed_hosts: &BTreeSet<String>) -> Result<(), OutboundError> {
    let host = url.host().ok_or(OutboundError::PrivateAddress)?;
    if host_allowed(allowed_hosts, &host.to_string()) {
        return if matches!(url.scheme(), "https" | "http") {
            Ok(())
        } else {
            Err(OutboundError::ForbiddenScheme)
        };
    }
    if url.scheme() != "https" {
        return Err(OutboundError::ForbiddenScheme);
    }
    match host {
        // RFC 6761 section 6.3: these names always mean the local machine.
        Host::Domain(name) if name_is_localhost(name) => Err(OutboundError::PrivateAddress),
        Host::Domain(_) => Ok(()),
        Host::Ipv4(ip) if ip_is_public(ip.into()) => Ok(()),
        Host::Ipv6(ip) if ip_is_public(ip.into()) => Ok(()),
        Host::Ipv4(_) | Host::Ipv6(_) => Err(OutboundError::PrivateAddress),
    }
}

fn name_is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// Removes the URL from the error: its path may contain a secret of the gateway, and errors are logged.
fn without_url(cause: reqwest::Error) -> OutboundError {
    OutboundError::RequestFailed(cause.without_url())
}

/// The signature of a webhook: `t=<seconds>,v1=<hex of HMAC-SHA-256 over "<seconds>.<body>">`.
pub fn webhook_signature(secret: &Secret, now: Timestamp, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let seconds = now.seconds();
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{seconds}.").as_bytes());
    context.update(body);
    format!("t={seconds},v1={}", crypto::encode_hex(context.sign().as_ref()))
}

/// Resolves names and drops every IP address that is not public.
struct PublicIpResolver {
    allowed_hosts: Arc<BTreeSet<String>>,
}

impl Resolve for PublicIpResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host_trusted = host_allowed(&self.allowed_hosts, name.as_str());
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses: Vec<SocketAddr> =
                found.filter(|found| host_trusted || ip_is_public(found.ip())).collect();
            if addresses.is_empty() {
                return Err(Box::new(OutboundError::PrivateAddress) as Box<dyn Error + Send + Sync>);
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Compares host names in their normal form: lower case, without the trailing dot of the root.
fn host_allowed(allowed_hosts: &BTreeSet<String>, host: &str) -> bool {
    allowed_hosts.contains(host.trim_end_matches('.').to_ascii_lowercase().as_str())
}

/// Whether an IP address is globally reachable (IANA special-purpose registries, RFC 6890).
fn ip_is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ipv4_is_public(ip),
        IpAddr::V6(ip) => ipv6_is_public(ip),
    }
}

fn ipv4_is_public(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        // Carrier-grade NAT, protocol assignments, 6to4 relays, benchmarks.
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

/// Global unicast is `2000::/3` (RFC 4291 section 2.4). An address that embeds an IPv4 address must embed a
/// public one.
fn ipv6_is_public(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let embedded_ipv4_is_public = |at: usize| {
        let [high, low] = [segments[at], segments[at + 1]];
        ipv4_is_public(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
    };
    if let Some(mapped) = ip.to_ipv4_mapped() {
        return ipv4_is_public(mapped);
    }
    match (segments[0], segments[1]) {
        // NAT64 (RFC 6052), `6to4` (RFC 3056).
        (0x64, 0xff9b) => segments[2..4] == [0, 0] && embedded_ipv4_is_public(6),
        (0x2002, _) => embedded_ipv4_is_public(1),
        // Teredo and other protocol assignments, documentation.
        (0x2001, 0..=0x1ff | 0xdb8) | (0x3fff, _) => false,
        (first, _) => (0x2000..=0x3fff).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(hosts: &[&str]) -> BTreeSet<String> {
        hosts.iter().map(|host| (*host).to_owned()).collect()
    }

    fn check(allow: &[&str], url: &Url) -> Result<(), OutboundError> {
        check_url(url, &allowed(allow))
    }

    fn outbound(allow: &[&str]) -> Outbound {
        let timeout = "5s".parse().unwrap();
        let settings = OutboundSettings { allow_hosts: allowed(allow), trust_anchors: None, timeout };
        Outbound::from_settings(&settings).unwrap()
    }

    #[test]
    fn an_address_on_a_private_network_is_refused_however_it_is_written() {
        for host in [
            "localhost",
            "localhost.",
            "LOCALHOST",
            "id.localhost",
            "127.0.0.1",
            "0",
            "0.0.0.0",
            "[::1]",
            "[::]",
            "[::ffff:7f00:1]",
            "[::ffff:10.0.0.1]",
            "169.254.169.254",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "0x7f.1",
            "017700000001",
            "2130706433",
            "[fe80::1]",
            "[fc00::1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "224.0.0.1",
        ] {
            let url = Url::parse(&format!("https://{host}/")).unwrap();
            assert!(matches!(check(&[], &url), Err(OutboundError::PrivateAddress)), "{host}");
        }
        for url in ["https://example.com/", "https://93.184.216.34/", "https://[2606:4700::1]/"] {
            assert!(check(&[], &Url::parse(url).unwrap()).is_ok(), "{url}");
        }
    }

    #[test]
    fn plain_http_needs_a_host_that_is_allowed_by_name() {
        let check = |url: &str| check(&["gateway.internal"], &Url::parse(url).unwrap());
        assert!(check("http://gateway.internal/send").is_ok());
        assert!(check("http://GATEWAY.internal./send").is_ok());
        assert!(matches!(check("http://example.com/"), Err(OutboundError::ForbiddenScheme)));
        assert!(matches!(check("ftp://gateway.internal/"), Err(OutboundError::ForbiddenScheme)));
        assert!(matches!(check("https://10.0.0.1/"), Err(OutboundError::PrivateAddress)));
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_private_network_is_not_connected_to() {
        let canary = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = canary.local_addr().unwrap().port();
        for host in ["localhost", "localhost.", "127.0.0.1"] {
            let url = Url::parse(&format!("https://{host}:{port}/")).unwrap();
            assert!(outbound(&[]).post_json(&url, &[], vec![]).await.is_err());
        }
        let untouched = tokio::time::timeout(std::time::Duration::from_millis(50), canary.accept()).await;
        assert!(untouched.is_err());
        // A host whose private address only the resolver finds.
        let resolve = async |allow: &[&str]| {
            let guarded = PublicIpResolver { allowed_hosts: Arc::new(allowed(allow)) };
            guarded.resolve("localhost".parse().unwrap()).await
        };
        assert!(resolve(&[]).await.is_err());
        assert!(resolve(&["localhost"]).await.is_ok());
    }
}
