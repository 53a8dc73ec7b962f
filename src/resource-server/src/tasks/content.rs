//! Defines which texts a task may contain, and how titles are compared.
//!
//! Control characters are refused: people cannot see them, and PostgreSQL cannot store NUL. Leaves the
//! maximum lengths to the API.

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The title has no visible character.
    #[error("must not be blank")]
    Blank,
    /// The text contains a control character, such as NUL.
    #[error("must not contain control characters")]
    ControlCharacter,
}

/// A title: one line with at least one visible character and without surrounding white space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title(String);

impl Title {
    /// Removes surrounding white space.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TextError::Blank);
        }
        refuse_characters(text, char::is_control).map(|text| Self(text.to_owned()))
    }

    pub(super) fn folded(&self) -> FoldedTitle {
        FoldedTitle(fold(&self.0))
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// Notes: any number of lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes(String);

impl Notes {
    /// Accepts lines and tabs, and no other control characters.
    pub fn parse(text: String) -> Result<Self, TextError> {
        let invisible = |character: char| character.is_control() && !matches!(character, '\n' | '\r' | '\t');
        refuse_characters(&text, invisible)?;
        Ok(Self(text))
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// A title, or a part of one, in the form in which titles are compared: in lower case, character by
/// character, so that every part of a title is found in it. It is stored beside the title, because the two
/// databases lower different alphabets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldedTitle(String);

impl FoldedTitle {
    /// A text to search titles for.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        refuse_characters(text, char::is_control).map(|text| Self(fold(text)))
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

fn refuse_characters(text: &str, refused: impl Fn(char) -> bool) -> Result<&str, TextError> {
    if text.contains(refused) { Err(TextError::ControlCharacter) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_visible_line() {
        assert_eq!(Title::parse(" buy milk\n").map(Title::into_text).as_deref(), Ok("buy milk"));
        assert_eq!(Title::parse(" \t\u{3000}"), Err(TextError::Blank));
        for text in ["a\0b", "a\nb", "a\u{7f}b", "a\u{85}b", "\u{1b}[31m"] {
            assert_eq!(Title::parse(text), Err(TextError::ControlCharacter), "{text:?}");
        }
    }

    #[test]
    fn notes_have_lines_and_no_other_control_characters() {
        assert!(Notes::parse("a\r\n\tb".to_owned()).is_ok());
        assert_eq!(Notes::parse("a\0".to_owned()), Err(TextError::ControlCharacter));
    }

    #[test]
    fn a_part_of_a_title_is_part_of_the_folded_title() {
        let title = Title::parse("ΟΔΟΣ ΑΒ Straße İstanbul").unwrap().folded();
        for part in ["ΟΔΟΣ", "οδοσ", "STRA", "ß", "İ"] {
            assert!(title.as_str().contains(FoldedTitle::parse(part).unwrap().as_str()), "{part}");
        }
    }
}
