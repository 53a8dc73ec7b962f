//! Answers whether an access token of ours may be used here and now: userinfo, `/api/auth/me` and the account APIs.
//!
//! The verifier judges the token as any resource server would, and remembers it; then the grant is asked, in one joined
//! read, because here, unlike elsewhere, a revoked grant counts at once.

use std::sync::Arc;

use postern_service::database::DatabaseError;
use postern_token_verifier::{AccessToken, Refusal};

use super::{handle::grant_of_jti, scope::OPENID};
use crate::{
    App,
    grants::{self, Grant, Standing},
    users::User,
};

/// An access token in use by a user's client.
#[derive(Clone, Debug)]
pub struct UserToken {
    /// Its claims.
    pub token: Arc<AccessToken>,
    /// What it hangs off.
    pub grant: Grant,
    /// Whose it is.
    pub user: User,
}

/// Why a token is no good here.
#[derive(Debug, thiserror::Error)]
pub enum BearerError {
    /// Not an acceptable access token. `invalid_token`, as the next two.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its grant has ended, or its client or user may not have tokens any more.
    #[error("the grant of the token has ended")]
    Ended,
    /// It was issued to a client in its own right.
    #[error("the token is not of a user")]
    NotOfUser,
    /// It lacks a scope. `insufficient_scope`.
    #[error("the token lacks the scope {0}")]
    Scope(&'static str),
    /// The database did not answer.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

/// The user's token, if it may be used at the issuer's own APIs: it stands, has `openid`, and names the issuer as an
/// audience (RFC 9068 section 4).
pub async fn of_user(app: &App, text: &str) -> Result<UserToken, BearerError> {
    let token = app.verifier.verify(text).await?;
    let Standing { grant, user } = standing(app, &token).await?.ok_or(BearerError::Ended)?;
    let user = user.ok_or(BearerError::NotOfUser)?;
    if !token.has_scope(OPENID) {
        return Err(BearerError::Scope(OPENID));
    }
    if !token.has_audience(&app.config.issuer) {
        return Err(Refusal::Audience(token.aud.clone()).into());
    }
    Ok(UserToken { token, grant, user })
}

/// The grant of a verified token, if it stands.
pub(super) async fn standing(app: &App, token: &AccessToken) -> Result<Option<Standing>, DatabaseError> {
    let Some(grant_id) = grant_of_jti(&token.jti) else { return Ok(None) };
    grants::standing(app, app.db.reader(), grant_id, app.clock.now()).await
}
