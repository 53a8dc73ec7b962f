//! Answers which web origins a client's pages have (RFC 6454), for CORS.
//!
//! A native app's loopback redirect URI may have any port (RFC 8252 section 7.3), so its origin is kept as a pattern
//! without the port, and without the host where the client's policy takes the names of this machine for one. The
//! patterns hold for the endpoints that take no cookies; first-party origins are compared exactly.

use url::Url;

use super::{Client, policy::RedirectUriRule};

const LOOPBACK_HOSTS: [&str; 3] = ["http://127.0.0.1", "http://[::1]", "http://localhost"];
/// Stands for every host of [`LOOPBACK_HOSTS`] at any port.
const ANY_LOOPBACK: &str = "http://loopback:*";

/// The origins of a public client: the registered ones, and those of its redirect URIs.
pub(super) fn public(client: &Client, issuer: &str) -> Vec<String> {
    let of_redirect_uris = client.row.redirect_uris.iter().filter_map(|uri| {
        let origin = Url::parse(uri).ok()?.origin();
        // A private-use URI scheme belongs to a native app, which has no web origin.
        let origin = origin.is_tuple().then(|| origin.ascii_serialization())?;
        Some(if origin == issuer { origin } else { pattern(client.policy.redirect_uris, origin) })
    });
    client.row.origins.iter().cloned().chain(of_redirect_uris).collect()
}

/// The origins whose pages may send cookies.
pub(super) fn first_party(client: &Client) -> Vec<String> {
    client.row.origins.iter().filter(|origin| of_web_page(origin)).cloned().collect()
}

pub(super) fn of_web_page(origin: &str) -> bool {
    origin.starts_with("https://") || origin.starts_with("http://")
}

/// The patterns under which an origin may be known.
pub(super) fn patterns_of(origin: &str) -> Vec<String> {
    match loopback_host(origin) {
        Some(host) => vec![any_port(host), ANY_LOOPBACK.to_owned()],
        None => Vec::new(),
    }
}

/// What is kept of the origin of a redirect URI.
fn pattern(rule: RedirectUriRule, origin: String) -> String {
    match (rule, loopback_host(&origin)) {
        (RedirectUriRule::LocalhostPort, Some(_)) => ANY_LOOPBACK.to_owned(),
        (RedirectUriRule::LoopbackPort, Some(host)) if host != "http://localhost" => any_port(host),
        _ => origin,
    }
}

fn any_port(host: &str) -> String {
    format!("{host}:*")
}

fn loopback_host(origin: &str) -> Option<&'static str> {
    let on =
        |host: &&str| origin.strip_prefix(*host).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
    LOOPBACK_HOSTS.into_iter().find(on)
}
