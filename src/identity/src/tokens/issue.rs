//! Signs access tokens (RFC 9068) and ID tokens (OpenID Connect Core section 2). Writes nothing: the caller
//! has stored the grant, the code and the refresh token.
//!
//! `aud` is a string for one audience and an array for several: both are legal (RFC 7519 section 4.1.3), and
//! the tested verifiers accept both. `jti` contains the grant id, so that introspection and revocation need
//! no row for each access token. Leaves the choice of audience and scope to `scope`, and the keys to `keys`.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use postern_service::{clock::Timestamp, database::DatabaseError};
use postern_token_verifier::{Algorithm, TokenScheme};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    id_token_size::{self, UserClaims},
    scope::TokenTarget,
    signing::sign,
    token_value,
};
use crate::{
    App,
    acr::Acr,
    claims::{self, ClaimReader},
    clients::{Client, subject_for},
    grants::Grant,
    keys::{KeyError, SignError, TokenType},
    users::User,
};

/// The input of a token response.
pub struct IssueRequest<'a> {
    pub client: &'a Client,
    /// The grant under which the tokens are issued.
    pub grant: GrantClaims<'a>,
    /// None for a client that acts on its own behalf.
    pub user: Option<&'a User>,
    /// Scope and audience of the access token, and whether an ID token is issued too.
    pub target: &'a TokenTarget,
    /// The `nonce` of the authorization request, for the ID token.
    pub nonce: Option<&'a str>,
    /// Already stored; part of the response.
    pub refresh_token: Option<SecretString>,
}

/// The claims that come from the grant.
#[derive(Clone, Debug, Default)]
pub struct GrantClaims<'a> {
    /// The key of the grant's row, part of `jti`.
    pub id: Uuid,
    pub sid: Option<Uuid>,
    pub auth_time: Option<Timestamp>,
    pub acr: Option<Acr>,
    pub amr: &'a [String],
    /// Claims about the user for the ID token.
    pub id_token_claims: &'a [String],
}

impl<'a> From<&'a Grant> for GrantClaims<'a> {
    fn from(grant: &'a Grant) -> Self {
        Self {
            id: grant.id,
            sid: grant.sid,
            auth_time: grant.auth_time,
            acr: grant.acr,
            amr: &grant.amr,
            id_token_claims: &grant.id_token_claims,
        }
    }
}

/// A successful token response (RFC 6749 section 5.1).
#[derive(Clone)]
pub struct TokenResponse {
    pub access_token: String,
    /// How the client presents the access token.
    pub token_type: TokenScheme,
    /// Lifetime of the access token, in seconds.
    pub expires_in: u64,
    pub scope: String,
    /// Present when the scope has `openid`.
    pub id_token: Option<String>,
    /// Present when the client may use the grant type `refresh_token`.
    pub refresh_token: Option<SecretString>,
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse").field("scope", &self.scope).finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The stored profile of the user does not read.
    #[error(transparent)]
    Database(#[from] DatabaseError),

    /// The signature failed.
    #[error(transparent)]
    Sign(#[from] SignError),

    /// The key of the algorithm could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Signs the requested tokens and counts them: one signature, and a second one for an ID token.
pub async fn issue(app: &App, request: IssueRequest<'_>) -> Result<TokenResponse, IssueError> {
    let signed = sign_tokens(app, request).await?;
    count_issued();
    Ok(signed)
}

pub(super) fn count_issued() {
    metrics::counter!("postern_tokens_issued_total").increment(1);
}

/// [`issue`] without the count, for tokens that are discarded if the write fails.
pub(super) async fn sign_tokens(app: &App, request: IssueRequest<'_>) -> Result<TokenResponse, IssueError> {
    let now = app.clock.now();
    let sub = match request.user {
        Some(user) => subject_for(&app.vault, request.client, user.subject),
        None => request.client.client_id().to_owned(),
    };
    let scope = request.target.scope.to_string();
    let lifetime = app.config.tokens.access_token_lifetime.seconds();
    let access_token = {
        let claims = AccessTokenClaims {
            iss: &app.config.issuer,
            sub: &sub,
            aud: Audience::from_audiences(&request.target.audiences),
            client_id: request.client.client_id(),
            exp: expires_at(now, lifetime),
            iat: now.seconds(),
            jti: token_value::new_jti(app, request.grant.id),
            scope: &scope,
            sid: request.grant.sid,
            auth_time: request.grant.auth_time.map(Timestamp::seconds),
            acr: request.grant.acr,
            amr: request.grant.amr,
        };
        sign(app, algorithm_for(app, &request.target.audiences), TokenType::AccessToken, &claims).await?
    };
    let id_token = match request.user {
        Some(user) if request.target.id_token => {
            Some(id_token(app, &request, (user, &sub), &access_token, now).await?)
        }
        _ => None,
    };
    Ok(TokenResponse {
        access_token,
        token_type: TokenScheme::Bearer,
        expires_in: lifetime,
        scope,
        id_token,
        refresh_token: request.refresh_token,
    })
}

/// How ID tokens, and what else is signed like them, are signed for a client.
pub(super) fn id_token_algorithm(app: &App, client: &Client) -> Algorithm {
    client.response_signing.id_token.unwrap_or(app.config.keys.algorithm)
}

async fn id_token(
    app: &App,
    request: &IssueRequest<'_>,
    (user, sub): (&User, &str),
    access_token: &str,
    now: Timestamp,
) -> Result<String, IssueError> {
    let algorithm = id_token_algorithm(app, request.client);
    let mut claims = IdTokenClaims {
        iss: &app.config.issuer,
        user: user_claims(request, user, sub)?,
        aud: request.client.client_id(),
        exp: expires_at(now, app.config.tokens.id_token_lifetime.seconds()),
        iat: now.seconds(),
        auth_time: request.grant.auth_time.map(Timestamp::seconds),
        nonce: request.nonce,
        acr: request.grant.acr,
        amr: request.grant.amr,
        sid: request.grant.sid,
        at_hash: at_hash(algorithm, access_token),
    };
    let left_out = id_token_size::fit(&mut claims).map_err(SignError::from)?;
    if !left_out.is_empty() {
        let client_id = request.client.client_id();
        tracing::warn!(
            client_id,
            ?left_out,
            "claims are left out of an ID token, because it would be too long"
        );
    }
    sign(app, algorithm, TokenType::IdToken, &claims).await
}

/// `sub`, the claims that the client requested by name, and those of the granted scopes for a client that is set to
/// get them.
fn user_claims(
    request: &IssueRequest<'_>,
    user: &User,
    sub: &str,
) -> Result<Map<String, Value>, DatabaseError> {
    let row = &request.client.row;
    let scopes = if row.scope_claims_in_id_token {
        request.target.scope.iter().map(str::to_owned).collect()
    } else {
        Vec::new()
    };
    if request.grant.id_token_claims.is_empty() && scopes.is_empty() {
        return Ok(Map::from_iter([("sub".to_owned(), sub.into())]));
    }
    let requested = claims::covered_by(&row.scopes, request.grant.id_token_claims);
    claims::released(user, ClaimReader::Client { subject: sub, scopes: &scopes, requested: &requested })
}

/// The claims of ID tokens that are not [about the user](crate::claims).
pub const ID_TOKEN_CLAIMS: [&str; 10] =
    ["iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash"];

/// RFC 9068 section 2.2.
#[derive(Serialize)]
struct AccessTokenClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: Audience<'a>,
    client_id: &'a str,
    exp: i64,
    iat: i64,
    jti: String,
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<Acr>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    amr: &'a [String],
}

/// OpenID Connect Core section 2; `sid` from Front-Channel Logout section 3.
#[derive(Serialize)]
struct IdTokenClaims<'a> {
    iss: &'a str,
    /// `sub`, and other claims about the user.
    #[serde(flatten)]
    user: Map<String, Value>,
    aud: &'a str,
    exp: i64,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<Acr>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<Uuid>,
    at_hash: String,
}

impl UserClaims for IdTokenClaims<'_> {
    fn user_claims(&mut self) -> &mut Map<String, Value> {
        &mut self.user
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Audience<'a> {
    One(&'a str),
    Several(&'a [String]),
}

impl<'a> Audience<'a> {
    fn from_audiences(audiences: &'a [String]) -> Self {
        match audiences {
            [one] => Self::One(one),
            several => Self::Several(several),
        }
    }
}

/// The algorithm of an access token is that of its resource. For several resources that disagree, or for the
/// issuer alone, the issuer's own algorithm is used.
fn algorithm_for(app: &App, audiences: &[String]) -> Algorithm {
    let resources = app.resources();
    let mut wanted =
        audiences.iter().filter_map(|audience| resources.find(audience)).map(|one| one.algorithm);
    match wanted.next() {
        Some(first) if wanted.all(|other| other == first) => first,
        _ => app.config.keys.algorithm,
    }
}

fn expires_at(now: Timestamp, lifetime: u64) -> i64 {
    now.seconds().saturating_add_unsigned(lifetime)
}

/// OpenID Connect Core section 3.1.3.6: the left half of the hash that belongs to the ID token's algorithm;
/// SHA-512 for Ed25519.
fn at_hash(algorithm: Algorithm, access_token: &str) -> String {
    use aws_lc_rs::digest::{SHA256, SHA512, digest};
    let hash = match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => digest(&SHA256, access_token.as_bytes()),
        Algorithm::EdDsa => digest(&SHA512, access_token.as_bytes()),
    };
    let hash = hash.as_ref();
    URL_SAFE_NO_PAD.encode(&hash[..hash.len() / 2])
}
