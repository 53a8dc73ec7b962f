//! Defines [`EntityTag`], by which a client asks for a document only if the document has changed (RFC 9110
//! section 13).

use poem::http::{HeaderMap, HeaderValue, header::IF_NONE_MATCH};

/// The value of `ETag` (RFC 9110 section 8.8.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag(HeaderValue);

impl EntityTag {
    /// A tag of exactly these bytes. `opaque` is base64url or hex.
    pub fn strong(opaque: &str) -> Self {
        Self::from_text(&format!("\"{opaque}\""))
    }

    /// A tag of a content in any encoding (RFC 9110 section 8.8.1). `opaque` is base64url or hex.
    pub fn weak(opaque: &str) -> Self {
        Self::from_text(&format!("W/\"{opaque}\""))
    }

    fn from_text(text: &str) -> Self {
        // An empty tag is valid and matches nothing else.
        Self(HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("\"\"")))
    }

    pub fn header_value(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Whether `If-None-Match` says that the client has this version, so that the response is 304. Tags are
    /// compared weakly (RFC 9110 section 13.1.2).
    pub fn known_to_client(&self, headers: &HeaderMap) -> bool {
        let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
        let own = self.0.to_str().map(opaque).unwrap_or_default();
        let given = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        given.flat_map(|value| value.split(',')).map(str::trim).any(|tag| tag == "*" || opaque(tag) == own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(tag: &EntityTag, given: &[&str]) -> bool {
        let headers = given.iter().map(|value| (IF_NONE_MATCH, value.parse().unwrap()));
        tag.known_to_client(&headers.collect())
    }

    #[test]
    fn a_client_knows_a_version_by_any_of_its_tags() {
        for tag in [EntityTag::strong("a1"), EntityTag::weak("a1")] {
            for given in [&["\"a1\""][..], &["W/\"a1\""], &["\"b\", \"a1\""], &["\"b\"", "W/\"a1\""], &["*"]]
            {
                assert!(known(&tag, given), "{tag:?} {given:?}");
            }
            for given in [&[][..], &["\"b\""], &["a1"], &["\"a\"", "\"1\""]] {
                assert!(!known(&tag, given), "{tag:?} {given:?}");
            }
        }
    }
}
