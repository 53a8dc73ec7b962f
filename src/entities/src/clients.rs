//! Defines the table `clients`: a client (RFC 6749 section 2).

use postern_service::clock::Timestamp;
use sea_orm::entity::prelude::*;

use crate::values::{Acr, GrantType, JsonList, StringList};

#[expect(clippy::struct_excessive_bools, reason = "one for each column")]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "clients")]
pub struct Model {
    /// Never a UUID, so that a client cannot be mistaken for a `sub`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: String,
    /// Name that people see.
    pub name: String,
    /// The set of protocol rules for this client: `standard` or `strict`.
    pub profile: String,
    /// Demands PKCE also where the profile does not.
    pub require_pkce: bool,
    /// The other rules by which the client is stricter than its profile: an object.
    #[sea_orm(column_type = "JsonBinary")]
    pub stricter_rules: Json,
    /// Which `sub` the client sees (OpenID Connect Core section 8): `public` or `pairwise`.
    pub subject_type: String,
    /// The sector of pairwise subjects, if it is not the host of the redirect URIs.
    pub sector: Option<String>,
    /// May use the first-party API and skips consent; set by operators only.
    pub first_party: bool,
    pub token_endpoint_auth_method: String,
    /// The public keys of the client by value (RFC 7591 section 2): a JWK set.
    #[sea_orm(column_type = "JsonBinary")]
    pub jwks: Option<Json>,
    /// Where the client publishes its public keys instead.
    pub jwks_uri: Option<String>,
    /// The algorithm of its ID tokens; none means the issuer's own.
    pub id_token_signed_response_alg: Option<String>,
    /// The algorithm of its userinfo responses; none means that they are JSON.
    pub userinfo_signed_response_alg: Option<String>,
    /// Whether its ID tokens have the claims of the granted scopes too.
    pub scope_claims_in_id_token: bool,
    /// Compared exactly (RFC 9700 section 2.1).
    #[sea_orm(column_type = "JsonBinary")]
    pub redirect_uris: StringList,
    /// Compared exactly, as redirect URIs are.
    #[sea_orm(column_type = "JsonBinary")]
    pub post_logout_redirect_uris: StringList,
    /// Where the client is told of the end of a session (OpenID Connect Back-Channel Logout 1.0).
    pub backchannel_logout_uri: Option<String>,
    pub backchannel_logout_session_required: bool,
    /// The page of the client that a browser loads when it signs out (OpenID Connect Front-Channel Logout 1.0).
    pub frontchannel_logout_uri: Option<String>,
    pub frontchannel_logout_session_required: bool,
    /// Browser origins that may call the APIs (CORS).
    #[sea_orm(column_type = "JsonBinary")]
    pub origins: StringList,
    /// May have redirect URIs and origins with a private URI scheme without a dot; set by operators only.
    pub private_schemes: bool,
    /// Grant types that the token endpoint accepts from the client.
    #[sea_orm(column_type = "JsonBinary")]
    pub grant_types: JsonList<GrantType>,
    /// Scopes that the client may request.
    #[sea_orm(column_type = "JsonBinary")]
    pub scopes: StringList,
    /// Scopes of a request that names none.
    #[sea_orm(column_type = "JsonBinary")]
    pub default_scopes: StringList,
    /// Login methods that people may use for the client; empty means all.
    #[sea_orm(column_type = "JsonBinary")]
    pub login_methods: StringList,
    /// Least `acr` of every sign-in for the client.
    pub required_acr: Option<Acr>,
    /// Not shown, because pages load nothing from elsewhere; `client_logos` has what is.
    pub logo_uri: Option<String>,
    /// The client's own page, to which people return.
    pub client_uri: Option<String>,
    pub policy_uri: Option<String>,
    pub tos_uri: Option<String>,
    /// Where a sign-in that another party begins starts (OpenID Connect Core section 4).
    pub initiate_login_uri: Option<String>,
    /// Set while the client may not request anything.
    pub disabled_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
