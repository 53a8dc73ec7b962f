//! Answers which passwords may be set (NIST SP 800-63B-4 section 3.1.1.2): long enough, hard to guess, not
//! made of the account's own words, and not known from a breach. No rule demands kinds of characters.
//!
//! Leaves hashing to [`hasher`](super::hasher), and the list of compromised passwords to
//! [`breached`](super::breached).

use std::io;

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;
use zxcvbn::zxcvbn;

use super::breached::BreachedPasswords;
use crate::config::PasswordSettings;

/// The longest password, in characters.
pub const LONGEST: usize = 256;
/// Characters: shorter words of the context match by chance and are ignored.
const SHORTEST_WORD: usize = 4;
/// Characters of each context word that are used: no email is longer.
const LONGEST_WORD: usize = 320;
/// Characters of a password that are estimated, from its beginning. A password whose beginning is hard to
/// guess is hard to guess as a whole.
const MAX_ESTIMATED: usize = 64;
/// Groups of characters, each of which zxcvbn reads as the same letter ("l33t"). zxcvbn searches its
/// dictionaries once for every combination of the characters that a password holds, one from each group.
const SUBSTITUTES: [&str; 7] = ["4@", "({[<", "69", "1!|", "1|7", "$5", "+7"];
/// The limit on combinations times characters squared: about 10 ms for one estimate. 12 characters of the
/// costliest texts are estimated, and all [`MAX_ESTIMATED`] of words and of what password managers generate.
const MAX_ESTIMATE_COST: usize = 40_000;
/// Characters that must remain of a password without the words of its context.
const MIN_WITHOUT_WORDS: usize = 8;

/// A password in Unicode's normal form C, in which it is hashed, so that every keyboard gives the same
/// password.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// Why a password may not be set, as the rest of a sentence that begins with "the password".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    #[error("must have at least {least} characters")]
    TooShort {
        /// Characters that are required.
        least: usize,
    },
    #[error("must have at most {LONGEST} characters")]
    TooLong,
    /// It has control characters, which no keyboard enters.
    #[error("must not have control characters")]
    ControlCharacter,
    /// It consists mostly of the email, the name or the service's name (NIST: context-specific words).
    #[error("must not be made of the address, the name or the name of this service")]
    ContextSpecific,
    /// Its zxcvbn score is below the setting.
    #[error(
        "is easy to guess: choose a longer one, such as several words that have nothing to do with each other"
    )]
    Guessable,
    /// It is in the file of breached passwords.
    #[error("is known from a breach of another service, and so is tried first: choose another one")]
    Compromised,
}

/// How strong a password is, and whether it may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordAssessment {
    /// 0 to 4, as zxcvbn estimates it.
    pub score: u8,
    /// Why the password may not be set; none when it may.
    pub weakness: Option<Weakness>,
}

impl Password {
    /// Normalises a password as entered; none when it is too long, because no account has such a password.
    pub fn from_typed(text: &str) -> Option<Self> {
        // Checked before normalisation, which is slow for long text. A character has at most four bytes, and
        // normal form C may combine several into one.
        if text.len() > LONGEST * 16 {
            return None;
        }
        let normal: String = text.nfc().collect();
        (normal.chars().count() <= LONGEST).then(|| Self(Zeroizing::new(normal)))
    }

    pub fn text(&self) -> Zeroizing<String> {
        self.0.clone()
    }

    /// Assesses the password. `second_factor` says whether the account has a second factor, which permits a
    /// shorter password. `words` are the context-specific words: the account's email and name, and the
    /// service's name.
    pub fn assess(
        &self,
        settings: &PasswordSettings,
        second_factor: bool,
        words: &[&str],
        breached: Option<&BreachedPasswords>,
    ) -> io::Result<PasswordAssessment> {
        let words: Vec<&str> = words.iter().map(|word| prefix(word, LONGEST_WORD)).collect();
        let score = zxcvbn(self.estimated_prefix(), &words).score().into();
        let mut weakness = self.weakness(settings, second_factor, &words, score);
        if let (None, Some(breached)) = (weakness, breached)
            && breached.contains(&self.0)?
        {
            weakness = Some(Weakness::Compromised);
        }
        Ok(PasswordAssessment { score, weakness })
    }

    /// The longest beginning of the password whose estimate is within the cost limit.
    fn estimated_prefix(&self) -> &str {
        let affordable =
            |length: &usize| estimate_cost(prefix(&self.0, *length), *length) <= MAX_ESTIMATE_COST;
        let length = (1..=MAX_ESTIMATED).take_while(affordable).last().unwrap_or(0);
        prefix(&self.0, length)
    }

    fn weakness(
        &self,
        settings: &PasswordSettings,
        second_factor: bool,
        words: &[&str],
        score: u8,
    ) -> Option<Weakness> {
        let least = if second_factor { settings.min_length_with_second_factor } else { settings.min_length };
        if self.0.chars().count() < least {
            Some(Weakness::TooShort { least })
        } else if self.0.chars().any(char::is_control) {
            Some(Weakness::ControlCharacter)
        } else if self.length_without(words) < MIN_WITHOUT_WORDS {
            Some(Weakness::ContextSpecific)
        } else if score < settings.min_strength {
            Some(Weakness::Guessable)
        } else {
            None
        }
    }

    /// Characters that remain without the words of the context.
    fn length_without(&self, words: &[&str]) -> usize {
        let mut rest = Zeroizing::new(self.0.to_lowercase());
        for part in words.iter().flat_map(|word| word.split(|c: char| !c.is_alphanumeric())) {
            if part.chars().count() >= SHORTEST_WORD {
                rest = Zeroizing::new(rest.replace(&part.to_lowercase(), ""));
            }
        }
        rest.chars().count()
    }
}

/// The cost of zxcvbn for the first `length` characters: see [`MAX_ESTIMATE_COST`].
fn estimate_cost(text: &str, length: usize) -> usize {
    let held = |letters: &str| letters.chars().filter(|letter| text.contains(*letter)).count().max(1);
    SUBSTITUTES.into_iter().map(held).product::<usize>() * length * length
}

/// The first `length` characters of a text.
fn prefix(text: &str, length: usize) -> &str {
    text.char_indices().nth(length).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, MAX_ESTIMATE_COST, Password, PasswordAssessment, Weakness, estimate_cost, prefix};
    use crate::config::PasswordSettings;

    fn settings() -> PasswordSettings {
        PasswordSettings {
            min_length: 15,
            min_length_with_second_factor: 8,
            min_strength: 3,
            breached_file: None,
            memory_kib: 8,
            iterations: 1,
            parallelism: 1,
        }
    }

    fn check(text: &str) -> Result<(), Weakness> {
        let settings = settings();
        let password = Password::from_typed(text).ok_or(Weakness::TooLong)?;
        let words = ["alice@example.test", "Alice Adams", "Postern"];
        let PasswordAssessment { weakness, .. } = password.assess(&settings, false, &words, None).unwrap();
        weakness.map_or(Ok(()), Err)
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(check("kx9 Vq2 mZp4tw"), Err(Weakness::TooShort { least: 15 }));
        assert_eq!(check("kx9 Vq2 mZp4tw7"), Ok(()));
        assert_eq!(check("жираф летит на"), Err(Weakness::TooShort { least: 15 }));
        assert_eq!(check("жираф летит на юг"), Ok(()));
        assert_eq!(check(&"ab3🌱 xq".repeat(32)), Ok(()));
        assert_eq!(check(&"a".repeat(LONGEST + 1)), Err(Weakness::TooLong));
    }

    #[test]
    fn both_forms_of_a_letter_are_one_password() {
        let (composed, decomposed) =
            (Password::from_typed("caf\u{e9}").unwrap(), Password::from_typed("cafe\u{301}").unwrap());
        assert_eq!(composed.text(), decomposed.text());
    }

    #[test]
    fn one_estimate_costs_so_much_and_no_more() {
        let estimated = |text: &str| Password::from_typed(text).unwrap().estimated_prefix().chars().count();
        for costly in ["4@8({[<3691!|70$5+%2", "1!|7+({[<4@69$5", "1|7!+", "({[<1!|7+$5"] {
            let text: String = costly.chars().cycle().take(LONGEST).collect();
            let length = estimated(&text);
            assert!((12..64).contains(&length), "{length} of {costly}");
            assert!(estimate_cost(prefix(&text, length), length) <= MAX_ESTIMATE_COST);
        }
        for usual in ["seven brass lamps upstream ", "kx9Vq2mZp-tw", "жираф летит ", "P@ssw0rd"] {
            let text: String = usual.chars().cycle().take(100).collect();
            assert_eq!(estimated(&text), 64, "{usual}");
        }
        assert_eq!(estimated("kx9 Vq2 mZp4tw7"), 15);
        assert_eq!(estimated(""), 0);
    }

    #[test]
    fn words_of_the_context_are_looked_at_as_far_as_an_address_goes() {
        let settings = settings();
        let password = Password::from_typed("Alice-Adams-Alice!").unwrap();
        let judge = |word: &str| password.assess(&settings, false, &[word], None).unwrap().weakness;
        assert_eq!(judge("alice adams"), Some(Weakness::ContextSpecific));
        assert_ne!(judge(&format!("{} alice adams", "x".repeat(320))), Some(Weakness::ContextSpecific));
    }

    #[test]
    fn what_is_tried_first_is_refused() {
        for guessable in ["passwordpassword", "aaaaaaaaaaaaaaa", "123456789012345", "qwertyuiopasdfgh"] {
            assert_eq!(check(guessable), Err(Weakness::Guessable), "{guessable}");
        }
        assert_eq!(check("Alice-Adams-Postern!"), Err(Weakness::ContextSpecific));
        assert_eq!(check("tree\u{0}house river moon"), Err(Weakness::ControlCharacter));
    }
}
