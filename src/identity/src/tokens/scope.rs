//! Decides scope and audience of grants and access tokens (RFC 6749 section 3.3, RFC
//! 8707).
//!
//! One rule holds for every grant type: *the audience of an access token is the issuer alone or resources,
//! never both*. The requested scopes decide. If one of them belongs to a resource, the audience is the
//! resources of those scopes; otherwise it is the issuer. The `resource` parameter narrows the audience
//! further. `openid` and the other scopes about the user may occur in either kind of token; `account` and
//! `admin:*` occur only in tokens for the issuer.
//!
//! ```text
//!   authorization request ──► resolve_grant_target ────────► GrantTarget (resources and the issuer)
//!   token request ──────────► narrow ──────────────────────► TokenTarget (one access token)
//!   /api/auth ──────────────► resolve_sign_in ─────────────► both
//!   client_credentials ─────► resolve_client_credentials ──► TokenTarget
//! ```
//!
//! An authorization request loses the scopes that the client may not have, and the log names them (OpenID
//! Connect Core section 3.1.2.1), unless the client's policy has it refused. A token request with such a scope is
//! refused.

use std::collections::BTreeSet;

use crate::{
    App,
    clients::{
        Client,
        policy::{ResourceRule, UnknownScopeRule},
    },
    grants::Grant,
    resources::{ACCOUNT, Resources, ScopeHolder, scope_is_issuer_only},
    scope::{OPENID, ParseScopeError, Scope, scope_character},
};

/// The most `resource` values of one request.
const MAX_RESOURCES: usize = 20;

/// Why a request gets no scope, or no token for a resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// `invalid_scope`, as all but [`ScopeError::Target`].
    #[error(transparent)]
    Syntax(#[from] ParseScopeError),
    /// A value is not a scope, or the client or the grant does not have it.
    #[error("the scope {words} is not available to the client {client_id}")]
    NotAllowed {
        client_id: String,
        /// Cut by [`printable_excerpt`].
        words: String,
    },
    /// No scope was requested and the client has no usable default, or the client has lost every granted
    /// scope.
    #[error("no scope is left to grant to the client {client_id}")]
    Empty { client_id: String },
    /// A resource is unknown or has none of the requested scopes, or the issuer is named beside another
    /// resource.
    #[error("{rule} (resource {resource}, client {client_id})")]
    Target {
        client_id: String,
        /// Cut by [`printable_excerpt`].
        resource: String,
        /// The rule that the request breaks.
        rule: &'static str,
    },
}

impl ScopeError {
    /// Whether the error is `invalid_target`.
    pub const fn concerns_resource(&self) -> bool {
        matches!(self, Self::Target { .. })
    }

    fn not_allowed<'w>(client: &Client, words: impl IntoIterator<Item = &'w str>) -> Self {
        Self::NotAllowed { client_id: client.client_id().to_owned(), words: printable_excerpt(words) }
    }

    fn target(client: &Client, resource: &str, rule: &'static str) -> Self {
        Self::Target {
            client_id: client.client_id().to_owned(),
            resource: printable_excerpt([resource]),
            rule,
        }
    }
}

/// Cuts untrusted values for an error message: a few values, shortened, in the characters of
/// `error_description` (RFC 6749 section 5.2).
pub(crate) fn printable_excerpt<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
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

/// The scope of a grant, and the `resource` values that its token requests may name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantTarget {
    pub scope: Scope,
    /// Identifiers of the scopes' resources, sorted, followed by the issuer if a token may have the issuer as
    /// audience.
    pub audiences: Vec<String>,
}

/// Scope and audience of one access token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenTarget {
    pub scope: Scope,
    /// Resources, sorted, or the issuer alone.
    pub audiences: Vec<String>,
    /// Whether `openid` was requested, so that an ID token is issued too.
    pub id_token: bool,
}

/// The targets of a new sign-in through the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignInTargets {
    pub grant: GrantTarget,
    pub initial_token: TokenTarget,
}

/// The `scope` and `resource` parameters of a token request.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestedTarget<'a> {
    /// None requests the whole scope of the grant.
    pub scope: Option<&'a str>,
    /// Narrows the access token (RFC 8707 section 2.2).
    pub resources: &'a [String],
}

/// The target of a grant for an authorization request. Without a requested scope, the client's default scope
/// counts.
///
/// `resource` may name several resources, the issuer among them: they limit the grant. The scopes about the
/// user always stay in the grant.
pub fn resolve_grant_target(
    app: &App,
    client: &Client,
    requested: Option<&str>,
    resources: &[String],
) -> Result<GrantTarget, ScopeError> {
    let known = app.resources();
    let issuer = app.config.issuer.as_str();
    let resources = &registered_forms(&known, issuer, resources);
    let mut scope = available_scope(client, &known, requested)?;
    require_scope_of_each_resource(&known, issuer, client, (&scope, resources))?;
    let names = |resource: &str| resources.is_empty() || resources.iter().any(|one| one == resource);
    scope.retain(|word| match known.find_by_scope(word) {
        Some(owner) => names(&owner.row.identifier),
        None => names(issuer) || !scope_is_issuer_only(word),
    });
    let mut audiences = owning_resources(&known, &scope);
    if names(issuer) && scope.iter().any(|word| known.find_by_scope(word).is_none()) {
        audiences.push(issuer.to_owned());
    }
    Ok(GrantTarget { scope, audiences })
}

/// The targets of a sign-in through the API: a grant with all requested scopes, and a first token that
/// `resource` narrows.
pub fn resolve_sign_in(
    app: &App,
    client: &Client,
    requested: RequestedTarget<'_>,
) -> Result<SignInTargets, ScopeError> {
    let grant = resolve_grant_target(app, client, requested.scope, &[])?;
    let initial_token = token_target(app, client, grant.scope.clone(), requested.resources)?;
    Ok(SignInTargets { grant, initial_token })
}

/// The target of a token for a client that acts on its own behalf. Scopes about a user are not for such a token,
/// not even by default.
pub fn resolve_client_credentials(
    app: &App,
    client: &Client,
    requested: RequestedTarget<'_>,
) -> Result<TokenTarget, ScopeError> {
    let known = app.resources();
    let may = |word: &str| scope_available(client, &known, word, ScopeHolder::Client);
    let scope = if let Some(text) = requested.scope {
        let mut scope = parse_scope(client, text)?;
        let foreign = scope.remove_unless(may);
        if !foreign.is_empty() {
            return Err(ScopeError::not_allowed(client, foreign.iter().map(String::as_str)));
        }
        scope
    } else {
        client.row.default_scopes.iter().filter(|word| may(word)).cloned().collect()
    };
    token_target(app, client, scope, requested.resources)
}

/// The target of a token under `grant`: the whole grant, or a part of it (RFC 6749 section 6, RFC 8707
/// section 2.2).
///
/// A scope outside the grant is refused unless `may_lack` tolerates it: some clients always send such scopes.
/// A scope that the client has lost since the grant was made is left out silently.
pub fn narrow(
    app: &App,
    client: &Client,
    grant: &Grant,
    requested: RequestedTarget<'_>,
    may_lack: fn(&str) -> bool,
) -> Result<TokenTarget, ScopeError> {
    let granted = &grant.scope;
    let mut scope = match requested.scope {
        Some(text) => parse_scope(client, text)?,
        None => granted.clone(),
    };
    let lacking = scope.remove_unless(|word| granted.contains(word));
    if scope.is_empty() || !lacking.iter().all(|word| may_lack(word)) {
        return Err(ScopeError::not_allowed(client, lacking.iter().map(String::as_str)));
    }
    let known = app.resources();
    let audiences = &grant.resources;
    let resources = registered_forms(&known, &app.config.issuer, requested.resources);
    if let Some(other) = resources.iter().find(|resource| !audiences.contains(resource)) {
        return Err(ScopeError::target(client, other, "resource must be one that was granted"));
    }
    scope.retain(|word| {
        scope_available(client, &known, word, ScopeHolder::User)
            && known.find_by_scope(word).is_none_or(|resource| audiences.contains(&resource.row.identifier))
    });
    token_target(app, client, scope, &resources)
}

/// Applies the rule of this module: the audience of an access token with these scopes, and the scopes that
/// remain.
fn token_target(
    app: &App,
    client: &Client,
    mut scope: Scope,
    named: &[String],
) -> Result<TokenTarget, ScopeError> {
    let known = app.resources();
    let issuer = app.config.issuer.as_str();
    let named = &registered_forms(&known, issuer, named);
    if scope.is_empty() {
        return Err(ScopeError::Empty { client_id: client.client_id().to_owned() });
    }
    let names_issuer = named.iter().any(|one| one == issuer);
    if names_issuer && named.iter().any(|one| one != issuer) {
        let rule = "resource must not name the issuer beside another: ask for two tokens";
        return Err(ScopeError::target(client, issuer, rule));
    }
    require_scope_of_each_resource(&known, issuer, client, (&scope, named))?;
    let id_token = scope.contains(OPENID);
    if names_issuer || scope.iter().all(|word| known.find_by_scope(word).is_none()) {
        scope.retain(|word| known.find_by_scope(word).is_none());
        return Ok(TokenTarget { scope, audiences: vec![issuer.to_owned()], id_token });
    }
    scope.retain(|word| match known.find_by_scope(word) {
        Some(owner) => named.is_empty() || named.contains(&owner.row.identifier),
        None => !scope_is_issuer_only(word),
    });
    let audiences = owning_resources(&known, &scope);
    if audiences.len() > 1 && client.policy.resources_per_token == ResourceRule::One {
        let rule = "resource must name one of the resources: the client gets tokens for one resource each";
        return Err(ScopeError::target(client, &audiences.join(" "), rule));
    }
    Ok(TokenTarget { scope, audiences, id_token })
}

/// RFC 6749 section 3.3: words separated by single spaces. Libraries that join lists send more spaces, which a client
/// that need not keep to the letter may.
fn parse_scope(client: &Client, text: &str) -> Result<Scope, ParseScopeError> {
    match client.policy.unknown_scopes {
        UnknownScopeRule::LeftOut => Scope::parse_with_extra_spaces(text),
        UnknownScopeRule::Refused => Scope::parse(text),
    }
}

/// The requested scopes that the client may have. The others are logged, or an error where the client's policy says
/// so; an empty result is an error.
fn available_scope(client: &Client, known: &Resources, requested: Option<&str>) -> Result<Scope, ScopeError> {
    let mut scope = match requested {
        Some(text) => parse_scope(client, text)?,
        None => client.row.default_scopes.iter().cloned().collect(),
    };
    let left_out = scope.remove_unless(|word| scope_available(client, known, word, ScopeHolder::User));
    match (scope.is_empty(), left_out.is_empty()) {
        (true, true) => Err(ScopeError::Empty { client_id: client.client_id().to_owned() }),
        (true, false) => Err(ScopeError::not_allowed(client, left_out.iter().map(String::as_str))),
        (false, true) => Ok(scope),
        (false, false)
            if requested.is_some() && client.policy.unknown_scopes == UnknownScopeRule::Refused =>
        {
            Err(ScopeError::not_allowed(client, left_out.iter().map(String::as_str)))
        }
        (false, false) => {
            let left_out = printable_excerpt(left_out.iter().map(String::as_str));
            tracing::info!(client_id = client.client_id(), scope = left_out, "scopes were left out");
            Ok(scope)
        }
    }
}

/// Whether the scope exists, is for such a holder, and the client may have it. `account` is for first-party
/// clients only, whatever the row says. A pairwise client has neither `account` nor scopes of a resource that joins people,
/// even if its row has them.
fn scope_available(client: &Client, known: &Resources, word: &str, holder: ScopeHolder) -> bool {
    client.row.scopes.iter().any(|own| own == word)
        && known.may_be_granted(word, holder)
        && (word != ACCOUNT.name || client.row.first_party && client.pairwise_sector.is_none())
        && (client.pairwise_sector.is_none()
            || known.find_by_scope(word).is_none_or(|resource| !resource.row.joins_users))
}

/// The registered forms of the requested resources. RFC 3986 section 6.2.3: a URI with an empty path is the one with
/// the path `/`, and libraries that parse a URL write the slash. An identifier that is unknown stays as it is.
fn registered_forms(known: &Resources, issuer: &str, requested: &[String]) -> Vec<String> {
    let registered = |name: &str| name == issuer || known.find(name).is_some();
    let form = |name: &String| match other_slash_form(name) {
        Some(other) if !registered(name) && registered(&other) => other,
        _ => name.clone(),
    };
    requested.iter().map(form).collect()
}

/// The same URI with a slash after the host, or without that slash; none for a URI with a path or a query.
fn other_slash_form(uri: &str) -> Option<String> {
    let (_, after_scheme) = uri.split_once("://")?;
    let host = after_scheme.strip_suffix('/').unwrap_or(after_scheme);
    if host.is_empty() || host.contains(['/', '?', '#']) {
        return None;
    }
    Some(uri.strip_suffix('/').map_or_else(|| format!("{uri}/"), str::to_owned))
}

/// RFC 8707 section 2: every requested resource must be registered and have one of the requested scopes.
fn require_scope_of_each_resource(
    known: &Resources,
    issuer: &str,
    client: &Client,
    (scope, named): (&Scope, &[String]),
) -> Result<(), ScopeError> {
    if named.len() > MAX_RESOURCES {
        return Err(ScopeError::target(client, &named[0], "resource must not be named so often"));
    }
    let has_scope = |resource: &String| {
        scope.iter().any(|word| match known.find_by_scope(word) {
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

/// The resources to which the scopes belong, sorted.
fn owning_resources(known: &Resources, scope: &Scope) -> Vec<String> {
    let owners: BTreeSet<&str> = scope
        .iter()
        .filter_map(|word| known.find_by_scope(word))
        .map(|owner| owner.row.identifier.as_str())
        .collect();
    owners.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_repeats_a_few_words_in_plain_characters() {
        assert_eq!(printable_excerpt(["a", "b\"\\ä"]), "a b???");
        assert_eq!(printable_excerpt(["a"; 7]), "a a a a a and 2 more");
        assert_eq!(printable_excerpt([&*"a".repeat(300)]).len(), 100);
    }
}
