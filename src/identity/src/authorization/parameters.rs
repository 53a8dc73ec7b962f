//! Defines the raw parameters of requests to the authorization and logout endpoints.
//!
//! No parameter has control characters: they are refused here, once, so that no later check has to handle
//! them. Leaves the decoding to [`form`], and the meaning of each parameter to `request` and `logout`.

use std::borrow::Cow;

use postern_service::form;

/// The query or form cannot be parsed unambiguously.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the parameters are not well-formed")]
pub struct MalformedParameters;

/// A parameter occurs more than once (RFC 6749 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a parameter is repeated")]
pub struct RepeatedParameter;

/// A parameter that an endpoint knows: a row of the endpoint's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: &'static str,
    /// Whether every request must have the parameter.
    pub required: bool,
    pub repeatable: bool,
    /// For the OpenAPI document.
    pub description: &'static str,
}

impl Parameter {
    pub(super) const fn required(name: &'static str, description: &'static str) -> Self {
        Self { name, required: true, repeatable: false, description }
    }

    pub(super) const fn optional(name: &'static str, description: &'static str) -> Self {
        Self { name, required: false, repeatable: false, description }
    }

    pub(super) const fn repeatable(name: &'static str, description: &'static str) -> Self {
        Self { name, required: false, repeatable: true, description }
    }
}

/// Declares a constant for each parameter, and `PARAMETERS` with all of them. So a check can only read a
/// parameter that the table lists.
macro_rules! parameter_table {
    ($($constant:ident = $parameter:expr,)*) => {
        $(pub(super) const $constant: Parameter = $parameter;)*
        /// The parameters of the endpoint.
        pub const PARAMETERS: &[Parameter] = &[$($constant),*];
    };
}
pub(super) use parameter_table;

/// Names and values in their original order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Parses `application/x-www-form-urlencoded` (RFC 6749 appendix B).
    pub fn parse(encoded: &[u8]) -> Result<Self, MalformedParameters> {
        let pairs = form::decode(encoded).map_err(|_| MalformedParameters)?;
        let controlled = |text: &String| text.chars().any(char::is_control);
        if pairs.iter().any(|(name, value)| controlled(name) || controlled(value)) {
            return Err(MalformedParameters);
        }
        Ok(Self(pairs))
    }

    /// The value of a parameter that may occur once. A parameter without a value counts as absent (RFC 6749
    /// section 3.1), but two occurrences are an error, whatever their values.
    pub fn single(&self, name: &str) -> Result<Option<&str>, RepeatedParameter> {
        let mut values = self.named(name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(RepeatedParameter),
            (value, None) => Ok(value.filter(|value| !value.is_empty())),
        }
    }

    /// The values of a parameter that may be repeated, without empty values.
    fn values(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.named(name).filter(|value| !value.is_empty())
    }

    /// Whether the parameter occurs, even without a value.
    pub fn contains(&self, name: &str) -> bool {
        self.named(name).next().is_some()
    }

    /// The parameters of the table, each read once. A repeated parameter is an error (RFC 6749 section 3.1).
    /// Parameters outside the table are ignored, repeated or not.
    pub fn checked(&self, table: &[Parameter]) -> Result<CheckedParameters<'_>, RepeatedParameter> {
        let mut single_valued = table.iter().filter(|parameter| !parameter.repeatable);
        single_valued.try_for_each(|parameter| self.single(parameter.name).map(drop))?;
        Ok(CheckedParameters(self))
    }

    /// The parameters of the table, in their original order.
    pub fn selected(&self, table: &[Parameter]) -> impl Iterator<Item = (&str, &str)> {
        let kept = self.0.iter().filter(|(name, _)| table.iter().any(|parameter| parameter.name == name));
        kept.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Encodes the parameters of the table, in their original order.
    pub fn encode_selected(&self, table: &[Parameter]) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(self.selected(table)).finish()
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

/// Parameters of which none is repeated, except those that may be.
#[derive(Clone, Copy)]
pub struct CheckedParameters<'p>(&'p Parameters);

impl<'p> CheckedParameters<'p> {
    /// The value; none when the parameter is absent or empty (RFC 6749 section 3.1).
    pub(super) fn value(self, parameter: Parameter) -> Option<&'p str> {
        self.values(parameter).next()
    }

    /// The values of a parameter that may be repeated, without empty values.
    pub(super) fn values(self, parameter: Parameter) -> impl Iterator<Item = &'p str> {
        self.0.values(parameter.name)
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// The words of a value that is a list (RFC 6749 section 3.3).
pub(super) fn space_separated(list: &str) -> impl Iterator<Item = &str> {
    list.split(' ').filter(|word| !word.is_empty())
}

/// Appends query parameters to a URI that must not change otherwise, because it is registered byte by byte.
///
/// An existing query is kept (RFC 6749 section 3.1.2). The URI has no fragment.
pub fn append_query<'a>(uri: &str, pairs: impl IntoIterator<Item = (&'a str, Cow<'a, str>)>) -> String {
    let added = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let joint = match uri.split_once('?') {
        _ if added.is_empty() => "",
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{uri}{joint}{added}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_parameter_is_read_once_and_empty_means_absent() {
        let parameters = Parameters::parse(b"a=1&b=&c=2&c=&d=x+y%2Fz&&e").unwrap();
        assert_eq!(parameters.single("a"), Ok(Some("1")));
        assert_eq!(parameters.single("b"), Ok(None));
        assert_eq!(parameters.single("c"), Err(RepeatedParameter));
        assert_eq!(parameters.single("d"), Ok(Some("x y/z")));
        assert_eq!(parameters.single("e"), Ok(None));
        assert_eq!(parameters.single("f"), Ok(None));
        assert_eq!(parameters.values("c").collect::<Vec<_>>(), ["2"]);
    }

    #[test]
    fn malformed_text_and_control_characters_are_refused() {
        for encoded in [&b"a=%ZZ"[..], b"a=%00", b"a=%0D%0Ab", b"%0a=1", b"a=%7F", b"a=%C2%85"] {
            let text = String::from_utf8_lossy(encoded);
            assert_eq!(Parameters::parse(encoded), Err(MalformedParameters), "{text}");
        }
    }

    #[test]
    fn what_is_appended_leaves_the_uri_as_it_was() {
        let code = || [("code", Cow::from("a b"))];
        assert_eq!(append_query("https://rp.test/cb", code()), "https://rp.test/cb?code=a+b");
        assert_eq!(append_query("https://rp.test/cb?x=%7e", code()), "https://rp.test/cb?x=%7e&code=a+b");
        assert_eq!(append_query("https://rp.test/cb?", code()), "https://rp.test/cb?code=a+b");
        assert_eq!(append_query("https://rp.test/cb", []), "https://rp.test/cb");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(encoded: Vec<u8>) {
            let _ = Parameters::parse(&encoded);
        }

        #[test]
        fn what_was_written_is_read_back(pairs in proptest::collection::vec(("[a-z_]{1,9}", "\\PC{0,40}"), 0..9)) {
            let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            prop_assert_eq!(Parameters::parse(encoded.as_bytes()), Ok(Parameters(pairs)));
        }

        #[test]
        fn appended_parameters_come_back(uri in "https://rp\\.test/[a-z]{0,5}(\\?[a-z]=[a-z%0-9]{0,3})?", state in "\\PC{1,60}") {
            let whole = append_query(&uri, [("state", Cow::from(state.as_str()))]);
            prop_assert!(whole.starts_with(&uri));
            let url = url::Url::parse(&whole).unwrap();
            let found = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
            prop_assert_eq!(found, state);
        }
    }
}
