//! Answers which resources exist, to which resource a scope belongs, and how its access tokens are signed
//! (RFC 8707).
//!
//! All resources are held in memory, like the clients. The scopes of OpenID Connect belong to the issuer
//! itself, and so do the scopes that manage accounts: `account`, and every name that begins with `admin:`.
//! They are the constant table [`ISSUER_SCOPES`], not rows, and no resource can have such a scope.

use std::collections::{BTreeMap, HashMap};

use postern_entities::{resources, scopes};
use postern_service::database::DatabaseError;
use postern_token_verifier::Algorithm;
use sea_orm::{ConnectionTrait, EntityTrait};
use url::Url;

use crate::{claims, core::read_json_column, scope};

/// The topic of the change announcement for resources.
pub const TOPIC: &str = "resources";

/// A scope of the issuer itself. These scopes are part of the program: no command changes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuerScope {
    pub name: &'static str,
    /// What the scope allows, for developers. Consent pages have their own words in each language.
    pub description: &'static str,
    pub holders: ScopeHolders,
    /// Whether only access tokens for the issuer alone may have the scope. A resource server sees its tokens,
    /// so a token for a resource must not manage accounts.
    pub issuer_only: bool,
}

/// Who a token can be about: a user, or a client in its own right (RFC 6749 section 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeHolder {
    User,
    Client,
}

/// Who may be granted a scope of the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeHolders {
    Users,
    /// Users, and clients in their own right: the scope is not about one user.
    UsersAndClients,
}

impl ScopeHolders {
    const fn include(self, holder: ScopeHolder) -> bool {
        matches!((self, holder), (_, ScopeHolder::User) | (Self::UsersAndClients, ScopeHolder::Client))
    }
}

/// Identifies the user, and makes a request an OpenID Connect one (OpenID Connect Core section 3.1.2.1).
pub const OPENID: IssuerScope = IssuerScope::about_user(scope::OPENID, "Know who signed in");

/// Allows `/api/account`: management of the user's own account.
pub const ACCOUNT: IssuerScope =
    IssuerScope { issuer_only: true, ..IssuerScope::about_user("account", "Manage your own account") };

/// The scopes of the issuer (OpenID Connect Core sections 5.4 and 11), and [`ACCOUNT`].
pub const ISSUER_SCOPES: [IssuerScope; 7] = [
    OPENID,
    IssuerScope::about_user(claims::PROFILE, "Name, picture and other parts of the profile"),
    IssuerScope::about_user(claims::EMAIL, "Email address"),
    IssuerScope::about_user(claims::ADDRESS, "Postal address"),
    IssuerScope::about_user(claims::PHONE, "Telephone number"),
    IssuerScope::about_user("offline_access", "Access while you are away"),
    ACCOUNT,
];

/// The names that are kept for scopes of administration. All of them are for the issuer alone, and for users
/// and clients.
const ADMINISTRATION_PREFIX: &str = "admin:";

impl IssuerScope {
    const fn about_user(name: &'static str, description: &'static str) -> Self {
        Self { name, description, holders: ScopeHolders::Users, issuer_only: false }
    }

    pub fn find(name: &str) -> Option<&'static Self> {
        ISSUER_SCOPES.iter().find(|scope| scope.name == name)
    }
}

/// Whether a scope may occur only in access tokens for the issuer alone.
pub fn scope_is_issuer_only(scope: &str) -> bool {
    scope.starts_with(ADMINISTRATION_PREFIX) || IssuerScope::find(scope).is_some_and(|own| own.issuer_only)
}

/// Whether a scope is the issuer's, so that no resource can have it.
pub fn scope_is_reserved(scope: &str) -> bool {
    scope.starts_with(ADMINISTRATION_PREFIX) || IssuerScope::find(scope).is_some()
}

/// An API for which this issuer issues access tokens.
#[derive(Clone, Debug)]
pub struct Resource {
    pub row: resources::Model,
    pub algorithm: Algorithm,
    /// The scopes, each with its description on the consent page.
    pub scopes: BTreeMap<String, String>,
    /// The descriptions in further languages: of a scope, by language tag.
    pub scope_texts: BTreeMap<String, ScopeTexts>,
}

/// The descriptions of one scope in further languages, by language tag.
pub type ScopeTexts = BTreeMap<String, String>;

impl Resource {
    /// What a scope allows, for a reader of `language`: in that language, in a wider form of it (RFC 4647 section 3.4),
    /// or as described for everybody. None if the scope has no description.
    pub fn scope_text(&self, scope: &str, language: &str) -> Option<&str> {
        let texts = self.scope_texts.get(scope);
        let mut wanted = Some(language);
        while let (Some(texts), Some(tag)) = (texts, wanted) {
            if let Some(text) = texts.get(tag) {
                return Some(text);
            }
            wanted = tag.rsplit_once('-').map(|(wider, _)| wider);
        }
        self.scopes.get(scope).map(String::as_str).filter(|text| !text.is_empty())
    }
}

/// All resources, by identifier and by scope.
#[derive(Debug, Default)]
pub struct Resources {
    by_identifier: BTreeMap<String, Resource>,
    by_scope: HashMap<String, String>,
}

impl Resources {
    pub fn find(&self, identifier: &str) -> Option<&Resource> {
        self.by_identifier.get(identifier)
    }

    /// The resource to which a scope belongs; none for the issuer's own scopes and for unknown ones.
    pub fn find_by_scope(&self, scope: &str) -> Option<&Resource> {
        self.by_scope.get(scope).and_then(|identifier| self.find(identifier))
    }

    pub fn scope_exists(&self, scope: &str) -> bool {
        IssuerScope::find(scope).is_some() || self.by_scope.contains_key(scope)
    }

    /// Whether the scope exists and may be granted to such a holder. The scopes of resources are for users and
    /// clients alike.
    pub fn may_be_granted(&self, scope: &str, holder: ScopeHolder) -> bool {
        match IssuerScope::find(scope) {
            Some(own) => own.holders.include(holder),
            None => self.by_scope.contains_key(scope),
        }
    }

    /// A resource on the issuer's origin. Its tokens could be sent to the issuer's own APIs.
    pub fn find_on_origin_of(&self, issuer: &str) -> Option<&Resource> {
        self.all().find(|resource| same_origin(&resource.row.identifier, issuer))
    }

    pub fn all(&self) -> impl Iterator<Item = &Resource> {
        self.by_identifier.values()
    }
}

/// Whether two URLs have the same origin (RFC 6454 section 4). A URL without a host has no such origin.
pub fn same_origin(one: &str, other: &str) -> bool {
    match (Url::parse(one), Url::parse(other)) {
        (Ok(one), Ok(other)) => one.origin() == other.origin(),
        _ => false,
    }
}

/// Loads all resources in two statements.
pub async fn load(db: &impl ConnectionTrait) -> Result<Resources, DatabaseError> {
    let mut by_identifier: BTreeMap<_, _> = resources::Entity::find()
        .all(db)
        .await?
        .into_iter()
        .map(|row| {
            let algorithm = read_json_column(row.signing_algorithm.clone().into())?;
            Ok((
                row.identifier.clone(),
                Resource { row, algorithm, scopes: BTreeMap::new(), scope_texts: BTreeMap::new() },
            ))
        })
        .collect::<Result<_, DatabaseError>>()?;
    let mut by_scope = HashMap::new();
    for scope in scopes::Entity::find().all(db).await? {
        if let Some(resource) = by_identifier.get_mut(&scope.resource) {
            let texts: ScopeTexts = read_json_column(scope.texts)?;
            if !texts.is_empty() {
                resource.scope_texts.insert(scope.name.clone(), texts);
            }
            resource.scopes.insert(scope.name.clone(), scope.description);
            by_scope.insert(scope.name, scope.resource);
        }
    }
    Ok(Resources { by_identifier, by_scope })
}
