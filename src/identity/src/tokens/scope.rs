//! Defines `Scope`, and answers which scope and audiences a request gets (RFC 6749 section 3.3, RFC 8707).
//!
//! The rule in one place, for every grant type: a client may ask for what it is allowed, and gets its default set when
//! it names none. Each scope belongs to one resource; the audiences are the resources of the scopes that are left, and
//! the issuer when `openid` is among them. `resource` leaves only the scopes of the resources it names and those of the
//! issuer. Nothing left is `invalid_scope`.

use std::{collections::BTreeSet, fmt};

use crate::{
    App,
    clients::Client,
    grants::Grant,
    resources::{ISSUER_SCOPES, Resources},
};

/// The scope that makes a request an OpenID Connect one (OpenID Connect Core section 3.1.2.1).
pub const OPENID: &str = "openid";

/// A set of scope words in the order in which they were asked for, each once (RFC 6749 section 3.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(Vec<String>);

/// Why a request gets no scope, or no token for a resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// A word has characters that no scope has.
    #[error("scope is not a list of words separated by single spaces")]
    Malformed,
    /// A word names no scope, or one that this client or grant does not have. `invalid_scope`.
    #[error("scope `{0}` is not available to this client")]
    NotAllowed(String),
    /// What was asked for leaves nothing that a token could be for. `invalid_scope`.
    #[error("no scope is left to grant")]
    Empty,
    /// A resource is not known, is not an identifier at all, or has none of the scopes. `invalid_target`.
    #[error("resource is not one that this request can be for")]
    Target,
}

/// What a request gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The scopes.
    pub scope: Scope,
    /// Identifiers of the resources they belong to, sorted, and last the issuer when `openid` is granted.
    pub audiences: Vec<String>,
}

impl Scope {
    /// Reads a `scope` parameter; words given twice count once.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        let words = text.split(' ');
        if words.clone().any(|word| word.is_empty() || !word.bytes().all(scope_character)) {
            return Err(ScopeError::Malformed);
        }
        Ok(words.map(str::to_owned).collect())
    }

    /// Reads a scope that was stored: what [`fmt::Display`] wrote.
    pub fn stored(text: &str) -> Self {
        text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    /// Whether it has this word.
    pub fn contains(&self, word: &str) -> bool {
        self.0.iter().any(|own| own == word)
    }

    /// Its words.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether it has no word.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `other` has every word of it.
    pub fn within(&self, other: &Self) -> bool {
        self.iter().all(|word| other.contains(word))
    }

    fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|word| keep(word));
    }
}

impl FromIterator<String> for Scope {
    fn from_iter<I: IntoIterator<Item = String>>(words: I) -> Self {
        let mut unique: Vec<String> = Vec::new();
        for word in words {
            if !unique.contains(&word) {
                unique.push(word);
            }
        }
        Self(unique)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// RFC 6749 section 3.3: `%x21 / %x23-5B / %x5D-7E`.
const fn scope_character(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

/// What a new request of `client` gets: at the authorization endpoint, by API sign-in or for itself.
///
/// Without a requested scope it is the client's default set.
pub fn resolve(
    app: &App,
    client: &Client,
    requested: Option<&str>,
    resources: &[String],
) -> Result<Resolved, ScopeError> {
    let scope = match requested {
        Some(text) => Scope::parse(text)?,
        None => client.default_scopes.iter().cloned().collect(),
    };
    let known = app.resources();
    if let Some(word) = scope.iter().find(|word| !allowed(client, &known, word)) {
        return Err(ScopeError::NotAllowed(word.to_owned()));
    }
    narrowed_to(app, &known, scope, resources)
}

/// What a token under `grant` gets: the whole grant, or less of it (RFC 6749 section 6, RFC 8707 section 2.2).
///
/// Scopes that the client has lost since the grant was made are left out silently.
pub fn narrow(
    app: &App,
    client: &Client,
    grant: &Grant,
    requested: Option<&str>,
    resources: &[String],
) -> Result<Resolved, ScopeError> {
    let granted = Scope::stored(&grant.scope);
    let mut scope = match requested {
        Some(text) => Scope::parse(text)?,
        None => granted.clone(),
    };
    if let Some(word) = scope.iter().find(|word| !granted.contains(word)) {
        return Err(ScopeError::NotAllowed(word.to_owned()));
    }
    let audiences: Vec<String> = serde_json::from_value(grant.resources.clone()).unwrap_or_default();
    if resources.iter().any(|resource| !audiences.contains(resource)) {
        return Err(ScopeError::Target);
    }
    let known = app.resources();
    scope.retain(|word| {
        allowed(client, &known, word)
            && known.of_scope(word).is_none_or(|resource| audiences.contains(&resource.row.identifier))
    });
    narrowed_to(app, &known, scope, resources)
}

fn allowed(client: &Client, known: &Resources, word: &str) -> bool {
    client.scopes.iter().any(|own| own == word) && known.knows_scope(word)
}

fn narrowed_to(
    app: &App,
    known: &Resources,
    mut scope: Scope,
    resources: &[String],
) -> Result<Resolved, ScopeError> {
    let issuer = app.config.issuer.as_str();
    // RFC 8707 section 2: an absolute URI without a fragment; only exact known identifiers are, so comparing is enough.
    for resource in resources {
        let has_scope = scope.iter().any(|word| match known.of_scope(word) {
            Some(owner) => owner.row.identifier == *resource,
            None => resource == issuer,
        });
        if !has_scope {
            return Err(ScopeError::Target);
        }
    }
    if !resources.is_empty() {
        scope.retain(|word| {
            known.of_scope(word).is_none_or(|owner| resources.contains(&owner.row.identifier))
        });
    }
    let owners: BTreeSet<&str> = scope
        .iter()
        .filter_map(|word| known.of_scope(word))
        .map(|owner| owner.row.identifier.as_str())
        .collect();
    let mut audiences: Vec<String> = owners.into_iter().map(str::to_owned).collect();
    if scope.contains(OPENID) {
        audiences.push(issuer.to_owned());
    }
    // The issuer's other scopes say what userinfo answers; alone they are for nobody.
    if audiences.is_empty() {
        return Err(ScopeError::Empty);
    }
    Ok(Resolved { scope, audiences })
}

/// Whether a word is one of the issuer's own, which a client in its own right has no use for.
pub fn issuer_scope(word: &str) -> bool {
    ISSUER_SCOPES.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_keeps_its_order_and_each_word_once() {
        assert_eq!(Scope::parse("b a b").unwrap().to_string(), "b a");
        for malformed in ["", " a", "a ", "a  b", "a\tb", "a\"", "a\\", "ä"] {
            assert_eq!(Scope::parse(malformed), Err(ScopeError::Malformed), "{malformed:?}");
        }
    }

    #[test]
    fn a_narrower_scope_lies_within_a_wider_one() {
        let (narrow, wide) = (Scope::stored("a"), Scope::stored("a b"));
        assert!(narrow.within(&wide) && !wide.within(&narrow) && Scope::default().within(&narrow));
    }
}
