//! Answers whether a single value may be stored. The rules are pure and shared by clients, resources and
//! users: names here, [`uri`] and [`personal`] beside.
//!
//! The error of a rule states what must hold, and reads on from the name of the field: "must be ...".

mod personal;
mod uri;

use uuid::Uuid;

pub(crate) use self::{
    personal::{birthdate, locale, multiline_text, phone_number, zoneinfo},
    uri::{AllowedSchemes, initiate_login_uri, origin, redirect_uri, resource_identifier, web_url},
};
use crate::readable;

type RuleResult = Result<(), &'static str>;

/// A display name, or any other single line of text.
pub(crate) fn name(text: &str) -> RuleResult {
    let fits = (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits && text.trim() == text && !readable::has_invisible_characters(text) {
        Ok(())
    } else {
        Err("must be 1 to 100 characters without space around them, without control characters, and without \
             invisible ones or ones that turn the direction of text")
    }
}

/// A `client_id`: unreserved characters only (RFC 3986 section 2.3), so that it has the same form in a URL, a
/// form, a header and a token. A UUID is refused, because it could be taken for the `sub` of a user.
pub(crate) fn client_id(text: &str) -> RuleResult {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !(1..=128).contains(&text.len()) || !text.bytes().all(safe) {
        return Err("must be 1 to 128 letters, digits, or the characters - . _ ~");
    }
    if Uuid::try_parse(text).is_ok() {
        return Err("must not be a UUID: it could be taken for the sub of a user");
    }
    Ok(())
}

/// One scope value (RFC 6749 section 3.3).
pub(crate) fn scope(text: &str) -> RuleResult {
    let allowed = |byte: u8| byte == 0x21 || (0x23..=0x5b).contains(&byte) || (0x5d..=0x7e).contains(&byte);
    if (1..=128).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(())
    } else {
        Err("must be scope values of printable ASCII without space, quotation mark or backslash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_reads_alike_everywhere_and_is_no_subject() {
        for id in ["tasks-web", "a", "com.example.app", "A_1~x"] {
            assert_eq!(client_id(id), Ok(()), "{id}");
        }
        for id in [
            "",
            "a b",
            "a/b",
            "a:b",
            "ä",
            "a\n",
            "a%20",
            "5f0c1b6e-6f0e-4a7c-9d39-1f6f1c1e6a10",
            "5f0c1b6e6f0e4a7c9d391f6f1c1e6a10",
            "5F0C1B6E-6F0E-4A7C-9D39-1F6F1C1E6A10",
        ] {
            assert!(client_id(id).is_err(), "{id}");
        }
        assert!(client_id(&"a".repeat(129)).is_err());
    }

    #[test]
    fn a_scope_is_one_word() {
        for value in ["openid", "tasks:read", "https://example.com/scope"] {
            assert_eq!(scope(value), Ok(()), "{value}");
        }
        for value in ["", "a b", "a\"b", "a\\b", "ä", "a\tb", "a\u{7f}"] {
            assert!(scope(value).is_err(), "{value:?}");
        }
    }
}
