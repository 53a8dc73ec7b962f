//! Answers whether a token is active, to authorised callers (RFC 7662).
//!
//! A caller may introspect tokens that were issued to it and, as a resource server, access tokens for its
//! audience. A resource server is the confidential client whose `client_id` is the resource's identifier. No
//! other assignment exists, so a client cannot see a token just because it may request the same scope. Any
//! other token looks like an unknown one (section 2.2). Leaves the wire format to
//! `http::oidc::introspection`.

use std::sync::Arc;

use postern_service::{clock::Timestamp, database::DatabaseError};
use postern_token_verifier::{AccessToken, Refusal};

use super::{access_token, refresh_token};
use crate::{
    App,
    clients::{Client, subject_for},
    grants::{self, ActiveGrant},
};

#[derive(Clone, Debug)]
pub enum ActiveToken {
    AccessToken(Arc<AccessToken>),
    RefreshToken(Box<ActiveRefreshToken>),
}

/// A refresh token that can be used now.
#[derive(Clone, Debug)]
pub struct ActiveRefreshToken {
    pub active_grant: ActiveGrant,
    /// The `sub` that the client sees; none for a token without a user.
    pub subject: Option<String>,
    pub issued_at: Timestamp,
    /// The end of its idle lifetime, or of its grant if that is earlier.
    pub expires_at: Timestamp,
}

/// Why it was not found out whether a token is active.
#[derive(Debug, thiserror::Error)]
pub enum IntrospectionError {
    /// The signing key cannot be looked up now, so the token may be valid.
    #[error("the keys of the issuer are not available")]
    KeysUnavailable,
    /// A database operation failed.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

/// The token, if it is active and the caller may see it.
pub async fn introspect(
    app: &App,
    caller: &Client,
    token: &str,
) -> Result<Option<ActiveToken>, IntrospectionError> {
    Ok(match app.verifier.verify(token).await {
        Ok(token) => access_token(app, caller, token).await?,
        // Not answered as inactive: the token may be valid, and the caller would discard it.
        Err(Refusal::KeysUnavailable) => return Err(IntrospectionError::KeysUnavailable),
        Err(_refusal) => refresh_token(app, caller, token).await?,
    })
}

async fn access_token(
    app: &App,
    caller: &Client,
    token: Arc<AccessToken>,
) -> Result<Option<ActiveToken>, DatabaseError> {
    let concerned = token.client_id == caller.client_id() || token.has_audience(caller.client_id());
    // The verifier tolerates clock skew; at the issuer itself there is none.
    if !concerned || token.exp <= app.clock.now().seconds() {
        return Ok(None);
    }
    let active_grant = access_token::active_grant(app, &token).await?;
    Ok(active_grant.map(|_| ActiveToken::AccessToken(token)))
}

async fn refresh_token(
    app: &App,
    caller: &Client,
    token: &str,
) -> Result<Option<ActiveToken>, DatabaseError> {
    let now = app.clock.now();
    let row = refresh_token::find_row(app.db.reader(), token).await?;
    let Some(row) = row.filter(|row| refresh_token::row_usable(row, now)) else { return Ok(None) };
    let active_grant = grants::find_active(&app.clients(), app.db.reader(), row.grant_id, now).await?;
    let Some(active_grant) =
        active_grant.filter(|active_grant| active_grant.grant.client_id == caller.client_id())
    else {
        return Ok(None);
    };
    let subject = active_grant.user.as_ref().map(|user| subject_for(&app.vault, caller, user.subject));
    let active =
        ActiveRefreshToken { subject, issued_at: row.issued_at, expires_at: row.expires_at, active_grant };
    Ok(Some(ActiveToken::RefreshToken(Box::new(active))))
}
