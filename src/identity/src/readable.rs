//! Answers how people read what programs write: moments and user agents.

use postern_service::clock::Timestamp;

/// What a browser calls itself, the more special first.
const BROWSERS: [(&str, &str); 5] = [
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];
/// What it says of the system, the more special first.
const SYSTEMS: [(&str, &str); 6] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// A moment in UTC: `2026-01-01 00:00 UTC`.
pub fn minute(at: Timestamp) -> String {
    let text = at.rfc3339().replace('T', " ");
    format!("{} UTC", text.get(..16).unwrap_or(&text))
}

/// The day of a moment in UTC: `2026-01-01`.
pub fn day(at: Timestamp) -> String {
    let text = at.rfc3339();
    text.get(..10).unwrap_or(&text).to_owned()
}

/// Browser and system, as far as a user agent tells: for recognition, not for statistics.
pub fn device(user_agent: &str) -> String {
    let first = |known: &[(&str, &'static str)]| {
        known.iter().find(|(part, _)| user_agent.contains(part)).map(|(_, name)| *name)
    };
    match (first(&BROWSERS), first(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} · {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => user_agent.chars().take(60).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_recognised_by_browser_and_system() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/149.0 Safari/537.36 Edg/149.0";
        let safari =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile/15E148 Safari/604.1";
        assert_eq!(
            [firefox, edge, safari].map(device),
            ["Firefox · Linux", "Edge · Windows", "Safari · iPhone"]
        );
        assert_eq!(device("curl/8.1"), "curl/8.1");
    }

    #[test]
    fn a_moment_is_read_to_the_minute() {
        assert_eq!(minute(Timestamp::from_seconds(1_767_225_661)), "2026-01-01 00:01 UTC");
    }
}
