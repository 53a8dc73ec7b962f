//! Signs logout tokens (OpenID Connect Back-Channel Logout 1.0 section 2.4). Leaves the sending to
//! `authorization::backchannel_logout`.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{IssueError, issue::id_token_algorithm, signing::sign};
use crate::{
    App,
    clients::{Client, subject_for},
    keys::TokenType,
};

/// Section 2.4 recommends at most two minutes.
const LIFETIME: Duration = Duration::from_mins(2);

/// The member of `events` that makes a JWT a logout token; its value is an empty object.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// `nonce` is prohibited, so that no client takes a logout token for an ID token.
#[derive(Serialize)]
struct LogoutTokenClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: Uuid,
    events: Map<String, Value>,
    sub: String,
    sid: Uuid,
}

/// The logout token that tells a client of the end of a session.
pub async fn sign_for(app: &App, client: &Client, subject: Uuid, sid: Uuid) -> Result<String, IssueError> {
    let now = app.clock.now();
    let claims = LogoutTokenClaims {
        iss: &app.config.issuer,
        aud: client.client_id(),
        iat: now.seconds(),
        exp: (now + LIFETIME).seconds(),
        jti: app.random.uuid(),
        events: Map::from_iter([(EVENT.to_owned(), json!({}))]),
        sub: subject_for(&app.vault, client, subject),
        sid,
    };
    // Section 2.6 step 2: the algorithm of the client's ID tokens.
    sign(app, id_token_algorithm(app, client), TokenType::LogoutToken, &claims).await
}
