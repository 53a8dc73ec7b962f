//! Formats times and user agents for people, and finds invisible characters in names.
//!
//! Owns the list of invisible characters. Leaves to the callers whether such a name is refused or shown
//! without them.

use std::borrow::Cow;

use postern_service::clock::Timestamp;

/// Product tokens of browsers. The more specific ones come first, because Edge and Opera also contain
/// `Chrome/`.
const BROWSERS: [(&str, &str); 5] = [
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];
/// Names of operating systems. The more specific ones come first, because Android also contains `Linux`.
const SYSTEMS: [(&str, &str); 6] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// A time in UTC: `2026-01-01 00:00 UTC`.
pub fn format_minute(at: Timestamp) -> String {
    let text = at.rfc3339().replace('T', " ");
    format!("{} UTC", text.get(..16).unwrap_or(&text))
}

/// A date in UTC: `2026-01-01`.
pub fn format_day(at: Timestamp) -> String {
    let text = at.rfc3339();
    text.get(..10).unwrap_or(&text).to_owned()
}

/// Whether a text contains invisible characters. They can make one name look like another (Unicode Technical
/// Standard 39).
pub fn has_invisible_characters(text: &str) -> bool {
    matches!(without_invisible_characters(text), Cow::Owned(_))
}

/// A text without its invisible characters, for pages and mails.
///
/// A joiner stays between two visible characters outside ASCII, and a variation selector after one: they shape
/// words in Persian and Indic scripts, and emoji. After ASCII they are removed, in keycap emoji too.
pub fn without_invisible_characters(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let characters: Vec<char> = text.chars().collect();
    let at = |index: Option<usize>| index.and_then(|index| characters.get(index)).copied();
    let seen = (0..characters.len()).filter(|&index| match characters[index] {
        c if joiner(c) => {
            at(index.checked_sub(1)).is_some_and(|c| accepts_joiner(c) || variation_selector(c))
                && at(Some(index + 1)).is_some_and(accepts_joiner)
        }
        c if variation_selector(c) => at(index.checked_sub(1)).is_some_and(accepts_joiner),
        c => !invisible(c),
    });
    let seen: String = seen.map(|index| characters[index]).collect();
    if seen.len() == text.len() { Cow::Borrowed(text) } else { Cow::Owned(seen) }
}

fn accepts_joiner(c: char) -> bool {
    !c.is_ascii() && !c.is_whitespace() && !joiner(c) && !variation_selector(c) && !invisible(c)
}

/// The zero width joiner and non-joiner.
const fn joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// A variation selector, which selects the glyph of the preceding character.
const fn variation_selector(c: char) -> bool {
    matches!(c, '\u{180b}'..='\u{180d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// A character that has no width, changes the direction of the text (Unicode Standard Annex 9), or breaks its
/// line.
const fn invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180e}' | '\u{200b}'
            | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// The browser and the operating system of a user agent. Good enough for a user to recognise a device, not
/// for statistics.
pub fn device_name(user_agent: &str) -> String {
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
    fn what_nobody_sees_is_taken_out_and_scripts_that_need_joiners_keep_them() {
        for text in
            ["Ada", "Müller", "علی‌رضا", "क्‍ष", "👩\u{200d}💻", "🏳\u{fe0f}\u{200d}🌈", "葛\u{e0100}城", "שלום"]
        {
            assert!(!has_invisible_characters(text), "{text:?}");
        }
        for (text, seen) in [
            ("evil\u{202e}gnp.exe", "evilgnp.exe"),
            ("pay\u{200d}pal", "paypal"),
            ("pay\u{200b}pal", "paypal"),
            ("\u{2066}a\u{2069}", "a"),
            ("a\u{200f}", "a"),
            ("\u{200c}علی", "علی"),
            ("ب\u{200d}\u{200d}ب", "بب"),
            ("a\u{fe0f}", "a"),
            ("\u{feff}Ada\u{ad}", "Ada"),
            ("Ada\u{e0041}", "Ada"),
            ("\u{3164}", ""),
        ] {
            assert!(has_invisible_characters(text), "{text:?}");
            assert_eq!(without_invisible_characters(text), seen, "{text:?}");
        }
    }

    #[test]
    fn a_device_is_recognised_by_browser_and_system() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/149.0 Safari/537.36 Edg/149.0";
        let safari =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile/15E148 Safari/604.1";
        assert_eq!(
            [firefox, edge, safari].map(device_name),
            ["Firefox · Linux", "Edge · Windows", "Safari · iPhone"]
        );
        assert_eq!(device_name("curl/8.1"), "curl/8.1");
    }

    #[test]
    fn a_moment_is_read_to_the_minute() {
        assert_eq!(format_minute(Timestamp::from_seconds(1_767_225_661)), "2026-01-01 00:01 UTC");
    }
}
