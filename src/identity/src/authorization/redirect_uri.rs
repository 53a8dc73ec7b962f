//! Answers whether a redirect URI is registered for a client (RFC 9700 section 2.1).
//!
//! URIs are compared as strings: no decoding, no case folding, no default port. The one exception is the port
//! of a native app's loopback URI (RFC 8252 section 7.3), which the app learns only when it starts. The client's
//! policy says whether `localhost` counts as such; then the three names of this machine are one, because native apps
//! register one and come with another. The issuer's own pages have no such exception, even when the issuer runs on a
//! loopback address.

use url::{Host, Url};

use crate::{
    App,
    clients::{Client, policy::RedirectUriRule},
    config::url_is_loopback,
    resources::same_origin,
};

const LOOPBACK_IPS: &[&str] = &["127.0.0.1", "[::1]"];
/// The name may resolve to another machine (RFC 8252 section 8.3). Browsers resolve it to this one, and many
/// native apps use no other.
const LOOPBACK_HOSTS: &[&str] = &["127.0.0.1", "[::1]", "localhost"];

pub(super) fn registered(app: &App, client: &Client, asked: &str) -> bool {
    // A page of the issuer is no native app: another program may listen at another port.
    let native = |registered: &str| client.public() && !same_origin(registered, &app.config.issuer);
    client.row.redirect_uris.iter().any(|registered| {
        registered == asked
            || (same_loopback_uri(client.policy.redirect_uris, registered, asked) && native(registered))
    })
}

/// Whether only the client can use a response sent to this URI, whoever began the request.
///
/// A confidential client authenticates when it redeems the code. A public client is identified by an `https`
/// redirect URI, because the host has proven its name by a certificate. Any program on the user's device may
/// take a loopback port or a private-use URI scheme (RFC 8252 section 8.6). When the issuer itself runs on
/// that device, such a program may take the issuer's port as well, so the distinction protects nothing there.
pub(super) fn proves_client_identity(app: &App, client: &Client, redirect_uri: &str) -> bool {
    !client.public() || names_remote_https_host(redirect_uri) || app.config.issuer_is_loopback()
}

fn names_remote_https_host(redirect_uri: &str) -> bool {
    Url::parse(redirect_uri).is_ok_and(|uri| {
        // RFC 6761 section 6.3: names below `localhost` resolve to this machine too.
        let local_name = matches!(uri.host(), Some(Host::Domain(name)) if name.ends_with(".localhost"));
        uri.scheme() == "https" && !local_name && !url_is_loopback(&uri)
    })
}

/// Whether both are loopback URIs that differ only in what the rule leaves to a native app.
fn same_loopback_uri(rule: RedirectUriRule, registered: &str, asked: &str) -> bool {
    let hosts = match rule {
        RedirectUriRule::LocalhostPort => LOOPBACK_HOSTS,
        RedirectUriRule::LoopbackPort => LOOPBACK_IPS,
        RedirectUriRule::Exact => return false,
    };
    match (without_port_of(hosts, registered), without_port_of(hosts, asked)) {
        (Some((own_host, own_rest)), Some((host, rest))) => {
            own_rest == rest && (own_host == host || rule == RedirectUriRule::LocalhostPort)
        }
        _ => false,
    }
}

/// The host and the part after the port, of an `http` URI with one of these hosts.
fn without_port_of<'u>(hosts: &[&'u str], uri: &'u str) -> Option<(&'u str, &'u str)> {
    let after_scheme = uri.strip_prefix("http://")?;
    let host = hosts.iter().copied().find(|host| after_scheme.starts_with(host))?;
    let rest = &after_scheme[host.len()..];
    let rest = match rest.strip_prefix(':') {
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            rest[..digits].parse::<u16>().ok().filter(|port| *port > 0)?;
            &rest[digits..]
        }
        None => rest,
    };
    // Any other character would extend the host: `127.0.0.1.evil.test`, `127.0.0.1@evil.test`.
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_port_of_a_loopback_address_may_differ() {
        for (registered, asked) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb"),
            ("http://127.0.0.1:1234/cb?x=1", "http://127.0.0.1:65535/cb?x=1"),
            ("http://127.0.0.1:1234/cb", "http://127.0.0.1/cb"),
            ("http://[::1]/cb", "http://[::1]:8080/cb"),
            ("http://127.0.0.1", "http://127.0.0.1:80"),
        ] {
            assert!(
                same_loopback_uri(RedirectUriRule::LoopbackPort, registered, asked),
                "{registered} {asked}"
            );
        }
        for (registered, asked) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:1/other"),
            ("http://127.0.0.1/cb", "https://127.0.0.1:1/cb"),
            ("http://127.0.0.1/cb", "http://[::1]:1/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.2:1/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:+1/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:1@evil.test/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1@evil.test/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1.evil.test/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:1\\@evil.test/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb#f"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb?x"),
            ("http://127.0.0.1/cb", "HTTP://127.0.0.1:1/cb"),
            ("http://127.0.0.1/cb", "http://127.1:1/cb"),
            ("http://localhost/cb", "http://localhost:1/cb"),
        ] {
            assert!(
                !same_loopback_uri(RedirectUriRule::LoopbackPort, registered, asked),
                "{registered} {asked}"
            );
        }
    }

    #[test]
    fn the_port_of_localhost_may_differ_where_the_name_counts() {
        for (registered, asked, same) in [
            ("http://localhost/cb", "http://localhost:1/cb", true),
            ("http://localhost:3000/cb", "http://localhost:49152/cb", true),
            ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb", true),
            ("http://localhost/cb", "http://127.0.0.1:1/cb", true),
            ("http://127.0.0.1:9/cb", "http://[::1]:1/cb", true),
            ("http://[::1]/cb", "http://localhost:1/cb", true),
            ("http://localhost/cb", "http://127.0.0.1:1/other", false),
            ("http://localhost/cb", "http://127.0.0.2:1/cb", false),
            ("http://localhost/cb", "http://localhost:1/other", false),
            ("http://localhost/cb", "http://localhost.evil.test/cb", false),
            ("http://localhost/cb", "http://localhost:1.evil.test/cb", false),
            ("http://localhost/cb", "http://localhost:1@evil.test/cb", false),
            ("http://localhost/cb", "http://app.localhost:1/cb", false),
            ("http://localhost/cb", "http://LOCALHOST:1/cb", false),
            ("https://localhost/cb", "https://localhost:1/cb", false),
        ] {
            assert_eq!(
                same_loopback_uri(RedirectUriRule::LocalhostPort, registered, asked),
                same,
                "{registered} {asked}"
            );
        }
    }

    #[test]
    fn only_https_to_another_machine_proves_a_client() {
        for (uri, proves) in [
            ("https://rp.test/cb", true),
            ("https://127.0.0.1.rp.test/cb", true),
            ("http://127.0.0.1:49152/cb", false),
            ("http://[::1]/cb", false),
            ("http://localhost:3000/cb", false),
            ("https://localhost:3000/cb", false),
            ("https://app.localhost/cb", false),
            ("https://127.0.0.2/cb", false),
            ("https://[::1]:8443/cb", false),
            ("com.example.app:/cb", false),
            ("com.example.app://https/cb", false),
        ] {
            assert_eq!(names_remote_https_host(uri), proves, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_compared_without_a_panic(asked in "\\PC{0,60}") {
            let _ = same_loopback_uri(RedirectUriRule::LoopbackPort, "http://127.0.0.1/cb", &asked);
        }

        #[test]
        fn what_matches_still_points_to_the_loopback_address(tail in "[-:/?#@.a-z0-9\\\\%\\[\\]]{0,20}") {
            let asked = format!("http://127.0.0.1{tail}");
            if same_loopback_uri(RedirectUriRule::LoopbackPort, "http://127.0.0.1/cb", &asked) {
                let url = url::Url::parse(&asked).unwrap();
                prop_assert_eq!((url.host_str(), url.path(), url.username()), (Some("127.0.0.1"), "/cb", ""));
            }
        }
    }
}
