//! Answers which resources exist, to which resource a scope belongs, and how its access tokens are signed
//! (RFC 8707).
//!
//! All resources are held in memory, like the clients. The scopes of OpenID Connect belong to the issuer
//! itself. So do the scopes that manage accounts: `account`, and every name that begins with `admin:`. No
//! resource can have such a scope.

use std::collections::{BTreeMap, HashMap};

use postern_entities::{resources, scopes};
use postern_service::database::DatabaseError;
use postern_token_verifier::Algorithm;
use sea_orm::{ConnectionTrait, EntityTrait};
use url::Url;

use crate::core::read_json_column;

/// The topic of the change announcement for resources.
pub const TOPIC: &str = "resources";

/// The scope of `/api/account`: management of the user's own account.
pub const ACCOUNT_SCOPE: &str = "account";

/// The scopes of the issuer (OpenID Connect Core sections 5.4 and 11), and [`ACCOUNT_SCOPE`].
pub const ISSUER_SCOPES: [&str; 7] =
    ["openid", "profile", "email", "address", "phone", "offline_access", ACCOUNT_SCOPE];

/// Whether a scope may occur only in access tokens for the issuer alone. A resource server sees its tokens,
/// so a token for a resource must not manage accounts.
pub fn scope_is_issuer_only(scope: &str) -> bool {
    scope == ACCOUNT_SCOPE || scope.starts_with("admin:")
}

/// Whether a scope is the issuer's, so that no resource can have it.
pub fn scope_is_reserved(scope: &str) -> bool {
    ISSUER_SCOPES.contains(&scope) || scope_is_issuer_only(scope)
}

/// An API for which this issuer issues access tokens.
#[derive(Clone, Debug)]
pub struct Resource {
    pub row: resources::Model,
    pub algorithm: Algorithm,
    /// The scopes, each with its description on the consent page.
    pub scopes: BTreeMap<String, String>,
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
        ISSUER_SCOPES.contains(&scope) || self.by_scope.contains_key(scope)
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
            Ok((row.identifier.clone(), Resource { row, algorithm, scopes: BTreeMap::new() }))
        })
        .collect::<Result<_, DatabaseError>>()?;
    let mut by_scope = HashMap::new();
    for scope in scopes::Entity::find().all(db).await? {
        if let Some(resource) = by_identifier.get_mut(&scope.resource) {
            resource.scopes.insert(scope.name.clone(), scope.description);
            by_scope.insert(scope.name, scope.resource);
        }
    }
    Ok(Resources { by_identifier, by_scope })
}
