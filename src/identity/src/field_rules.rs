//! Answers whether a single value may be stored. The rules are pure and shared by clients, resources and
//! users.
//!
//! The error of a rule states what must hold, and reads on from the name of the field: "must be ...".

use url::Url;
use uuid::Uuid;

use crate::{config::url_is_loopback, readable};

type RuleResult = Result<(), &'static str>;

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

/// A display name, or any other single line of text.
pub(crate) fn name(text: &str) -> RuleResult {
    let fits = (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits && text.trim() == text && !readable::has_invisible_characters(text) {
        Ok(())
    } else {
        Err("must be 1 to 100 characters without space around them, without control characters, and without \
             invisible ones or ones that turn the direction of text")
    }
}

/// A `client_id`: unreserved characters only (RFC 3986 section 2.3), so that it has the same form in a URL, a
/// form, a header and a token. A UUID is refused, because it could be taken for the `sub` of a user.
pub(crate) fn client_id(text: &str) -> RuleResult {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !(1..=128).contains(&text.len()) || !text.bytes().all(safe) {
        return Err("must be 1 to 128 letters, digits, or the characters - . _ ~");
    }
    if Uuid::try_parse(text).is_ok() {
        return Err("must not be a UUID: it could be taken for the sub of a user");
    }
    Ok(())
}

/// One scope value (RFC 6749 section 3.3).
pub(crate) fn scope(text: &str) -> RuleResult {
    let allowed = |byte: u8| byte == 0x21 || (0x23..=0x5b).contains(&byte) || (0x5d..=0x7e).contains(&byte);
    if (1..=128).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(())
    } else {
        Err("must be scope values of printable ASCII without space, quotation mark or backslash")
    }
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

/// Lines of a postal address, separated by newlines (OpenID Connect Core section 5.1.1).
pub(crate) fn multiline_text(text: &str) -> RuleResult {
    let fits = (1..=500).contains(&text.chars().count());
    let plain =
        !text.chars().any(|c| c.is_control() && c != '\n') && !readable::has_invisible_characters(text);
    if fits && text.trim() == text && plain {
        Ok(())
    } else {
        Err(
            "must be 1 to 500 characters without space around them, without control characters other than newlines, \
             and without invisible ones or ones that turn the direction of text",
        )
    }
}

/// A date of birth (OpenID Connect Core section 5.1): `YYYY-MM-DD`, with the year `0000` if it is not
/// disclosed, or `YYYY`.
pub(crate) fn birthdate(text: &str) -> RuleResult {
    let rule = Err("must be a date such as 1990-04-01, 0000-04-01 without a year, or 1990");
    let number = |part: &str, length: usize| {
        let digits = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
        if digits { part.parse::<u16>().ok() } else { None }
    };
    let parts: Vec<_> = text.split('-').collect();
    match parts[..] {
        [year] if number(year, 4).is_some_and(|year| year > 0) => Ok(()),
        [year, month, day] => match (number(year, 4), number(month, 2), number(day, 2)) {
            (Some(year), Some(month), Some(day)) if is_date(year, month, day) => Ok(()),
            _ => rule,
        },
        _ => rule,
    }
}

fn is_date(year: u16, month: u16, day: u16) -> bool {
    let month = u8::try_from(month).ok().and_then(|month| time::Month::try_from(month).ok());
    let day = u8::try_from(day).ok();
    month
        .zip(day)
        .is_some_and(|(month, day)| time::Date::from_calendar_date(i32::from(year), month, day).is_ok())
}

/// The areas of the IANA time zone database, and its folders of older names.
const ZONE_AREAS: [&str; 16] = [
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Brazil",
    "Canada",
    "Chile",
    "Etc",
    "Europe",
    "Indian",
    "Mexico",
    "Pacific",
    "US",
];

/// The names of the IANA time zone database that have no area.
const ZONES_WITHOUT_AREA: [&str; 44] = [
    "CET",
    "CST6CDT",
    "Cuba",
    "EET",
    "EST",
    "EST5EDT",
    "Egypt",
    "Eire",
    "GB",
    "GB-Eire",
    "GMT",
    "GMT+0",
    "GMT-0",
    "GMT0",
    "Greenwich",
    "HST",
    "Hongkong",
    "Iceland",
    "Iran",
    "Israel",
    "Jamaica",
    "Japan",
    "Kwajalein",
    "Libya",
    "MET",
    "MST",
    "MST7MDT",
    "NZ",
    "NZ-CHAT",
    "Navajo",
    "PRC",
    "PST8PDT",
    "Poland",
    "Portugal",
    "ROC",
    "ROK",
    "Singapore",
    "Turkey",
    "UCT",
    "UTC",
    "Universal",
    "W-SU",
    "WET",
    "Zulu",
];

/// A time zone name of the IANA database. The area must exist; the place in it is checked by its form only, because
/// places are added to the database every year.
pub(crate) fn zoneinfo(text: &str) -> RuleResult {
    let part = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
    };
    let known = match text.split_once('/') {
        Some((area, place)) => ZONE_AREAS.contains(&area) && place.split('/').all(part),
        None => ZONES_WITHOUT_AREA.contains(&text),
    };
    if text.len() <= 64 && known {
        Ok(())
    } else {
        Err("must be the name of a time zone such as Europe/Berlin")
    }
}

/// A language tag (RFC 5646) with dashes; underscores are refused.
pub(crate) fn locale(text: &str) -> RuleResult {
    let parsed = text.parse::<unic_langid::LanguageIdentifier>();
    if text.len() <= 35 && !text.contains('_') && parsed.is_ok() {
        Ok(())
    } else {
        Err("must be a language such as en or de-AT")
    }
}

/// A phone number as OpenID Connect Core section 5.1 recommends: E.164, with an extension as in RFC 3966.
pub(crate) fn phone_number(text: &str) -> RuleResult {
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let (number, extension) = match text.split_once(";ext=") {
        Some((number, extension)) => (number, Some(extension)),
        None => (text, None),
    };
    let number = number.strip_prefix('+').unwrap_or_default();
    let whole = number.len() >= 6 && digits(number, 15) && !number.starts_with('0');
    if whole && extension.is_none_or(|extension| digits(extension, 10)) {
        Ok(())
    } else {
        Err("must be a number with + and its country code, such as +4930123456")
    }
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
    fn a_client_id_reads_alike_everywhere_and_is_no_subject() {
        for id in ["tasks-web", "a", "com.example.app", "A_1~x"] {
            assert_eq!(client_id(id), Ok(()), "{id}");
        }
        for id in [
            "",
            "a b",
            "a/b",
            "a:b",
            "ä",
            "a\n",
            "a%20",
            "5f0c1b6e-6f0e-4a7c-9d39-1f6f1c1e6a10",
            "5f0c1b6e6f0e4a7c9d391f6f1c1e6a10",
            "5F0C1B6E-6F0E-4A7C-9D39-1F6F1C1E6A10",
        ] {
            assert!(client_id(id).is_err(), "{id}");
        }
        assert!(client_id(&"a".repeat(129)).is_err());
    }

    #[test]
    fn a_scope_is_one_word() {
        for value in ["openid", "tasks:read", "https://example.com/scope"] {
            assert_eq!(scope(value), Ok(()), "{value}");
        }
        for value in ["", "a b", "a\"b", "a\\b", "ä", "a\tb", "a\u{7f}"] {
            assert!(scope(value).is_err(), "{value:?}");
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
    fn what_people_tell_of_themselves_has_the_form_that_the_specification_names() {
        type Case<'a> = (fn(&str) -> RuleResult, &'a [&'a str], &'a [&'a str]);
        let cases: [Case<'_>; 5] = [
            (
                birthdate,
                &["1990-04-01", "0000-02-29", "1990"],
                &[
                    "",
                    "1990-02-29",
                    "1990-4-1",
                    "01.04.1990",
                    "90",
                    "0000",
                    "1990-04",
                    "1990-04-01T00:00:00Z",
                ],
            ),
            (
                zoneinfo,
                &[
                    "Europe/Berlin",
                    "UTC",
                    "Japan",
                    "US/Pacific",
                    "Etc/GMT+5",
                    "America/Argentina/Buenos_Aires",
                ],
                &[
                    "",
                    "Europe/",
                    "../etc/passwd",
                    "+01:00",
                    "Europe Berlin",
                    "Berlin",
                    "Europa/Berlin",
                    "europe/berlin",
                ],
            ),
            (locale, &["en", "de-AT", "zh-Hant-TW"], &["", "en_US", "english language", "../de"]),
            (
                phone_number,
                &["+4930123456", "+16045551234;ext=5678"],
                &[
                    "",
                    "030123456",
                    "+49 30 123456",
                    "+0123456",
                    "+49",
                    "+4930123456;ext=",
                    "+1234567890123456",
                ],
            ),
            (multiline_text, &["1 Example Street\n10115 Berlin"], &["", " a", "a\tb", "a\r\nb", "a\n"]),
        ];
        for (rule, good, bad) in cases {
            for text in good {
                assert_eq!(rule(text), Ok(()), "{text:?}");
            }
            for text in bad {
                assert!(rule(text).is_err(), "{text:?}");
            }
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
