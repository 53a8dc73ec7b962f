//! Defines `Scope`, and answers what a grant allows and what an access token is for (RFC 6749 section 3.3, RFC 8707).
//!
//! The rule in one place, for every grant type: *an access token is for the issuer alone or for resources, never for
//! both*. The scopes asked for decide. If one of them belongs to a resource, the token is for the resources of those
//! scopes; if none does, it is for the issuer. `resource` narrows that further. `openid` and the other scopes about the
//! person may stand in either token; `account` and `admin:*` stand in tokens for the issuer only.
//!
//! ```text
//!   authorization request ──► resolve ──► Resolved (the grant: several resources, the issuer among them)
//!   token request ──────────► narrow ───► TokenTarget (one access token)
//!   /api/auth ──────────────► of_sign_in ─► both
//!   client_credentials ─────► in_own_right ─► TokenTarget
//! ```
//!
//! What a client may not have is left out of an authorization request and named in the log (OpenID Connect Core section
//! 3.1.2.1); a token request that names it is refused.

use std::{
    collections::{BTreeSet, HashSet},
    fmt,
};

use crate::{
    App,
    clients::Client,
    grants::Grant,
    resources::{ACCOUNT, Resources, for_issuer_alone, reserved},
};

/// The scope that makes a request an OpenID Connect one (OpenID Connect Core section 3.1.2.1).
pub const OPENID: &str = "openid";

/// Longest `scope`, in bytes, and most words in it. Whoever asks need not be known yet.
pub const LONGEST: usize = 2048;
const MOST_WORDS: usize = 100;

/// Most `resource` values of one request.
const MOST_RESOURCES: usize = 20;

/// A set of scope words in the order in which they were asked for, each once (RFC 6749 section 3.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(Vec<String>);

/// Why a request gets no scope, or no token for a resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// A word has characters that no scope has. `invalid_scope`, as all but [`ScopeError::Target`].
    #[error("scope is not a list of words separated by single spaces")]
    Malformed,
    /// It is longer than anything that could be meant.
    #[error("scope is longer than {LONGEST} bytes or has more than {MOST_WORDS} words")]
    TooLong,
    /// Words name no scope, or one that this client or grant does not have.
    #[error("the scope {words} is not available to the client {client_id}")]
    NotAllowed {
        /// Who asks.
        client_id: String,
        /// The words, as [`shown`].
        words: String,
    },
    /// None was named and the client has no default that would do, or it has lost what was granted.
    #[error("no scope is left to grant to the client {client_id}")]
    Empty {
        /// Who asks.
        client_id: String,
    },
    /// A resource is not known or has none of the scopes asked for, or the issuer is named beside another.
    #[error("{rule} (resource {resource}, client {client_id})")]
    Target {
        /// Who asks.
        client_id: String,
        /// The value, as [`shown`].
        resource: String,
        /// What must be so.
        rule: &'static str,
    },
}

impl ScopeError {
    /// Whether it is the resource that is wrong: `invalid_target`.
    pub const fn of_target(&self) -> bool {
        matches!(self, Self::Target { .. })
    }

    fn not_allowed<'w>(client: &Client, words: impl IntoIterator<Item = &'w str>) -> Self {
        Self::NotAllowed { client_id: client.client_id().to_owned(), words: shown(words) }
    }

    fn target(client: &Client, resource: &str, rule: &'static str) -> Self {
        Self::Target { client_id: client.client_id().to_owned(), resource: shown([resource]), rule }
    }
}

/// Words of a stranger as an error may repeat them: a few, cut, in the characters of `error_description` (RFC 6749
/// section 5.2).
pub(crate) fn shown<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    const MOST: usize = 5;
    const LENGTH: usize = 100;
    let plain = |word: &str| -> String {
        let fits = |c: char| u8::try_from(c).is_ok_and(scope_character);
        let plain = word.chars().map(|c| if fits(c) { c } else { '?' });
        plain.take(LENGTH).collect()
    };
    let mut words = words.into_iter();
    let few: Vec<_> = words.by_ref().take(MOST).map(plain).collect();
    match words.count() {
        0 => few.join(" "),
        more => format!("{} and {more} more", few.join(" ")),
    }
}

/// What a grant allows: the scopes, and which `resource` its token requests may name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The scopes.
    pub scope: Scope,
    /// Identifiers of the resources they belong to, sorted, and last the issuer if tokens may be for it.
    pub audiences: Vec<String>,
}

/// What one access token is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenTarget {
    /// Its scopes.
    pub scope: Scope,
    /// Whom it is for: resources, sorted, or the issuer alone.
    pub audiences: Vec<String>,
    /// Whether `openid` was asked for, so that an ID token goes with it.
    pub id_token: bool,
}

/// What a new sign-in through the API gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignInScope {
    /// What its grant allows.
    pub granted: Resolved,
    /// What its first access token is for.
    pub first: TokenTarget,
}

/// What a token request asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// `scope`; without it everything that there is to have.
    pub scope: Option<&'a str>,
    /// `resource` (RFC 8707 section 2.2), to narrow the access token.
    pub resources: &'a [String],
}

impl Scope {
    /// Reads a `scope` parameter; words given twice count once.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        if text.len() > LONGEST || text.split(' ').count() > MOST_WORDS {
            return Err(ScopeError::TooLong);
        }
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

    /// Takes out the words that `keep` does not want.
    fn take_unless(&mut self, keep: impl Fn(&str) -> bool) -> Vec<String> {
        let (kept, taken) = std::mem::take(&mut self.0).into_iter().partition(|word| keep(word));
        self.0 = kept;
        taken
    }
}

impl FromIterator<String> for Scope {
    fn from_iter<I: IntoIterator<Item = String>>(words: I) -> Self {
        let mut seen = HashSet::new();
        Self(words.into_iter().filter(|word| seen.insert(word.clone())).collect())
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

/// What an authorization request of `client` gets. Without a requested scope it is the client's default set.
///
/// Several resources may be named, the issuer among them: they bound the grant. The scopes about the person stay in it
/// always.
pub fn resolve(
    app: &App,
    client: &Client,
    requested: Option<&str>,
    resources: &[String],
) -> Result<Resolved, ScopeError> {
    let known = app.resources();
    let issuer = app.config.issuer.as_str();
    let mut scope = understood(client, &known, requested)?;
    each_has_a_scope(&known, issuer, client, (&scope, resources))?;
    let names = |resource: &str| resources.is_empty() || resources.iter().any(|one| one == resource);
    scope.retain(|word| match known.of_scope(word) {
        Some(owner) => names(&owner.row.identifier),
        None => names(issuer) || !for_issuer_alone(word),
    });
    let mut audiences = owners(&known, &scope);
    if names(issuer) && scope.iter().any(|word| known.of_scope(word).is_none()) {
        audiences.push(issuer.to_owned());
    }
    Ok(Resolved { scope, audiences })
}

/// What a sign-in through the API gets: a grant of all scopes asked for, and a first token that `resource` narrows.
pub fn of_sign_in(app: &App, client: &Client, wanted: Wanted<'_>) -> Result<SignInScope, ScopeError> {
    let granted = resolve(app, client, wanted.scope, &[])?;
    let first = target(app, client, granted.scope.clone(), wanted.resources)?;
    Ok(SignInScope { granted, first })
}

/// What a client gets in its own right. The issuer's scopes are about users, so it has none of them, not even by
/// default; `admin:*` alone is not about one user.
pub fn in_own_right(app: &App, client: &Client, wanted: Wanted<'_>) -> Result<TokenTarget, ScopeError> {
    let known = app.resources();
    let may = |word: &str| (!reserved(word) || word.starts_with("admin:")) && allowed(client, &known, word);
    let scope = if let Some(text) = wanted.scope {
        let mut scope = Scope::parse(text)?;
        let foreign = scope.take_unless(may);
        if !foreign.is_empty() {
            return Err(ScopeError::not_allowed(client, foreign.iter().map(String::as_str)));
        }
        scope
    } else {
        client.default_scopes.iter().filter(|word| may(word)).cloned().collect()
    };
    target(app, client, scope, wanted.resources)
}

/// What a token under `grant` gets: the whole grant, or less of it (RFC 6749 section 6, RFC 8707 section 2.2).
///
/// Words that the grant lacks are refused, but for those that `may_lack`: clients send them whatever was granted.
/// Scopes that the client has lost since the grant was made are left out silently.
pub fn narrow(
    app: &App,
    client: &Client,
    grant: &Grant,
    wanted: Wanted<'_>,
    may_lack: fn(&str) -> bool,
) -> Result<TokenTarget, ScopeError> {
    let granted = Scope::stored(&grant.scope);
    let mut scope = match wanted.scope {
        Some(text) => Scope::parse(text)?,
        None => granted.clone(),
    };
    let lacking = scope.take_unless(|word| granted.contains(word));
    if scope.is_empty() || !lacking.iter().all(|word| may_lack(word)) {
        return Err(ScopeError::not_allowed(client, lacking.iter().map(String::as_str)));
    }
    let known = app.resources();
    let audiences: Vec<String> = serde_json::from_value(grant.resources.clone()).unwrap_or_default();
    if let Some(other) = wanted.resources.iter().find(|resource| !audiences.contains(resource)) {
        return Err(ScopeError::target(client, other, "resource must be one that was granted"));
    }
    scope.retain(|word| {
        allowed(client, &known, word)
            && known.of_scope(word).is_none_or(|resource| audiences.contains(&resource.row.identifier))
    });
    target(app, client, scope, wanted.resources)
}

/// THE rule: whom an access token with these scopes is for, and which of them it has.
fn target(app: &App, client: &Client, mut scope: Scope, named: &[String]) -> Result<TokenTarget, ScopeError> {
    let known = app.resources();
    let issuer = app.config.issuer.as_str();
    if scope.is_empty() {
        return Err(ScopeError::Empty { client_id: client.client_id().to_owned() });
    }
    let names_issuer = named.iter().any(|one| one == issuer);
    if names_issuer && named.iter().any(|one| one != issuer) {
        let rule = "resource must not name the issuer beside another: ask for two tokens";
        return Err(ScopeError::target(client, issuer, rule));
    }
    each_has_a_scope(&known, issuer, client, (&scope, named))?;
    let id_token = scope.contains(OPENID);
    if names_issuer || scope.iter().all(|word| known.of_scope(word).is_none()) {
        scope.retain(|word| known.of_scope(word).is_none());
        return Ok(TokenTarget { scope, audiences: vec![issuer.to_owned()], id_token });
    }
    scope.retain(|word| match known.of_scope(word) {
        Some(owner) => named.is_empty() || named.contains(&owner.row.identifier),
        None => !for_issuer_alone(word),
    });
    let audiences = owners(&known, &scope);
    Ok(TokenTarget { scope, audiences, id_token })
}

/// What is asked for and may be had. The rest is left out and named in the log; nothing left is an error.
fn understood(client: &Client, known: &Resources, requested: Option<&str>) -> Result<Scope, ScopeError> {
    let mut scope = match requested {
        Some(text) => Scope::parse(text)?,
        None => client.default_scopes.iter().cloned().collect(),
    };
    let left_out = scope.take_unless(|word| allowed(client, known, word));
    match (scope.is_empty(), left_out.is_empty()) {
        (true, true) => Err(ScopeError::Empty { client_id: client.client_id().to_owned() }),
        (true, false) => Err(ScopeError::not_allowed(client, left_out.iter().map(String::as_str))),
        (false, true) => Ok(scope),
        (false, false) => {
            let left_out = shown(left_out.iter().map(String::as_str));
            tracing::info!(client_id = client.client_id(), scope = left_out, "scopes were left out");
            Ok(scope)
        }
    }
}

/// Whether a client may have a scope that exists. `account` is for first-party clients, whatever a row says.
fn allowed(client: &Client, known: &Resources, word: &str) -> bool {
    client.scopes.iter().any(|own| own == word)
        && known.knows_scope(word)
        && (word != ACCOUNT || client.row.first_party)
}

/// RFC 8707 section 2: a resource is named for some scope of it, by its identifier as it is registered.
fn each_has_a_scope(
    known: &Resources,
    issuer: &str,
    client: &Client,
    (scope, named): (&Scope, &[String]),
) -> Result<(), ScopeError> {
    if named.len() > MOST_RESOURCES {
        return Err(ScopeError::target(client, &named[0], "resource must not be named so often"));
    }
    let has_scope = |resource: &String| {
        scope.iter().any(|word| match known.of_scope(word) {
            Some(owner) => owner.row.identifier == *resource,
            None => resource == issuer,
        })
    };
    match named.iter().find(|resource| !has_scope(resource)) {
        Some(resource) => {
            let rule = "resource must be a registered identifier with one of the scopes asked for";
            Err(ScopeError::target(client, resource, rule))
        }
        None => Ok(()),
    }
}

/// The resources that scopes belong to, sorted.
fn owners(known: &Resources, scope: &Scope) -> Vec<String> {
    let owners: BTreeSet<&str> = scope
        .iter()
        .filter_map(|word| known.of_scope(word))
        .map(|owner| owner.row.identifier.as_str())
        .collect();
    owners.into_iter().map(str::to_owned).collect()
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
    fn a_scope_is_at_most_2_kib_and_100_words() {
        let words = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert!(Scope::parse(&words(100)).is_ok());
        assert_eq!(Scope::parse(&words(101)), Err(ScopeError::TooLong));
        assert_eq!(Scope::parse(&"a ".repeat(101)), Err(ScopeError::TooLong), "also the same word again");
        assert!(Scope::parse(&"a".repeat(2048)).is_ok());
        assert_eq!(Scope::parse(&"a".repeat(2049)), Err(ScopeError::TooLong));
    }

    #[test]
    fn a_narrower_scope_lies_within_a_wider_one() {
        let (narrow, wide) = (Scope::stored("a"), Scope::stored("a b"));
        assert!(narrow.within(&wide) && !wide.within(&narrow) && Scope::default().within(&narrow));
    }

    #[test]
    fn an_error_repeats_a_few_words_in_plain_characters() {
        assert_eq!(shown(["a", "b\"\\ä"]), "a b???");
        assert_eq!(shown(["a"; 7]), "a a a a a and 2 more");
        assert_eq!(shown([&*"a".repeat(300)]).len(), 100);
    }
}
