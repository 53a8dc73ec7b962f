//! Answers which passwords may be set (NIST SP 800-63B-4 section 3.1.1.2): long enough, hard enough to guess, and not
//! made of what everybody knows about the account, nor known from a breach. No rule asks for kinds of characters.

use std::io;

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;
use zxcvbn::zxcvbn;

use super::breached::Breached;
use crate::config::PasswordSettings;

/// Longest password, in characters.
pub const LONGEST: usize = 256;
/// Words of the context that are shorter prove nothing when they are found in a password.
const SHORTEST_WORD: usize = 4;
/// What is looked at of each word of the context, in characters: no email address is longer.
const LONGEST_WORD: usize = 320;
/// What is estimated of a password, in characters: the first ones. What is hard to guess stays so, whatever follows.
const MOST_ESTIMATED: usize = 64;
/// The characters that zxcvbn takes for one letter each, where it knows several: it looks for words in every combination of
/// those that a password holds.
const SUBSTITUTES: [&str; 7] = ["4@", "({[<", "69", "1!|", "1|7", "$5", "+7"];
/// Combinations times characters squared: what one estimate may cost, about 10 ms. So of the costliest texts 12 characters
/// are estimated, of words and of what password managers make all that [`MOST_ESTIMATED`] allows.
const MOST_WORK: usize = 40_000;
/// What must be left of a password without the words of its context, in characters.
const LEAST_WITHOUT_WORDS: usize = 8;

/// A password as it is hashed: in Unicode's normal form C, so that it is the same from every keyboard.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// Why a password may not be set; the text reads on from "the password".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Too few characters.
    #[error("must have at least {least} characters")]
    TooShort {
        /// The rule.
        least: usize,
    },
    /// Too many characters.
    #[error("must have at most {LONGEST} characters")]
    TooLong,
    /// Control characters, which no keyboard gives.
    #[error("must not have control characters")]
    Control,
    /// It is mostly the address, the name or the service.
    #[error("must not be made of the address, the name or the name of this service")]
    Context,
    /// It is one of those that are tried first.
    #[error(
        "is easy to guess: choose a longer one, such as several words that have nothing to do with each other"
    )]
    Guessable,
    /// It is known from a breach.
    #[error("is known from a breach of another service, and so is tried first: choose another one")]
    Breached,
}

/// What a password is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// How hard it is to guess: 0 to 4, as zxcvbn estimates it.
    pub score: u8,
    /// Why it may not be set; none when it may.
    pub weakness: Option<Weakness>,
}

impl Password {
    /// A typed password, normalised. Too long a one is none: nobody has it.
    pub fn typed(text: &str) -> Option<Self> {
        // Before it is normalised: four bytes a character, and none of its characters may be many.
        if text.len() > LONGEST * 16 {
            return None;
        }
        let normal: String = text.nfc().collect();
        (normal.chars().count() <= LONGEST).then(|| Self(Zeroizing::new(normal)))
    }

    /// The text that is hashed.
    pub fn text(&self) -> Zeroizing<String> {
        self.0.clone()
    }

    /// Whether it may be set, and how good it is. `second_factor` says whether it is used beside one; `words` are what
    /// everybody knows about the account.
    pub fn judge(
        &self,
        settings: &PasswordSettings,
        second_factor: bool,
        words: &[&str],
        breached: Option<&Breached>,
    ) -> io::Result<Judged> {
        let words: Vec<&str> = words.iter().map(|word| first(word, LONGEST_WORD)).collect();
        let score = zxcvbn(self.estimated(), &words).score().into();
        let mut weakness = self.weakness(settings, second_factor, &words, score);
        if let (None, Some(breached)) = (weakness, breached)
            && breached.contains(&self.0)?
        {
            weakness = Some(Weakness::Breached);
        }
        Ok(Judged { score, weakness })
    }

    /// As many of the first characters as one estimate may cost.
    fn estimated(&self) -> &str {
        let affordable = |length: &usize| work(first(&self.0, *length), *length) <= MOST_WORK;
        let length = (1..=MOST_ESTIMATED).take_while(affordable).last().unwrap_or(0);
        first(&self.0, length)
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
            Some(Weakness::Control)
        } else if self.without(words) < LEAST_WITHOUT_WORDS {
            Some(Weakness::Context)
        } else if score < settings.min_strength {
            Some(Weakness::Guessable)
        } else {
            None
        }
    }

    /// Characters that are left without the words of the context.
    fn without(&self, words: &[&str]) -> usize {
        let mut rest = Zeroizing::new(self.0.to_lowercase());
        for part in words.iter().flat_map(|word| word.split(|c: char| !c.is_alphanumeric())) {
            if part.chars().count() >= SHORTEST_WORD {
                rest = Zeroizing::new(rest.replace(&part.to_lowercase(), ""));
            }
        }
        rest.chars().count()
    }
}

/// What zxcvbn has to do for a text of so many characters: see [`MOST_WORK`].
fn work(text: &str, length: usize) -> usize {
    let held = |letters: &str| letters.chars().filter(|letter| text.contains(*letter)).count().max(1);
    SUBSTITUTES.into_iter().map(held).product::<usize>() * length * length
}

/// The first characters of a text.
fn first(text: &str, length: usize) -> &str {
    text.char_indices().nth(length).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::{Judged, LONGEST, MOST_WORK, Password, Weakness, first, work};
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
        let password = Password::typed(text).ok_or(Weakness::TooLong)?;
        let words = ["alice@example.test", "Alice Adams", "Postern"];
        let Judged { weakness, .. } = password.judge(&settings, false, &words, None).unwrap();
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
            (Password::typed("caf\u{e9}").unwrap(), Password::typed("cafe\u{301}").unwrap());
        assert_eq!(composed.text(), decomposed.text());
    }

    #[test]
    fn one_estimate_costs_so_much_and_no_more() {
        let estimated = |text: &str| Password::typed(text).unwrap().estimated().chars().count();
        for costly in ["4@8({[<3691!|70$5+%2", "1!|7+({[<4@69$5", "1|7!+", "({[<1!|7+$5"] {
            let text: String = costly.chars().cycle().take(LONGEST).collect();
            let length = estimated(&text);
            assert!((12..64).contains(&length), "{length} of {costly}");
            assert!(work(first(&text, length), length) <= MOST_WORK);
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
        let password = Password::typed("Alice-Adams-Alice!").unwrap();
        let judge = |word: &str| password.judge(&settings, false, &[word], None).unwrap().weakness;
        assert_eq!(judge("alice adams"), Some(Weakness::Context));
        assert_ne!(judge(&format!("{} alice adams", "x".repeat(320))), Some(Weakness::Context));
    }

    #[test]
    fn what_is_tried_first_is_refused() {
        for guessable in ["passwordpassword", "aaaaaaaaaaaaaaa", "123456789012345", "qwertyuiopasdfgh"] {
            assert_eq!(check(guessable), Err(Weakness::Guessable), "{guessable}");
        }
        assert_eq!(check("Alice-Adams-Postern!"), Err(Weakness::Context));
        assert_eq!(check("tree\u{0}house river moon"), Err(Weakness::Control));
    }
}
