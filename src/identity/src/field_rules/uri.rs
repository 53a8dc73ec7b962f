//! Which URIs clients and resources may have.

use url::Url;

use super::RuleResult;
use crate::config::url_is_loopback;

/// Schemes that a browser executes or resolves itself: a redirect to such a URI would attack the user.
const FORBIDDEN_SCHEMES: [&str; 8] =
    ["javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "view-source"];

/// Schemes that belong to other programs of a device, so that no app may claim them without a dot.
const FOREIGN_SCHEMES: [&str; 17] = [
    "ftp",
    "ws",
    "wss",
    "mailto",
    "tel",
    "sms",
    "intent",
    "market",
    "ssh",
    "ldap",
    "urn",
    "chrome",
    "edge",
    "resource",
    "content",
    "jar",
    "search-ms",
];

/// Which URI schemes a client may have in its redirect URIs and origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AllowedSchemes {
    /// https, and http on a loopback address.
    Web,
    /// Private schemes too, if they are a reverse domain name (RFC 8252 section 7.1). Any app can claim such a scheme,
    /// so only public clients may register one.
    ReverseDomainName,
    /// Any private scheme, on the operator's word.
    Private,
}

/// A resource's identifier: an absolute URI without a fragment (RFC 8707 section 2).
pub(crate) fn resource_identifier(text: &str) -> RuleResult {
    let rule = Err("must be an absolute URI without a fragment, such as https://api.example.com");
    match parse_unambiguous(text) {
        Some(url) if url.fragment().is_none() && !text.ends_with('#') && text.len() <= 512 => Ok(()),
        _ => rule,
    }
}

/// A redirect URI (RFC 6749 section 3.1.2, RFC 8252 section 7, RFC 9700 section 4.1.1).
pub(crate) fn redirect_uri(text: &str, schemes: AllowedSchemes) -> RuleResult {
    let url =
        parse_unambiguous(text).ok_or("must be an absolute URI in ASCII without spaces or backslashes")?;
    if url.fragment().is_some() || text.ends_with('#') {
        return Err("must have no fragment");
    }
    if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') {
        return Err("must have no user name or password");
    }
    if FORBIDDEN_SCHEMES.contains(&url.scheme()) {
        return Err("must not use a scheme that a browser runs or resolves by itself");
    }
    match url.scheme() {
        "https" => require_exact_host(&url),
        "http" if url_is_loopback(&url) => Ok(()),
        "http" => Err("must use https; http is for loopback addresses only"),
        scheme => private_scheme(scheme, schemes),
    }
}

fn private_scheme(scheme: &str, schemes: AllowedSchemes) -> RuleResult {
    match schemes {
        AllowedSchemes::Web => {
            Err("must use https, or http on a loopback address; private schemes are for public clients")
        }
        // RFC 8252 section 7.1: a reverse domain name, so that two apps do not collide by chance.
        AllowedSchemes::ReverseDomainName | AllowedSchemes::Private if scheme.contains('.') => Ok(()),
        AllowedSchemes::ReverseDomainName => Err(
            "must use https, http on a loopback address, or a private scheme with a dot in its name, unless \
             --private-schemes allows others: two apps can choose the same one",
        ),
        // `localhost:3000/cb`, where somebody forgot the first part.
        AllowedSchemes::Private if scheme == "localhost" => {
            Err("must begin with the scheme, such as http://localhost")
        }
        AllowedSchemes::Private if FOREIGN_SCHEMES.contains(&scheme) || scheme.starts_with("ms-") => {
            Err("must not use a scheme that belongs to other programs")
        }
        AllowedSchemes::Private => Ok(()),
    }
}

/// Where a sign-in that another party begins starts (OpenID Connect Core section 4): https, or http on a loopback
/// address for development.
pub(crate) fn initiate_login_uri(text: &str) -> RuleResult {
    web_url(text)?;
    if text.contains('#') { Err("must have no fragment") } else { Ok(()) }
}

/// A browser origin in its serialized form (RFC 6454 section 6.2).
///
/// A private scheme has no origin in that section; the web views of apps send `scheme://host` for it.
pub(crate) fn origin(text: &str, schemes: AllowedSchemes) -> RuleResult {
    let rule =
        "must be an origin such as https://app.example.com: https (or http on a loopback address), no path";
    let url = parse_unambiguous(text).ok_or(rule)?;
    if !matches!(url.scheme(), "http" | "https") && !FORBIDDEN_SCHEMES.contains(&url.scheme()) {
        private_scheme(url.scheme(), schemes)?;
        let host =
            url.host_str().filter(|host| !host.is_empty() && !host.contains(['*', '@'])).ok_or(rule)?;
        let exact = text == format!("{}://{}", url.scheme(), host.to_ascii_lowercase());
        return if exact { Ok(()) } else { Err("must be an origin such as capacitor://localhost") };
    }
    let exact = url.origin().ascii_serialization() == text;
    let safe = url.scheme() == "https" || (url.scheme() == "http" && url_is_loopback(&url));
    if exact && safe { require_exact_host(&url) } else { Err(rule) }
}

/// A URL of a page or picture that is shown to people. Returns the normalized URL, which every parser reads
/// alike.
pub(crate) fn web_url(text: &str) -> Result<String, &'static str> {
    let url = parse_unambiguous(text).ok_or("must be an https URL")?;
    if url.scheme() != "https" && !(url.scheme() == "http" && url_is_loopback(&url)) {
        return Err("must be an https URL");
    }
    if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') {
        return Err("must have no user name or password");
    }
    Ok(url.into())
}

/// Parses an absolute URL. The `url` crate accepts input that other parsers read differently, so such input
/// is refused.
fn parse_unambiguous(text: &str) -> Option<Url> {
    let plain = text.len() <= 2048 && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if plain { Url::parse(text).ok() } else { None }
}

/// The text between `//` and the path, as written.
fn authority(text: &str) -> &str {
    let rest = text.split_once("//").map_or("", |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default()
}

fn require_exact_host(url: &Url) -> RuleResult {
    match url.host_str() {
        Some(host) if !host.contains('*') => Ok(()),
        _ => Err("must name its host in full, without a wildcard"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_uri_leads_to_one_place_that_the_client_owns() {
        for uri in [
            "https://app.example.com/callback",
            "https://app.example.com/callback?tenant=1",
            "http://localhost:7118/",
            "http://127.0.0.1/callback",
            "http://[::1]:8080/",
        ] {
            assert_eq!(redirect_uri(uri, AllowedSchemes::Web), Ok(()), "{uri}");
        }
        for uri in ["com.example.app:/callback", "com.example.app://callback"] {
            assert_eq!(redirect_uri(uri, AllowedSchemes::ReverseDomainName), Ok(()), "{uri}");
            assert!(redirect_uri(uri, AllowedSchemes::Web).is_err(), "{uri}");
        }
        for uri in [
            "",
            "/callback",
            "app.example.com",
            "http://app.example.com/",
            "https://app.example.com/#a",
            "https://app.example.com/#",
            "https://user@app.example.com/",
            "https://@app.example.com/",
            "https://user:password@app.example.com/",
            "https://*.example.com/",
            "javascript:alert(1)",
            "myapp:/callback",
            "data:text/html,x",
            "file:///etc/passwd",
            "https://app.example.com/a b",
            "https:\\\\app.example.com",
            "https://app.example.com/\n",
            "https://äpp.example.com/",
            "http://localhost.example.com/",
            "https://",
            "blob:https://app.example.com/1",
            "http://127.0.0.1.example.com/",
        ] {
            assert!(redirect_uri(uri, AllowedSchemes::ReverseDomainName).is_err(), "{uri}");
        }
    }

    #[test]
    fn an_origin_has_one_form() {
        for text in ["https://app.example.com", "http://localhost:7118", "https://app.example.com:8443"] {
            assert_eq!(origin(text, AllowedSchemes::Web), Ok(()), "{text}");
        }
        for text in [
            "https://app.example.com/",
            "https://APP.example.com",
            "http://app.example.com",
            "null",
            "*",
            "https://*.a.b",
            "https://app.example.com:443",
            "https://user@app.example.com",
            "com.example.app:",
        ] {
            assert!(origin(text, AllowedSchemes::Private).is_err(), "{text}");
        }
    }

    #[test]
    fn a_resource_identifier_is_an_absolute_uri() {
        for text in
            ["https://api.example.com", "http://localhost:7118", "urn:example:api", "https://a.b/c?d=e"]
        {
            assert_eq!(resource_identifier(text), Ok(()), "{text}");
        }
        for text in
            ["", "api", "/api", "https://api.example.com#x", "https://api.example.com#", "https://a b"]
        {
            assert!(resource_identifier(text).is_err(), "{text}");
        }
    }
}
