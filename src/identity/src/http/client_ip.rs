//! Answers from which IP a request came, as far as this is proven.
//!
//! The IP is that of the peer. Only a proxy in `http.trusted_proxies` may name another IP, in
//! `X-Forwarded-For`. The header is read from the right, past every trusted proxy, and the first other IP is
//! the client's. Anybody may have written what is further left. If a malformed entry is met on the way, the
//! peer's IP counts. No other header is read.

use std::{net::IpAddr, sync::Once};

use crate::App;
use ipnet::IpNet;
use poem::{Request, http::HeaderMap};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Addresses of one request that are looked at: a chain of proxies is not longer.
const MAX_FORWARDED_ENTRIES: usize = 16;

/// Returns the client's IP; none for a connection without a socket address.
pub(super) fn client_ip(app: &App, request: &Request) -> Option<IpAddr> {
    let peer = request.remote_addr().as_socket_addr().map(|address| address.ip().to_canonical())?;
    let trusted = &app.config.http.trusted_proxies;
    warn_of_unlisted_proxy(peer, request.headers(), trusted);
    Some(resolve_client_ip(peer, request.headers(), trusted))
}

fn resolve_client_ip(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    if !trusted_proxy(trusted, peer) {
        return peer;
    }
    let lines = headers.get_all(FORWARDED_FOR).iter();
    let entries: Vec<&str> =
        lines.flat_map(|line| line.to_str().unwrap_or("?").split(',').map(str::trim)).collect();
    let mut client = peer;
    for entry in entries.iter().rev().take(MAX_FORWARDED_ENTRIES) {
        match parse_ip(entry) {
            Some(ip) => client = ip,
            None => return peer,
        }
        if !trusted_proxy(trusted, client) {
            return client;
        }
    }
    client
}

/// Says once that a proxy seems to be in front that the settings do not name: then all people are one source. A peer
/// elsewhere on the internet says nothing about our own network.
fn warn_of_unlisted_proxy(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) {
    static WARNED: Once = Once::new();
    let unnamed =
        headers.contains_key(FORWARDED_FOR) && loopback_or_private(peer) && !trusted_proxy(trusted, peer);
    if unnamed && !WARNED.is_completed() {
        WARNED.call_once(|| {
            tracing::warn!(
                "X-Forwarded-For came from {peer}, which http.trusted_proxies does not name, so all people behind it are \
                 one source; if that is your proxy, set trusted_proxies = ['{peer}'] under [http]"
            );
        });
    }
}

/// Whether an address is this machine's or of a private network.
fn loopback_or_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    }
}

fn trusted_proxy(trusted: &[IpNet], ip: IpAddr) -> bool {
    trusted.iter().any(|network| network.contains(&ip))
}

/// An address, with a port as some proxies write it.
fn parse_ip(entry: &str) -> Option<IpAddr> {
    let with_port = || entry.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    entry.parse().ok().or_else(with_port).map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client_of(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        headers.insert("x-real-ip", "203.0.113.66".parse().unwrap());
        headers.insert("forwarded", "for=203.0.113.67".parse().unwrap());
        resolve_client_ip(peer.parse().unwrap(), &headers, &["10.0.0.0/8".parse().unwrap()]).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_tells_the_address() {
        assert_eq!(client_of("198.51.100.1", &["192.0.2.1"]), "198.51.100.1");
        assert_eq!(client_of("10.0.0.1", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(client_of("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_rightmost_address_that_is_no_proxy_counts() {
        assert_eq!(client_of("10.0.0.1", &["192.0.2.1, 192.0.2.2, 10.0.0.2"]), "192.0.2.2");
        assert_eq!(client_of("10.0.0.1", &["192.0.2.1", "192.0.2.2"]), "192.0.2.2");
        assert_eq!(client_of("10.0.0.1", &["192.0.2.2:5555"]), "192.0.2.2");
        assert_eq!(client_of("10.0.0.1", &["2001:db8::1"]), "2001:db8::1");
    }

    #[test]
    fn what_does_not_read_counts_as_not_said() {
        for forwarded in ["a", "", "192.0.2.1,", "192.0.2.1, unknown", &"9".repeat(10_000)] {
            assert_eq!(client_of("10.0.0.1", &[forwarded]), "10.0.0.1", "{forwarded:.20}");
        }
    }
}
