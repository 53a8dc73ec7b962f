//! Answers which resource a scope belongs to, and what its tokens look like.
//!
//! Held in memory like the clients. The scopes of OpenID Connect belong to the issuer itself, and so does whatever
//! manages accounts: `account`, and every name that begins with `admin:`. No resource can have a scope of such a name.

use std::collections::{BTreeMap, HashMap};

use postern_entities::{resources, scopes};
use postern_service::database::DatabaseError;
use postern_token_verifier::Algorithm;
use sea_orm::{ConnectionTrait, EntityTrait};
use url::Url;

use crate::clients;

/// The topic announced when resources change.
pub const TOPIC: &str = "resources";

/// The scope of `/api/account`: one's own account.
pub const ACCOUNT: &str = "account";

/// Scopes of the issuer (OpenID Connect Core section 5.4, section 11), and [`ACCOUNT`].
pub const ISSUER_SCOPES: [&str; 7] =
    ["openid", "profile", "email", "address", "phone", "offline_access", ACCOUNT];

/// Whether a scope stands only in access tokens for the issuer alone: a token that a resource server sees too must not
/// manage accounts.
pub fn for_issuer_alone(scope: &str) -> bool {
    scope == ACCOUNT || scope.starts_with("admin:")
}

/// Whether a name belongs to the issuer, so that no resource's scope can have it.
pub fn reserved(scope: &str) -> bool {
    ISSUER_SCOPES.contains(&scope) || for_issuer_alone(scope)
}

/// An API whose tokens this provider issues.
#[derive(Clone, Debug)]
pub struct Resource {
    /// The row as stored.
    pub row: resources::Model,
    /// Algorithm of access tokens for it.
    pub algorithm: Algorithm,
    /// Its scopes with what the consent page says of each.
    pub scopes: BTreeMap<String, String>,
}

/// Every resource, by identifier, and the way from a scope to its resource.
#[derive(Debug, Default)]
pub struct Resources {
    by_identifier: BTreeMap<String, Resource>,
    by_scope: HashMap<String, String>,
}

impl Resources {
    /// The resource with this identifier (RFC 8707 section 2).
    pub fn find(&self, identifier: &str) -> Option<&Resource> {
        self.by_identifier.get(identifier)
    }

    /// The resource a scope belongs to; none for the issuer's own scopes and for unknown ones.
    pub fn of_scope(&self, scope: &str) -> Option<&Resource> {
        self.by_scope.get(scope).and_then(|identifier| self.find(identifier))
    }

    /// Whether a scope exists at all.
    pub fn knows_scope(&self, scope: &str) -> bool {
        ISSUER_SCOPES.contains(&scope) || self.by_scope.contains_key(scope)
    }

    /// A resource on the origin of the issuer, whose tokens the issuer's own APIs could be given.
    pub fn on_origin_of(&self, issuer: &str) -> Option<&Resource> {
        self.all().find(|resource| same_origin(&resource.row.identifier, issuer))
    }

    /// All of them, by identifier.
    pub fn all(&self) -> impl Iterator<Item = &Resource> {
        self.by_identifier.values()
    }
}

/// Whether two URLs have the same origin (RFC 6454 section 4). What has no host has none that is the same.
pub fn same_origin(one: &str, other: &str) -> bool {
    match (Url::parse(one), Url::parse(other)) {
        (Ok(one), Ok(other)) => one.origin() == other.origin(),
        _ => false,
    }
}

/// Reads every resource: two statements.
pub async fn load(db: &impl ConnectionTrait) -> Result<Resources, DatabaseError> {
    let mut by_identifier: BTreeMap<_, _> = resources::Entity::find()
        .all(db)
        .await?
        .into_iter()
        .map(|row| {
            let algorithm = clients::read(row.signing_algorithm.clone().into())?;
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
