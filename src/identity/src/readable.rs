//! Answers how people read what programs write, moments and user agents; and what nobody can read in a name.

use std::borrow::Cow;

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

/// Whether a text holds what nobody sees: with it, one name is made to look like another (Unicode Technical Standard 39).
pub fn deceptive(text: &str) -> bool {
    matches!(visible(text), Cow::Owned(_))
}

/// A text without what nobody sees in it, for pages and mails.
///
/// Joiners and variation selectors stay between characters that may need them: they shape words in Persian and Indic
/// scripts, and emoji. No ASCII letter does.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let characters: Vec<char> = text.chars().collect();
    let at = |index: Option<usize>| index.and_then(|index| characters.get(index)).copied();
    let seen = (0..characters.len()).filter(|&index| match characters[index] {
        c if joins(c) => {
            at(index.checked_sub(1)).is_some_and(|c| takes_joiner(c) || varies(c))
                && at(Some(index + 1)).is_some_and(takes_joiner)
        }
        c if varies(c) => at(index.checked_sub(1)).is_some_and(takes_joiner),
        c => !invisible(c),
    });
    let seen: String = seen.map(|index| characters[index]).collect();
    if seen.len() == text.len() { Cow::Borrowed(text) } else { Cow::Owned(seen) }
}

fn takes_joiner(c: char) -> bool {
    !c.is_ascii() && !c.is_whitespace() && !joins(c) && !varies(c) && !invisible(c)
}

/// Zero width joiner and non-joiner.
const fn joins(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Selects how the character before is drawn.
const fn varies(c: char) -> bool {
    matches!(c, '\u{180b}'..='\u{180d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// What has no width, turns the direction of the text around it (Unicode Standard Annex 9), or breaks its line.
const fn invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180e}' | '\u{200b}'
            | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}'
    )
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
    fn what_nobody_sees_is_taken_out_and_scripts_that_need_joiners_keep_them() {
        for text in
            ["Ada", "Müller", "علی‌رضا", "क्‍ष", "👩\u{200d}💻", "🏳\u{fe0f}\u{200d}🌈", "葛\u{e0100}城", "שלום"]
        {
            assert!(!deceptive(text), "{text:?}");
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
            assert!(deceptive(text), "{text:?}");
            assert_eq!(visible(text), seen, "{text:?}");
        }
    }

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
