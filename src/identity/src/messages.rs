//! Answers how a text reads in the language of a user.
//!
//! Every text has a key in `templates/messages/<language>.ftl` (Project Fluent). English has all keys.
//! Another language is one file; its missing keys are read in English. A message on a page is HTML: its
//! arguments are escaped, and the message itself is trusted like a template. Leaves escaping to `templates`.

use std::collections::BTreeMap;

use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};
use fluent_langneg::{NegotiationStrategy, convert_vec_str_to_langids_lossy, negotiate_languages};
use unic_langid::LanguageIdentifier;

/// The language that has every key.
const ENGLISH: &str = crate::core::DEFAULT_LANGUAGE;

/// Longest `ui_locales` or `Accept-Language` in bytes; a longer value is ignored.
const MAX_PREFERENCE_LENGTH: usize = 256;

/// Why a message file is unusable.
#[derive(Debug, thiserror::Error)]
pub enum MessagesError {
    /// The file is not named after a language.
    #[error("`messages/{0}.ftl` is not named after a language, such as `de` or `pt-BR`")]
    UnknownLanguage(String),
    #[error("`messages/{language}.ftl` cannot be read: {reason}")]
    Malformed {
        language: String,
        /// The first syntax error.
        reason: String,
    },
}

pub struct Messages {
    bundles: BTreeMap<String, FluentBundle<FluentResource>>,
    languages: Vec<LanguageIdentifier>,
}

impl Messages {
    /// Parses `(language, source)` pairs. Of two sources for one language the later one wins, key by key.
    pub fn from_files(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, MessagesError> {
        let mut messages = Self { bundles: BTreeMap::new(), languages: Vec::new() };
        for (language, source) in files {
            messages.add(&language, source)?;
        }
        messages.languages = convert_vec_str_to_langids_lossy(messages.bundles.keys());
        Ok(messages)
    }

    fn add(&mut self, language: &str, source: String) -> Result<(), MessagesError> {
        let id: LanguageIdentifier =
            language.parse().map_err(|_| MessagesError::UnknownLanguage(language.to_owned()))?;
        let resource = FluentResource::try_new(source).map_err(|(_, mistakes)| MessagesError::Malformed {
            language: language.to_owned(),
            reason: mistakes.first().map(ToString::to_string).unwrap_or_default(),
        })?;
        let bundle = self.bundles.entry(id.to_string()).or_insert_with(|| {
            let mut bundle = FluentBundle::new_concurrent(vec![id]);
            // Isolation marks would end up in mail subjects and in copied text.
            bundle.set_use_isolating(false);
            bundle
        });
        bundle.add_resource_overriding(resource);
        Ok(())
    }

    /// All languages, sorted by name.
    pub fn languages(&self) -> Vec<String> {
        self.bundles.keys().cloned().collect()
    }

    /// What a language calls itself: its message `language-name`, or its tag.
    pub fn own_name(&self, language: &str) -> String {
        let bundle = self.bundles.get(language);
        let pattern = bundle.and_then(|bundle| bundle.get_message("language-name")?.value());
        let name = bundle
            .zip(pattern)
            .map(|(bundle, pattern)| bundle.format_pattern(pattern, None, &mut Vec::new()));
        name.map_or_else(|| language.to_owned(), std::borrow::Cow::into_owned)
    }

    pub fn has_language(&self, language: &str) -> bool {
        self.bundles.contains_key(language)
    }

    /// Negotiates the language of a user: `ui_locales` (OpenID Connect Core section 3.1.2.1) before
    /// `Accept-Language`, and English if no requested language is available.
    pub fn negotiate(&self, ui_locales: Option<&str>, accept_language: Option<&str>) -> String {
        let wishes = |text: Option<&str>| {
            text.filter(|text| text.len() <= MAX_PREFERENCE_LENGTH).unwrap_or("").to_owned()
        };
        let mut wanted = convert_vec_str_to_langids_lossy(wishes(ui_locales).split_ascii_whitespace());
        wanted.extend(parse_accept_language(&wishes(accept_language)));
        // Programs name no language, and their requests are the most.
        if wanted.is_empty() {
            return ENGLISH.to_owned();
        }
        negotiate_languages(&wanted, &self.languages, None, NegotiationStrategy::Lookup)
            .first()
            .map_or_else(|| ENGLISH.to_owned(), ToString::to_string)
    }

    /// The text of a key, in English if the language lacks the key. None if no language has it.
    pub fn text(&self, language: &str, key: &str, arguments: &FluentArgs) -> Option<String> {
        let own = self.bundles.get(language).into_iter();
        own.chain(self.bundles.get(ENGLISH)).find_map(|bundle| {
            let pattern = bundle.get_message(key)?.value()?;
            let mut mistakes = Vec::new();
            let text = bundle.format_pattern(pattern, Some(arguments), &mut mistakes).into_owned();
            if !mistakes.is_empty() {
                tracing::warn!(language, key, ?mistakes, "a message could not be completed");
            }
            Some(text)
        })
    }
}

/// The languages of `Accept-Language` by descending weight (RFC 9110 section 12.5.4); `q=0` excludes a
/// language.
fn parse_accept_language(header: &str) -> Vec<LanguageIdentifier> {
    let mut wishes: Vec<(f32, LanguageIdentifier)> = header
        .split(',')
        .filter_map(|wish| {
            let (language, weight) = wish.split_once(';').unwrap_or((wish, "q=1"));
            let weight = weight.trim().strip_prefix("q=")?.parse().ok()?;
            Some((weight, language.trim().parse().ok()?))
        })
        .filter(|(weight, _)| *weight > 0.0)
        .collect();
    // A stable sort: equal weights keep their order.
    wishes.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    wishes.into_iter().map(|(_, language)| language).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages() -> Messages {
        let file = |language: &str, source: &str| (language.to_owned(), source.to_owned());
        Messages::from_files([
            file("en", "hello = Hello { $name }\nbye = Bye\n"),
            file("de", "hello = Hallo { $name }\n"),
            file("en", "bye = So long\n"),
        ])
        .unwrap()
    }

    #[test]
    fn ui_locales_come_before_accept_language_and_english_is_the_last_resort() {
        let messages = messages();
        assert_eq!(messages.negotiate(Some("fr de-AT"), Some("en")), "de");
        assert_eq!(messages.negotiate(None, Some("de;q=0.5, en-GB;q=0.8")), "en");
        assert_eq!(messages.negotiate(None, Some("ja")), "en");
        assert_eq!(messages.negotiate(Some("\u{0}<x>"), Some("*;;q=,,")), "en");
        assert_eq!(messages.negotiate(Some(&"de ".repeat(200)), None), "en");
    }

    #[test]
    fn a_missing_key_is_read_in_english_and_a_later_file_overrides() {
        let messages = messages();
        let arguments = FluentArgs::from_iter([("name", "Ada")]);
        assert_eq!(messages.text("de", "hello", &arguments).unwrap(), "Hallo Ada");
        assert_eq!(messages.text("de", "bye", &arguments).unwrap(), "So long");
        assert_eq!(messages.text("de", "nothing", &arguments), None);
    }

    #[test]
    fn a_language_without_a_name_of_its_own_is_shown_by_its_tag() {
        let file = |language: &str, source: &str| (language.to_owned(), source.to_owned());
        let files = [file("en", "language-name = English\n"), file("fr", "hello = Bonjour\n")];
        let messages = Messages::from_files(files).unwrap();
        assert_eq!([messages.own_name("en"), messages.own_name("fr")], ["English", "fr"]);
        assert!(messages.has_language("fr") && !messages.has_language("de"));
    }

    #[test]
    fn a_broken_file_is_named() {
        let broken = Messages::from_files([("de".to_owned(), "= nothing".to_owned())]);
        assert!(matches!(broken, Err(MessagesError::Malformed { language, .. }) if language == "de"));
    }
}
