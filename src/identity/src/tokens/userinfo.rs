//! Answers the userinfo of an access token (OpenID Connect Core section 5.3.2). Leaves to `access_token` which tokens
//! are accepted.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{IssueError, access_token::UserToken, signing::sign};
use crate::{App, keys::TokenType};

/// A userinfo response, in the form that the client is registered for.
pub enum Userinfo {
    Claims(Map<String, Value>),
    /// A JWT.
    Signed(String),
}

/// OpenID Connect Core section 5.3.2: a signed response "SHOULD contain the Claims iss and aud". It has no nonce,
/// because it belongs to no authorization request.
#[derive(Serialize)]
struct SignedClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    #[serde(flatten)]
    user: Map<String, Value>,
}

/// The claims that the token releases.
pub async fn userinfo(app: &App, token: &UserToken) -> Result<Userinfo, IssueError> {
    let user = token.released_claims()?;
    let clients = app.clients();
    let client = clients.find(&token.grant.client_id);
    let Some(algorithm) = client.and_then(|client| client.response_signing.userinfo) else {
        return Ok(Userinfo::Claims(user));
    };
    let claims = SignedClaims { iss: &app.config.issuer, aud: &token.grant.client_id, user };
    Ok(Userinfo::Signed(sign(app, algorithm, TokenType::Userinfo, &claims).await?))
}
