//! Calls other servers: the one guarded HTTP client.
//!
//! A URL comes from an operator or, later, from a client's registration, so the client looks at where
//! it leads (OWASP ASVS 1.3.6): https only, no address on a private network, whether it stands in the
//! URL or a name resolves to it, no redirect, no proxy, a few seconds and at most 1 MiB. The address
//! that was checked is the one that is connected to. Hosts in `outbound.allow_hosts` are trusted with
//! http and private addresses.

use std::{
    collections::BTreeSet,
    error::Error,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use aws_lc_rs::hmac;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use postern_service::{clock::Timestamp, settings::Secret};
use reqwest::{
    Client,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use secrecy::ExposeSecret;
use url::{Host, Url};

use crate::{config::OutboundSettings, crypto};

/// Longest answer that is read.
const LONGEST_ANSWER: usize = 1 << 20;

/// Why a call was not made, or not answered.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The client cannot be built.
    #[error("the HTTP client cannot be built")]
    Client(#[source] reqwest::Error),
    /// Not https, and the host is not allowed by name.
    #[error("only https is called, except for hosts in `outbound.allow_hosts`")]
    Scheme,
    /// The address is not a public one.
    #[error("the address is on a private network; `outbound.allow_hosts` can allow the host")]
    Address,
    /// No answer, or none in time.
    #[error("the server did not answer")]
    Call(#[source] reqwest::Error),
    /// The answer is longer than 1 MiB.
    #[error("the answer is too long")]
    TooLong,
}

/// What came back.
#[derive(Debug)]
pub struct OutboundAnswer {
    /// Its status; redirects are not followed.
    pub status: StatusCode,
    /// Its body.
    pub body: Bytes,
}

/// The guarded client.
pub struct Outbound {
    client: Client,
    allowed: Arc<BTreeSet<String>>,
}

impl Outbound {
    /// Builds it from `[outbound]`.
    pub fn new(settings: &OutboundSettings) -> Result<Self, OutboundError> {
        let allowed = Arc::new(settings.allow_hosts.clone());
        let client = Client::builder()
            .dns_resolver(Arc::new(Guarded { allowed: Arc::clone(&allowed) }))
            .redirect(Policy::none())
            .no_proxy()
            .timeout(settings.timeout.duration())
            .connect_timeout(settings.timeout.duration())
            .build()
            .map_err(OutboundError::Client)?;
        Ok(Self { client, allowed })
    }

    /// Posts a JSON body.
    pub async fn post_json(
        &self,
        url: &Url,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<OutboundAnswer, OutboundError> {
        permitted(url, &self.allowed)?;
        let mut request = self.client.post(url.clone()).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let mut response = request.send().await.map_err(without_url)?;
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(without_url)? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(OutboundError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(OutboundAnswer { status: response.status(), body: body.freeze() })
    }
}

/// Whether a URL may be called, as far as it can be told without resolving its name. An address in it never reaches the
/// resolver, so it is looked at here.
pub fn permitted(url: &Url, allowed: &BTreeSet<String>) -> Result<(), OutboundError> {
    let host = url.host().ok_or(OutboundError::Address)?;
    if allows(allowed, &host.to_string()) {
        return if matches!(url.scheme(), "https" | "http") { Ok(()) } else { Err(OutboundError::Scheme) };
    }
    if url.scheme() != "https" {
        return Err(OutboundError::Scheme);
    }
    match host {
        // RFC 6761 section 6.3: no resolver is asked what this name is.
        Host::Domain(name) if local(name) => Err(OutboundError::Address),
        Host::Domain(_) => Ok(()),
        Host::Ipv4(ip) if public(ip.into()) => Ok(()),
        Host::Ipv6(ip) if public(ip.into()) => Ok(()),
        Host::Ipv4(_) | Host::Ipv6(_) => Err(OutboundError::Address),
    }
}

fn local(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// The log names the host by its setting; a path may hold a secret of the gateway.
fn without_url(cause: reqwest::Error) -> OutboundError {
    OutboundError::Call(cause.without_url())
}

/// The signature of a webhook: `t=<seconds>,v1=<hex of HMAC-SHA-256 over "<seconds>.<body>">`.
pub fn signature(secret: &Secret, now: Timestamp, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let seconds = now.seconds();
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{seconds}.").as_bytes());
    context.update(body);
    format!("t={seconds},v1={}", crypto::hex(context.sign().as_ref()))
}

/// Resolves names and drops every address that is not public.
struct Guarded {
    allowed: Arc<BTreeSet<String>>,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = allows(&self.allowed, name.as_str());
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses: Vec<SocketAddr> = found.filter(|found| allowed || public(found.ip())).collect();
            if addresses.is_empty() {
                return Err(Box::new(OutboundError::Address) as Box<dyn Error + Send + Sync>);
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// One host has one spelling: lower case, without the dot of the root.
fn allows(allowed: &BTreeSet<String>, host: &str) -> bool {
    allowed.contains(host.trim_end_matches('.').to_ascii_lowercase().as_str())
}

/// Whether an address belongs to the internet at large (IANA special-purpose registries, RFC 6890).
fn public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => public_v4(ip),
        IpAddr::V6(ip) => public_v6(ip),
    }
}

fn public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        // Shared by carriers, protocol assignments, 6to4 relays, benchmarks.
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

/// Global unicast is `2000::/3` (RFC 4291 section 2.4); what wraps an IPv4 address must wrap a public one.
fn public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let embedded = |at: usize| {
        let [high, low] = [segments[at], segments[at + 1]];
        public_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
    };
    if let Some(mapped) = ip.to_ipv4_mapped() {
        return public_v4(mapped);
    }
    match (segments[0], segments[1]) {
        // NAT64 (RFC 6052), `6to4` (RFC 3056).
        (0x64, 0xff9b) => segments[2..4] == [0, 0] && embedded(6),
        (0x2002, _) => embedded(1),
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
        permitted(url, &allowed(allow))
    }

    fn outbound(allow: &[&str]) -> Outbound {
        let timeout = "5s".parse().unwrap();
        Outbound::new(&OutboundSettings { allow_hosts: allowed(allow), timeout }).unwrap()
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
            assert!(matches!(check(&[], &url), Err(OutboundError::Address)), "{host}");
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
        assert!(matches!(check("http://example.com/"), Err(OutboundError::Scheme)));
        assert!(matches!(check("ftp://gateway.internal/"), Err(OutboundError::Scheme)));
        assert!(matches!(check("https://10.0.0.1/"), Err(OutboundError::Address)));
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
        // Where only resolving tells.
        let resolve = async |allow: &[&str]| {
            let guarded = Guarded { allowed: Arc::new(allowed(allow)) };
            guarded.resolve("localhost".parse().unwrap()).await
        };
        assert!(resolve(&[]).await.is_err());
        assert!(resolve(&["localhost"]).await.is_ok());
    }
}
