//! Answers which clients exist, how they authenticate, and what they may request (RFC 6749 section 2).
//!
//! All clients are held in memory, so a look-up costs no statement. Changes are made in
//! `administration::clients`, which announces [`TOPIC`]; each node then calls [`crate::App::reload`].
//! The protocol rules that differ between clients are asked of a [`ClientPolicy`].

mod assertion;
mod key_sets;
mod logo;
mod origins;
pub mod policy;
mod profile;
mod secrets;
mod signing;
mod subject;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use postern_entities::{client_secrets, clients, grants};
use postern_service::{clock::Timestamp, database::DatabaseError};
use postern_token_verifier::KeySet;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult as _, QueryFilter, QuerySelect as _,
    QueryTrait as _,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use postern_entities::values::GrantType;

pub use self::{
    assertion::{AssertionError, AssertionVerifier, asserted_client_id},
    key_sets::ClientKeySets,
    logo::{ClientLogo, find_logo},
    profile::ClientProfile,
    secrets::seal as seal_secret,
    signing::{ResponseSigning, read_algorithm},
    subject::{SubjectType, check_sector, sector, subject_for},
};
use self::{
    policy::{ClientAuthenticationRule, ClientPolicy},
    secrets::ClientSecret,
};
use crate::{core::read_json_column, jobs::error_chain};

/// The topic of the change announcement for clients.
pub const TOPIC: &str = "clients";

/// How a client authenticates at the token endpoint (OpenID Connect Core section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthMethod {
    /// A public client, without a secret.
    None,
    ClientSecretBasic,
    ClientSecretPost,
    /// A JWT that is authenticated with the secret (HS256).
    ClientSecretJwt,
    /// A JWT that is signed with a key of the client.
    PrivateKeyJwt,
}

impl ClientAuthMethod {
    /// The value of `token_endpoint_auth_method` in client metadata.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// Whether a client that is registered for the method has a secret.
    pub const fn has_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost | Self::ClientSecretJwt)
    }
}

/// A registered client, with what the checks of its requests read.
#[derive(Clone, Debug)]
pub struct Client {
    pub row: clients::Model,
    pub profile: ClientProfile,
    /// The rules of the profile, made stricter by those of the client.
    pub policy: ClientPolicy,
    pub auth_method: ClientAuthMethod,
    pub response_signing: ResponseSigning,
    /// The sector of the client's subjects; none for public ones. See [`subject_for`].
    pub pairwise_sector: Option<String>,
    secrets: Vec<ClientSecret>,
    /// The public keys that were registered by value.
    keys: Option<Arc<KeySet>>,
    /// What pages show of it; see [`find_logo`].
    pub logo: Option<ClientLogo>,
    /// The client's own grant (client credentials); none until its first such token.
    pub own_grant: Option<Uuid>,
}

impl Client {
    pub fn client_id(&self) -> &str {
        &self.row.client_id
    }

    /// Whether the client is public: it has neither secret nor keys (RFC 6749 section 2.1).
    pub fn public(&self) -> bool {
        self.auth_method == ClientAuthMethod::None
    }

    /// Whether every authorization request of the client must use PKCE (RFC 7636).
    pub fn pkce_required(&self) -> bool {
        self.policy.pkce_required(self.public())
    }

    pub fn may_use(&self, grant_type: GrantType) -> bool {
        self.row.grant_types.contains(&grant_type)
    }

    /// Whether `secret` is a valid secret of the client. All secrets are compared, each in constant time.
    pub fn secret_matches(&self, secret: &str, now: Timestamp) -> bool {
        secrets::any_matches(&self.secrets, secret, now)
    }

    /// Whether the client has registered this origin as one of its web pages, which may use cookies. A private scheme
    /// proves no page: any app can claim it.
    pub fn has_cookie_origin(&self, origin: &str) -> bool {
        origins::of_web_page(origin) && self.row.origins.iter().any(|own| own == origin)
    }

    /// Whether the client may authenticate by this method: by the registered one, or where its policy allows it
    /// by another for which the client has a secret or keys.
    pub fn may_authenticate_by(&self, method: ClientAuthMethod) -> bool {
        if method == self.auth_method {
            return true;
        }
        if self.public() || self.policy.client_authentication == ClientAuthenticationRule::RegisteredMethod {
            return false;
        }
        match method {
            ClientAuthMethod::ClientSecretBasic | ClientAuthMethod::ClientSecretPost => {
                self.auth_method.has_secret()
            }
            ClientAuthMethod::PrivateKeyJwt => self.keys.is_some() || self.row.jwks_uri.is_some(),
            ClientAuthMethod::None | ClientAuthMethod::ClientSecretJwt => false,
        }
    }

    /// Whether a header with an empty secret is this client's name and nothing more. Libraries that try the header first send
    /// one for a public client, whose secret is the empty string that RFC 6749 section 2.3.1 lets a client omit.
    pub fn may_name_itself_in_header(&self) -> bool {
        self.public() && self.policy.client_authentication != ClientAuthenticationRule::RegisteredMethod
    }
}

/// All clients, by `client_id`.
#[derive(Debug, Default)]
pub struct Clients {
    by_client_id: HashMap<String, Arc<Client>>,
    public_origins: HashSet<String>,
    first_party_origins: HashSet<String>,
    /// The causes by which clients were left out, by `client_id`.
    unreadable: HashMap<String, String>,
}

impl Clients {
    /// The client with this `client_id`, unless it is disabled.
    pub fn find(&self, client_id: &str) -> Option<&Arc<Client>> {
        self.by_client_id.get(client_id).filter(|client| client.row.disabled_at.is_none())
    }

    /// Whether an enabled public client has this origin: a registered one, or that of a redirect URI.
    pub fn has_public_origin(&self, origin: &str) -> bool {
        let known = |origin: &str| self.public_origins.contains(origin);
        known(origin) || origins::patterns_of(origin).iter().any(|pattern| known(pattern))
    }

    /// Whether an enabled first-party client has registered this origin.
    pub fn has_first_party_origin(&self, origin: &str) -> bool {
        self.first_party_origins.contains(origin)
    }

    /// Why a stored client is left out: its row cannot be read.
    pub fn unreadable_cause(&self, client_id: &str) -> Option<&str> {
        self.unreadable.get(client_id).map(String::as_str)
    }

    /// All clients, disabled ones too.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.by_client_id.values()
    }
}

/// Loads all clients in four statements, whatever their number. `issuer` is an origin of which no native app is.
pub async fn load(db: &impl ConnectionTrait, issuer: &str) -> Result<Clients, DatabaseError> {
    let mut secrets: HashMap<String, Vec<_>> = HashMap::new();
    let mut unreadable = HashMap::new();
    for secret in readable_rows::<client_secrets::Entity>(db, &mut unreadable).await? {
        secrets.entry(secret.client_id.clone()).or_default().push(ClientSecret::from(secret));
    }
    let own_grants: Vec<(String, Uuid)> = grants::Entity::find()
        .select_only()
        .columns([grants::Column::ClientId, grants::Column::Id])
        .filter(grants::Column::UserId.is_null())
        .filter(grants::Column::RevokedAt.is_null())
        .into_tuple()
        .all(db)
        .await?;
    let own_grants: HashMap<String, Uuid> = own_grants.into_iter().collect();
    let mut logos = logo::load_all(db).await?;
    let mut by_name: HashMap<String, Arc<Client>> = HashMap::new();
    for row in readable_rows::<clients::Entity>(db, &mut unreadable).await? {
        let id = row.client_id.clone();
        match from_row(row, secrets.remove(&id).unwrap_or_default(), own_grants.get(&id).copied()) {
            Ok(client) => {
                let logo = logos.remove(&id);
                by_name.insert(id, Arc::new(Client { logo, ..client }));
            }
            Err(cause) => leave_out(&mut unreadable, id, &cause),
        }
    }
    let enabled = || by_name.values().filter(|client| client.row.disabled_at.is_none());
    let public = enabled().filter(|client| client.public());
    let public_origins = public.flat_map(|client| origins::public(client, issuer)).collect();
    let first_party = enabled().filter(|client| client.row.first_party);
    let first_party_origins = first_party.flat_map(|client| origins::first_party(client)).collect();
    Ok(Clients { by_client_id: by_name, public_origins, first_party_origins, unreadable })
}

/// The rows of a table of clients. A row that cannot be read is left out: its client may do nothing until an
/// operator repairs it, and all other clients go on.
async fn readable_rows<E: EntityTrait>(
    db: &impl ConnectionTrait,
    unreadable: &mut HashMap<String, String>,
) -> Result<Vec<E::Model>, DatabaseError> {
    let mut readable = Vec::new();
    for row in db.query_all(&E::find().into_query()).await? {
        match E::Model::from_query_result(&row, "") {
            Ok(model) => readable.push(model),
            Err(cause) => {
                let client_id = row.try_get::<String>("", "client_id").unwrap_or_default();
                leave_out(unreadable, client_id, &cause);
            }
        }
    }
    Ok(readable)
}

fn leave_out(unreadable: &mut HashMap<String, String>, client_id: String, cause: &dyn std::error::Error) {
    let cause = error_chain(cause);
    tracing::error!(client_id, cause, "a client is left out, because its row cannot be read");
    unreadable.insert(client_id, cause);
}

fn from_row(
    row: clients::Model,
    secrets: Vec<ClientSecret>,
    own_grant: Option<Uuid>,
) -> Result<Client, DatabaseError> {
    let profile: ClientProfile = read_json_column(row.profile.clone().into())?;
    let keys = row.jwks.as_ref().map(|jwks| KeySet::parse_of_client(jwks.to_string().as_bytes()));
    let keys = keys.transpose().map_err(|cause| DbErr::Type(format!("jwks: {cause}")))?;
    let stricter_rules = read_json_column(row.stricter_rules.clone())?;
    // A pairwise client without a sector is left out: it must not see public subjects instead.
    let pairwise_sector = match read_json_column(row.subject_type.clone().into())? {
        SubjectType::Public => None,
        SubjectType::Pairwise => Some(
            sector(row.sector.as_deref(), &row.redirect_uris)
                .map_err(|rule| DbErr::Type(format!("sector {rule}")))?,
        ),
    };
    Ok(Client {
        profile,
        policy: profile.policy().tightened(row.require_pkce, &stricter_rules),
        response_signing: ResponseSigning::from_row(&row)?,
        auth_method: read_json_column(row.token_endpoint_auth_method.clone().into())?,
        secrets,
        keys: keys.map(Arc::new),
        pairwise_sector,
        logo: None,
        own_grant,
        row,
    })
}
