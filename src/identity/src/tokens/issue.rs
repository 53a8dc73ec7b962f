//! Signs access tokens (RFC 9068) and ID tokens (OpenID Connect Core section 2). Writes nothing.
//!
//! `aud` is a string when there is one audience and an array otherwise: both are legal (RFC 7519 section 4.1.3) and
//! every verifier we test with reads both. `jti` names the grant, so that introspection and revocation
//! find it without a row per access token.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use postern_service::clock::Timestamp;
use postern_token_verifier::Algorithm;
use serde::Serialize;
use uuid::Uuid;

use super::{
    handle,
    keys::{SignError, TokenType, sign},
    scope::TokenTarget,
};
use crate::{App, clients::Client, grants::Grant, users::User};

/// What to issue, to whom.
pub struct Issue<'a> {
    /// The client.
    pub client: &'a Client,
    /// The grant they hang off.
    pub grant: GrantFacts<'a>,
    /// The user; none for a client in its own right.
    pub user: Option<&'a User>,
    /// What the access token is for, and whether an ID token goes with it.
    pub target: &'a TokenTarget,
    /// From the authorization request, for the ID token.
    pub nonce: Option<&'a str>,
    /// Already stored; goes out with the rest.
    pub refresh_token: Option<String>,
}

/// What tokens say of their grant.
#[derive(Clone, Debug, Default)]
pub struct GrantFacts<'a> {
    /// Its row.
    pub id: Uuid,
    /// The session.
    pub sid: Option<Uuid>,
    /// When the user proved who they are.
    pub auth_time: Option<Timestamp>,
    /// Level reached.
    pub acr: Option<&'a str>,
    /// Methods used.
    pub amr: Vec<&'a str>,
}

impl<'a> From<&'a Grant> for GrantFacts<'a> {
    fn from(grant: &'a Grant) -> Self {
        let amr = grant.amr.as_array().into_iter().flatten();
        Self {
            id: grant.id,
            sid: grant.sid,
            auth_time: grant.auth_time.map(Timestamp::from_micros),
            acr: grant.acr.as_deref(),
            amr: amr.filter_map(|method| method.as_str()).collect(),
        }
    }
}

/// What the client gets (RFC 6749 section 5.1).
#[derive(Clone, PartialEq, Eq)]
pub struct TokenResponse {
    /// The access token, `Bearer`.
    pub access_token: String,
    /// Its life in seconds.
    pub expires_in: u64,
    /// Its scope, space separated.
    pub scope: String,
    /// When `openid` was asked for.
    pub id_token: Option<String>,
    /// When the client may refresh.
    pub refresh_token: Option<String>,
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse").field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// Why nothing could be signed.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The signature failed, or nothing can sign.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// Signs what `what` asks for, to be handed out: one signature, and one more for an ID token.
pub async fn issue(app: &App, what: Issue<'_>) -> Result<TokenResponse, IssueError> {
    let signed = sign_all(app, what).await?;
    count();
    Ok(signed)
}

/// Counts tokens that are handed out.
pub(super) fn count() {
    metrics::counter!("postern_tokens_issued_total").increment(1);
}

/// [`issue`] for tokens that may not be handed out after all.
pub(super) async fn sign_all(app: &App, what: Issue<'_>) -> Result<TokenResponse, IssueError> {
    let now = app.clock.now();
    let sub = match what.user {
        Some(user) => user.subject.to_string(),
        None => what.client.client_id().to_owned(),
    };
    let scope = what.target.scope.to_string();
    let lifetime = app.config.tokens.access_token_lifetime.seconds();
    let access_token = {
        let claims = AccessTokenClaims {
            iss: &app.config.issuer,
            sub: &sub,
            aud: Audience::of(&what.target.audiences),
            client_id: what.client.client_id(),
            exp: end(now, lifetime),
            iat: now.seconds(),
            jti: handle::jti(app, what.grant.id),
            scope: &scope,
            sid: what.grant.sid,
            auth_time: what.grant.auth_time.map(Timestamp::seconds),
            acr: what.grant.acr,
            amr: &what.grant.amr,
        };
        sign(app, algorithm_for(app, &what.target.audiences), TokenType::AccessToken, &claims).await?
    };
    let id_token = match what.user {
        Some(_) if what.target.id_token => Some(id_token(app, &what, &sub, &access_token, now).await?),
        _ => None,
    };
    Ok(TokenResponse {
        access_token,
        expires_in: lifetime,
        scope,
        id_token,
        refresh_token: what.refresh_token,
    })
}

async fn id_token(
    app: &App,
    what: &Issue<'_>,
    sub: &str,
    access_token: &str,
    now: Timestamp,
) -> Result<String, IssueError> {
    let algorithm = app.config.keys.algorithm;
    let claims = IdTokenClaims {
        iss: &app.config.issuer,
        sub,
        aud: what.client.client_id(),
        exp: end(now, app.config.tokens.id_token_lifetime.seconds()),
        iat: now.seconds(),
        auth_time: what.grant.auth_time.map(Timestamp::seconds),
        nonce: what.nonce,
        acr: what.grant.acr,
        amr: &what.grant.amr,
        sid: what.grant.sid,
        at_hash: at_hash(algorithm, access_token),
    };
    Ok(sign(app, algorithm, TokenType::IdToken, &claims).await?)
}

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
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    amr: &'a [&'a str],
}

/// OpenID Connect Core section 2; `sid` from Front-Channel Logout section 3.
#[derive(Serialize)]
struct IdTokenClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    amr: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<Uuid>,
    at_hash: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Audience<'a> {
    One(&'a str),
    Several(&'a [String]),
}

impl<'a> Audience<'a> {
    fn of(audiences: &'a [String]) -> Self {
        match audiences {
            [one] => Self::One(one),
            several => Self::Several(several),
        }
    }
}

/// An access token's algorithm belongs to its resource; where several disagree, or it is for the issuer alone, it is
/// the issuer's own.
fn algorithm_for(app: &App, audiences: &[String]) -> Algorithm {
    let resources = app.resources();
    let mut wanted =
        audiences.iter().filter_map(|audience| resources.find(audience)).map(|one| one.algorithm);
    match wanted.next() {
        Some(first) if wanted.all(|other| other == first) => first,
        _ => app.config.keys.algorithm,
    }
}

fn end(now: Timestamp, lifetime: u64) -> i64 {
    now.seconds().saturating_add_unsigned(lifetime)
}

/// OpenID Connect Core section 3.1.3.6: the left half of the hash that the ID token's algorithm uses; SHA-512 for
/// Ed25519.
fn at_hash(algorithm: Algorithm, access_token: &str) -> String {
    use aws_lc_rs::digest::{SHA256, SHA512, digest};
    let hash = match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => digest(&SHA256, access_token.as_bytes()),
        Algorithm::EdDsa => digest(&SHA512, access_token.as_bytes()),
    };
    let hash = hash.as_ref();
    URL_SAFE_NO_PAD.encode(&hash[..hash.len() / 2])
}
