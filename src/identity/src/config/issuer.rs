//! Checks the issuer, and answers which hosts are this machine.

use url::{Host, Url};

pub fn url_is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

pub(crate) fn host_is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// The issuer must be an origin (RFC 8414 section 2), over https unless its host is this machine.
pub(super) fn check_issuer(issuer: &str) -> Result<(), &'static str> {
    let url = Url::parse(issuer).map_err(|_| "must be an absolute URL, such as https://id.example.com")?;
    if url.origin().ascii_serialization() != issuer {
        return Err("must be an origin in its shortest form: no path, query or trailing slash");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if url_is_loopback(&url) => Ok(()),
        _ => Err("must begin with https:// (http:// is allowed for this machine only)"),
    }
}
