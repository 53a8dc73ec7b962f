//! What people may tell of themselves (OpenID Connect Core section 5.1).

use super::RuleResult;
use crate::readable;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
