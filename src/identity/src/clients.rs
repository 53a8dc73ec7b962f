//! Answers who may ask for tokens, and by which rules.
//!
//! All clients are held in memory: reading one costs no statement. Changes go through the use cases
//! here, which announce the topic, so that every node reloads (`app::watch_changes`).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use postern_entities::{client_secrets, clients, grants};
use postern_service::{clock::Timestamp, database::DatabaseError};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use crate::crypto;

/// The topic announced when clients change.
pub const TOPIC: &str = "clients";

/// How a client proves who it is at the token endpoint (OpenID Connect Core section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthMethod {
    /// A public client: it has no secret.
    None,
    /// The secret in the `Authorization` header.
    ClientSecretBasic,
    /// The secret in the form.
    ClientSecretPost,
}

impl ClientAuthMethod {
    /// As in the metadata `token_endpoint_auth_method`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
        }
    }
}

/// What the token endpoint accepts (RFC 6749 section 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// RFC 6749 section 4.1.
    AuthorizationCode,
    /// RFC 6749 section 6.
    RefreshToken,
    /// RFC 6749 section 4.4.
    ClientCredentials,
}

impl GrantType {
    /// As in the parameter `grant_type`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }
}

/// An app that asks for tokens.
#[derive(Clone, Debug)]
pub struct Client {
    /// The row as stored; lists below are its JSON columns, read once.
    pub row: clients::Model,
    /// How it authenticates.
    pub auth_method: ClientAuthMethod,
    /// Exact redirect URIs.
    pub redirect_uris: Vec<String>,
    /// Exact URIs to return to after sign-out.
    pub post_logout_redirect_uris: Vec<String>,
    /// Browser origins that may call the APIs with its tokens.
    pub origins: Vec<String>,
    /// Grant types it may use.
    pub grant_types: Vec<GrantType>,
    /// Scopes it may ask for.
    pub scopes: Vec<String>,
    /// Scopes it gets when it names none.
    pub default_scopes: Vec<String>,
    /// Login methods by which its users may begin a sign-in, or have begun their session; empty means all that are
    /// switched on.
    pub login_methods: Vec<String>,
    /// Hashes of its live secrets with the end of each.
    secrets: Vec<(Vec<u8>, Option<Timestamp>)>,
    /// The grant its own tokens hang off (client credentials), until it is revoked.
    pub own_grant: Option<Uuid>,
}

impl Client {
    /// Its public name.
    pub fn client_id(&self) -> &str {
        &self.row.client_id
    }

    /// Has no secret and must prove nothing (RFC 6749 section 2.1).
    pub fn public(&self) -> bool {
        self.auth_method == ClientAuthMethod::None
    }

    /// Origins of its pages: those registered, and those of its redirect URIs.
    fn web_origins(&self) -> Vec<String> {
        let of_redirect_uris = self.redirect_uris.iter().filter_map(|uri| {
            let origin = Url::parse(uri).ok()?.origin();
            // A private scheme leads to an app, which has no origin.
            let origin = origin.is_tuple().then(|| origin.ascii_serialization())?;
            Some(on_any_loopback_port(&origin).unwrap_or(origin))
        });
        self.origins.iter().cloned().chain(of_redirect_uris).collect()
    }

    /// Whether it may use a grant type.
    pub fn may_use(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }

    /// Whether `secret` is one of its live secrets. Every live secret is compared, in constant time.
    pub fn knows_secret(&self, secret: &str, now: Timestamp) -> bool {
        let hash = crypto::token_hash(secret);
        self.secrets.iter().fold(false, |known, (stored, expires_at)| {
            let live = expires_at.is_none_or(|end| now < end);
            known | (crypto::equal(stored, &hash) & live)
        })
    }
}

/// Every client, by name.
#[derive(Debug, Default)]
pub struct Clients {
    by_name: HashMap<String, Arc<Client>>,
    public_origins: HashSet<String>,
    first_party_origins: HashSet<String>,
}

impl Clients {
    /// The client with this name, unless it is disabled.
    pub fn find(&self, client_id: &str) -> Option<&Arc<Client>> {
        self.by_name.get(client_id).filter(|client| client.row.disabled_at.is_none())
    }

    /// Whether this is an origin of a public client that is not disabled: one that it has registered, or that of a redirect
    /// URI.
    pub fn public_origin(&self, origin: &str) -> bool {
        let known = |origin: &str| self.public_origins.contains(origin);
        known(origin) || on_any_loopback_port(origin).is_some_and(|any| known(&any))
    }

    /// Whether a first-party client that is not disabled has registered this origin.
    pub fn first_party_origin(&self, origin: &str) -> bool {
        self.first_party_origins.contains(origin)
    }

    /// All of them, disabled ones too.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.by_name.values()
    }
}

/// Reads every client: three statements, whatever their number.
pub async fn load(db: &impl ConnectionTrait) -> Result<Clients, DatabaseError> {
    let mut secrets: HashMap<String, Vec<_>> = HashMap::new();
    for secret in client_secrets::Entity::find().all(db).await? {
        let end = secret.expires_at.map(Timestamp::from_micros);
        secrets.entry(secret.client_id).or_default().push((secret.secret_hash, end));
    }
    let own_grants: HashMap<String, Uuid> = grants::Entity::find()
        .filter(grants::Column::UserId.is_null())
        .filter(grants::Column::RevokedAt.is_null())
        .all(db)
        .await?
        .into_iter()
        .map(|grant| (grant.client_id, grant.id))
        .collect();
    let clients = clients::Entity::find().all(db).await?.into_iter().map(|row| {
        let id = row.client_id.clone();
        let client = from_row(row, secrets.remove(&id).unwrap_or_default(), own_grants.get(&id).copied())?;
        Ok((id, Arc::new(client)))
    });
    let by_name = clients.collect::<Result<HashMap<String, Arc<Client>>, DatabaseError>>()?;
    let public_origins = origins(&by_name, Client::public, Client::web_origins);
    let first_party_origins =
        origins(&by_name, |client| client.row.first_party, |client| client.origins.clone());
    Ok(Clients { by_name, public_origins, first_party_origins })
}

/// Some origins of the clients that are chosen and not disabled.
fn origins(
    clients: &HashMap<String, Arc<Client>>,
    chosen: fn(&Client) -> bool,
    origins: fn(&Client) -> Vec<String>,
) -> HashSet<String> {
    let chosen = clients.values().filter(|client| client.row.disabled_at.is_none() && chosen(client));
    chosen.flat_map(|client| origins(client)).collect()
}

/// The port of a native app's loopback address may be any (RFC 8252 section 7.3), so such an origin is known without it.
fn on_any_loopback_port(origin: &str) -> Option<String> {
    let on =
        |host: &&str| origin.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
    let host = ["http://127.0.0.1", "http://[::1]"].into_iter().find(on)?;
    Some(format!("{host}:*"))
}

fn from_row(
    row: clients::Model,
    secrets: Vec<(Vec<u8>, Option<Timestamp>)>,
    own_grant: Option<Uuid>,
) -> Result<Client, DatabaseError> {
    Ok(Client {
        auth_method: read(row.token_endpoint_auth_method.clone().into())?,
        redirect_uris: read(row.redirect_uris.clone())?,
        post_logout_redirect_uris: read(row.post_logout_redirect_uris.clone())?,
        origins: read(row.origins.clone())?,
        grant_types: read(row.grant_types.clone())?,
        scopes: read(row.scopes.clone())?,
        default_scopes: read(row.default_scopes.clone())?,
        login_methods: read(row.login_methods.clone())?,
        secrets,
        own_grant,
        row,
    })
}

/// Reads a JSON column; one that does not read was not written by this program.
pub(crate) fn read<T: serde::de::DeserializeOwned>(column: serde_json::Value) -> Result<T, DatabaseError> {
    serde_json::from_value(column).map_err(|cause| sea_orm::DbErr::Type(cause.to_string()).into())
}
