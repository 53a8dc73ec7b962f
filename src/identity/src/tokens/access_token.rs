//! Answers whether an access token may be used at the issuer's own endpoints: userinfo, `/api/auth/me` and
//! the account APIs.
//!
//! The verifier checks the token as any resource server would, and caches the result. Then the grant is read,
//! in one joined statement: at the issuer, unlike at a resource server, a revoked grant counts at once.
//! Leaves the scope and the error responses (RFC 6750 section 3) to `http::presented_token`.

use std::sync::Arc;

use postern_service::database::DatabaseError;
use postern_token_verifier::{AccessToken, PresentedToken, Refusal};
use serde_json::{Map, Value};

use super::token_value::grant_id_from_jti;
use crate::{
    App,
    claims::{self, ClaimReader},
    clients::subject_for,
    grants::{self, ActiveGrant, Grant},
    sessions::Principal,
    users::User,
};

/// A valid access token of a user, with its grant.
#[derive(Clone, Debug)]
pub struct UserToken {
    pub token: Arc<AccessToken>,
    /// The active grant under which the token was issued.
    pub grant: Grant,
    pub user: User,
    /// The `sub` that the client of the grant sees, whatever the token says.
    subject: String,
    /// Claims that the client requested by name and may still have.
    requested_claims: Vec<String>,
}

impl UserToken {
    /// The user, authorised by the token's grant.
    pub fn principal(&self) -> Principal<'_> {
        Principal::from_grant(&self.user, &self.grant)
    }
}

impl AsRef<AccessToken> for UserToken {
    fn as_ref(&self) -> &AccessToken {
        &self.token
    }
}

/// Why an access token is refused.
#[derive(Debug, thiserror::Error)]
pub enum AccessTokenError {
    /// The token is not valid. `invalid_token`, as the next three.
    #[error(transparent)]
    InvalidToken(#[from] Refusal),
    /// The grant has ended, or its client or user is disabled.
    #[error("the grant of the token has ended (client {client_id})")]
    GrantEnded { client_id: String },
    /// The token was issued by client credentials, so it has no user.
    #[error("the token is of the client {client_id} itself, not of a user")]
    NoUser { client_id: String },
    /// The audience is not the issuer alone, so a resource server holds the token as well.
    #[error("the token is for {}, not for the issuer alone (client {client_id})", .audience.join(" and "))]
    AudienceNotIssuerOnly { client_id: String, audience: Vec<String> },
    /// The token was issued to a client that may not use the first-party APIs.
    #[error("the client {client_id} is not a first-party client")]
    NotFirstParty { client_id: String },
    /// A database operation failed.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

impl UserToken {
    /// The claims about the user that the scope of the token and the request for its grant release (OpenID Connect
    /// Core sections 5.4 and 5.5).
    pub fn released_claims(&self) -> Result<Map<String, Value>, DatabaseError> {
        let reader = ClaimReader::Client {
            subject: &self.subject,
            scopes: &self.token.scope,
            requested: &self.requested_claims,
        };
        claims::released(&self.user, reader)
    }
}

/// Verifies the token of a user: its grant is active. Checks neither its audience nor its scope.
///
/// Userinfo and `/api/auth/me` accept any audience, because many libraries call userinfo with the token of a
/// resource; their extractor requires the scope `openid` (OpenID Connect Core section 5.3).
pub async fn verify_for_userinfo(
    app: &App,
    presented: &PresentedToken<'_>,
) -> Result<UserToken, AccessTokenError> {
    let token = app.verifier.verify_presented(presented).await?;
    let client_id = || token.client_id.clone();
    let active_grant = active_grant(app, &token).await?;
    let ActiveGrant { grant, user } =
        active_grant.ok_or_else(|| AccessTokenError::GrantEnded { client_id: client_id() })?;
    let user = user.ok_or_else(|| AccessTokenError::NoUser { client_id: client_id() })?;
    // Disabled since the grant was read.
    let clients = app.clients();
    let client = clients
        .find(&grant.client_id)
        .ok_or_else(|| AccessTokenError::GrantEnded { client_id: client_id() })?;
    let requested_claims = claims::covered_by(&client.row.scopes, grant.userinfo_claims.iter());
    let subject = subject_for(&app.vault, client, user.subject);
    Ok(UserToken { token, grant, user, subject, requested_claims })
}

/// Verifies a token for the issuer's own APIs: its grant is active and its audience is the issuer alone (RFC
/// 9068 section 4). A resource server that holds the token as well could otherwise act for the user at the
/// issuer.
pub async fn verify_for_issuer_only(
    app: &App,
    presented: &PresentedToken<'_>,
) -> Result<UserToken, AccessTokenError> {
    let token = verify_for_userinfo(app, presented).await?;
    if audience_is_issuer_only(app, &token.token.aud) {
        return Ok(token);
    }
    let (client_id, audience) = (token.token.client_id.clone(), token.token.aud.clone());
    Err(AccessTokenError::AudienceNotIssuerOnly { client_id, audience })
}

/// [`verify_for_issuer_only`] for the APIs of first-party clients: a client that only signs people in gets no
/// further, whatever its token says.
pub async fn verify_for_first_party(
    app: &App,
    presented: &PresentedToken<'_>,
) -> Result<UserToken, AccessTokenError> {
    let token = verify_for_issuer_only(app, presented).await?;
    if app.clients().find(&token.grant.client_id).is_some_and(|client| client.row.first_party) {
        return Ok(token);
    }
    Err(AccessTokenError::NotFirstParty { client_id: token.grant.client_id })
}

/// Whether the issuer is the only audience.
pub(super) fn audience_is_issuer_only(app: &App, audience: &[String]) -> bool {
    matches!(audience, [one] if *one == app.config.issuer)
}

/// The grant of a verified token, if it is active.
pub(super) async fn active_grant(
    app: &App,
    token: &AccessToken,
) -> Result<Option<ActiveGrant>, DatabaseError> {
    let Some(grant_id) = grant_id_from_jti(&token.jti) else { return Ok(None) };
    grants::find_active(&app.clients(), app.db.reader(), grant_id, app.clock.now()).await
}
