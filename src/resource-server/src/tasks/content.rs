//! Defines what a task may say, and how titles are compared.
//!
//! Control characters are refused: people cannot see them, and PostgreSQL stores no NUL. How long a text may be is
//! the API's to say.

/// Why a text is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    /// A title that says nothing.
    #[error("must not be blank")]
    Blank,
    /// A character that nobody can see, such as NUL.
    #[error("must not contain control characters")]
    ControlCharacter,
}

/// A title: one line that says something, without white space around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title(String);

impl Title {
    /// Takes the white space away that surrounds a title.
    pub fn parse(text: &str) -> Result<Self, BadText> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BadText::Blank);
        }
        without(text, char::is_control).map(|text| Self(text.to_owned()))
    }

    pub(super) fn folded(&self) -> Folded {
        Folded(fold(&self.0))
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// Notes: any number of lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes(String);

impl Notes {
    /// Takes the text as it is.
    pub fn parse(text: String) -> Result<Self, BadText> {
        let invisible = |character: char| character.is_control() && !matches!(character, '\n' | '\r' | '\t');
        without(&text, invisible)?;
        Ok(Self(text))
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// A title, or a part of one, as titles are compared: in lower case, character by character, so that whatever is part
/// of a title is found in it. It is stored beside the title because the two databases know different alphabets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded(String);

impl Folded {
    /// What titles are searched for.
    pub fn parse(text: &str) -> Result<Self, BadText> {
        without(text, char::is_control).map(|text| Self(fold(text)))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn without(text: &str, refused: impl Fn(char) -> bool) -> Result<&str, BadText> {
    if text.contains(refused) { Err(BadText::ControlCharacter) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_visible_line() {
        assert_eq!(Title::parse(" buy milk\n").map(Title::into_text).as_deref(), Ok("buy milk"));
        assert_eq!(Title::parse(" \t\u{3000}"), Err(BadText::Blank));
        for text in ["a\0b", "a\nb", "a\u{7f}b", "a\u{85}b", "\u{1b}[31m"] {
            assert_eq!(Title::parse(text), Err(BadText::ControlCharacter), "{text:?}");
        }
    }

    #[test]
    fn notes_have_lines_and_no_other_control_characters() {
        assert!(Notes::parse("a\r\n\tb".to_owned()).is_ok());
        assert_eq!(Notes::parse("a\0".to_owned()), Err(BadText::ControlCharacter));
    }

    #[test]
    fn a_part_of_a_title_is_part_of_the_folded_title() {
        let title = Title::parse("ΟΔΟΣ ΑΒ Straße İstanbul").unwrap().folded();
        for part in ["ΟΔΟΣ", "οδοσ", "STRA", "ß", "İ"] {
            assert!(title.as_str().contains(Folded::parse(part).unwrap().as_str()), "{part}");
        }
    }
}
