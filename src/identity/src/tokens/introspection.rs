//! Answers whether a token is active, to those it concerns (RFC 7662).
//!
//! Who it concerns: the client it was issued to, and, for an access token, a resource server it is for. A resource
//! server introspects as the confidential client whose `client_id` is the resource's identifier: that is the whole
//! assignment, so nobody can see a token by being allowed to ask for the same scope. Everybody else sees what an unknown
//! token looks like.

use std::sync::Arc;

use postern_service::{clock::Timestamp, database::DatabaseError};
use postern_token_verifier::{AccessToken, Refusal};

use super::{
    access_token::{self, BearerError},
    refresh_token,
};
use crate::{
    App,
    clients::Client,
    grants::{self, Standing},
};

/// An active token.
#[derive(Clone, Debug)]
pub enum Introspected {
    /// An access token.
    AccessToken(Arc<AccessToken>),
    /// A refresh token.
    RefreshToken(Box<ActiveRefreshToken>),
}

/// A refresh token that may be used now.
#[derive(Clone, Debug)]
pub struct ActiveRefreshToken {
    /// Its grant and user.
    pub standing: Standing,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends unless it is used.
    pub expires_at: Timestamp,
}

/// The token, if it is active and concerns the caller; whatever else it is, there is nothing to tell.
pub async fn introspect(
    app: &App,
    caller: &Client,
    token: &str,
) -> Result<Option<Introspected>, BearerError> {
    Ok(match app.verifier.verify(token).await {
        Ok(token) => access_token(app, caller, token).await?,
        // It may be good: what is called inactive is thrown away.
        Err(Refusal::KeysUnavailable) => return Err(Refusal::KeysUnavailable.into()),
        Err(_refusal) => refresh_token(app, caller, token).await?,
    })
}

async fn access_token(
    app: &App,
    caller: &Client,
    token: Arc<AccessToken>,
) -> Result<Option<Introspected>, DatabaseError> {
    let concerned = token.client_id == caller.client_id() || token.has_audience(caller.client_id());
    // The verifier allows for clocks that differ; the issuer's own clock does not differ from itself.
    if !concerned || token.exp <= app.clock.now().seconds() {
        return Ok(None);
    }
    let standing = access_token::standing(app, &token).await?;
    Ok(standing.map(|_| Introspected::AccessToken(token)))
}

async fn refresh_token(
    app: &App,
    caller: &Client,
    token: &str,
) -> Result<Option<Introspected>, DatabaseError> {
    let now = app.clock.now();
    let row = refresh_token::stored(app.db.reader(), token).await?;
    let Some(row) = row.filter(|row| refresh_token::live(row, now)) else { return Ok(None) };
    let standing = grants::standing(app, app.db.reader(), row.grant_id, now).await?;
    let Some(standing) = standing.filter(|standing| standing.grant.client_id == caller.client_id()) else {
        return Ok(None);
    };
    let active = ActiveRefreshToken {
        issued_at: Timestamp::from_micros(row.issued_at),
        expires_at: Timestamp::from_micros(row.expires_at),
        standing,
    };
    Ok(Some(Introspected::RefreshToken(Box::new(active))))
}
