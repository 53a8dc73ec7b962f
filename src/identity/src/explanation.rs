//! Defines [`Explanation`]: why a request of an app was refused, for the app's developer.
//!
//! An explanation names the check, what came, what was expected, and the command that changes it. The log has it, and
//! [`crate::App::explain`] shows it on a page only where the issuer runs on the developer's own machine: it names
//! what is registered. What came is from a stranger, so it is cut, and characters that a terminal or a reader could
//! misread are replaced. No explanation holds a secret: no token, code, verifier or client secret is ever passed here.

use crate::readable;

/// In characters: what came.
const LONGEST_FOUND: usize = 200;
/// In characters: what was expected, which may list registered values.
const LONGEST_EXPECTED: usize = 1000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The name of the check, such as `redirect_uri`.
    pub check: &'static str,
    pub came: String,
    pub expected: String,
    /// A command by which an operator allows what came.
    pub remedy: Option<String>,
}

impl Explanation {
    pub fn new(check: &'static str, came: &str, expected: &str) -> Self {
        Self {
            check,
            came: excerpt(came, LONGEST_FOUND),
            expected: excerpt(expected, LONGEST_EXPECTED),
            remedy: None,
        }
    }

    #[must_use]
    pub fn with_remedy(mut self, remedy: Option<String>) -> Self {
        self.remedy = remedy;
        self
    }
}

/// A text without control and invisible characters, of at most this many characters.
fn excerpt(text: &str, longest: usize) -> String {
    let plain = |c: char| {
        let mut bytes = [0; 4];
        let hidden = c.is_control() || readable::has_invisible_characters(c.encode_utf8(&mut bytes));
        if hidden { '?' } else { c }
    };
    let mut excerpt: String = text.chars().take(longest).map(plain).collect();
    if text.chars().nth(longest).is_some() {
        excerpt.push('…');
    }
    excerpt
}

/// `postern client update` for a client, with a flag and its values. None if a value cannot stand in a shell command
/// as it is: a developer may paste what a stranger sent.
pub(crate) fn update_command<'v>(
    client_id: &str,
    flag: &str,
    values: impl IntoIterator<Item = &'v str>,
) -> Option<String> {
    let mut command = format!("postern client update {}", shell_word(client_id)?);
    for value in values {
        command = format!("{command} {flag} {}", shell_word(value)?);
    }
    Some(command)
}

/// A word for a POSIX shell; none for a text that could be read as a flag, or as more than one word.
pub(crate) fn shell_word(text: &str) -> Option<String> {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/@%+=,".contains(&byte);
    let fits = !text.is_empty() && text.len() <= LONGEST_FOUND && !text.starts_with('-');
    if !fits || !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\'') {
        return None;
    }
    Some(if text.bytes().all(harmless) { text.to_owned() } else { format!("'{text}'") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_cut_and_has_no_characters_that_mislead() {
        let explained = Explanation::new("scope", "a\u{1b}[2J\r\nb\u{202e}c", &"x".repeat(2000));
        assert_eq!(explained.came, "a?[2J??b?c");
        assert_eq!(explained.expected.chars().count(), 1001);
        assert_eq!(Explanation::new("scope", &"ä".repeat(201), "").came.chars().count(), 201);
    }

    #[test]
    fn a_command_has_no_word_that_a_shell_reads_otherwise() {
        assert_eq!(
            update_command("web", "--add-redirect-uri", ["https://a.test/cb?x=1&y=$(id)"]).as_deref(),
            Some("postern client update web --add-redirect-uri 'https://a.test/cb?x=1&y=$(id)'")
        );
        for text in ["", "-x", "a'b", "a b", "a\nb", "ä", &"x".repeat(201)] {
            assert_eq!(shell_word(text), None, "{text:?}");
        }
    }
}
