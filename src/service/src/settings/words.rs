//! Reads settings whose value is one of a few words, and finds the word that was probably meant.

use serde::{Deserialize, Deserializer, de::Error as _};

/// Reads one of `words` as the value that stands beside it. Anything else is refused with the words allowed.
///
/// # Errors
///
/// Not a text, or none of the words.
pub fn one_of<'de, D: Deserializer<'de>, T: Copy>(
    deserializer: D,
    words: &[(&'static str, T)],
) -> Result<T, D::Error> {
    let typed = String::deserialize(deserializer)?;
    let known = words.iter().find(|(word, _)| *word == typed).map(|(_, value)| *value);
    known.ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        D::Error::custom(format!("must be {}", among(&typed, &words)))
    })
}

/// The words as a choice, "a, b or c", with the one that `typed` resembles.
pub fn among(typed: &str, words: &[&str]) -> String {
    let choice = match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    };
    let meant = nearest(typed, words).map(|word| format!("; did you mean `{word}`?"));
    choice + &meant.unwrap_or_default()
}

/// The word with the most similar spelling, if one is similar.
pub fn nearest<'a>(typed: &str, words: &[&'a str]) -> Option<&'a str> {
    let allowed = 1 + typed.len() / 4;
    let distances = words.iter().map(|word| (strsim::damerau_levenshtein(typed, word), *word));
    distances.filter(|(distance, _)| *distance <= allowed).min().map(|(_, word)| word)
}
