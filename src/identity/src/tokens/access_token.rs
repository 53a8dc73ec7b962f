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
    sessions::Principal,
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

impl UserToken {
    /// Whom the token allows something.
    pub fn principal(&self) -> Principal<'_> {
        Principal::by_grant(&self.user, &self.grant)
    }
}

/// Why a token is no good here.
#[derive(Debug, thiserror::Error)]
pub enum BearerError {
    /// Not an acceptable access token. `invalid_token`, as the next three.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its grant has ended, or its client or user may not have tokens any more.
    #[error("the grant of the token has ended (client {client_id})")]
    Ended {
        /// Whom it was issued to.
        client_id: String,
    },
    /// It was issued to a client in its own right.
    #[error("the token is of the client {client_id} itself, not of a user")]
    NotOfUser {
        /// Whom it was issued to.
        client_id: String,
    },
    /// A resource server has it too, or it was made before tokens were for one side only.
    #[error("the token is for {}, not for the issuer alone (client {client_id})", .audience.join(" and "))]
    NotForIssuerAlone {
        /// Whom it was issued to.
        client_id: String,
        /// Whom it is for.
        audience: Vec<String>,
    },
    /// It lacks a scope. `insufficient_scope`.
    #[error("the token has the scope {}, not {scope} (client {client_id})", .found.join(" "))]
    Scope {
        /// Whom it was issued to.
        client_id: String,
        /// What is needed.
        scope: &'static str,
        /// What it has.
        found: Vec<String>,
        /// What the caller can do about it.
        advice: Option<String>,
    },
    /// The database did not answer.
    #[error("the database did not answer")]
    Database(#[from] DatabaseError),
}

impl UserToken {
    /// Whether it has a scope, or else how that is said.
    pub fn require_scope(&self, scope: &'static str, advice: Option<String>) -> Result<(), BearerError> {
        if self.token.has_scope(scope) {
            return Ok(());
        }
        let (client_id, found) = (self.token.client_id.clone(), self.token.scope.clone());
        Err(BearerError::Scope { client_id, scope, found, advice })
    }
}

/// The user's token, if it may tell who the user is: it stands and has `openid` (OpenID Connect Core section 5.3).
///
/// Whom it is for does not matter here, and only here: many libraries call userinfo with their only token.
pub async fn of_user(app: &App, text: &str) -> Result<UserToken, BearerError> {
    let token = standing_of_user(app, text).await?;
    token.require_scope(OPENID, None)?;
    Ok(token)
}

/// The user's token, if it may act at the issuer's own APIs: it stands, and is for the issuer alone (RFC 9068 section
/// 4). What a resource server is given as well proves nothing here.
pub async fn for_issuer_alone(app: &App, text: &str) -> Result<UserToken, BearerError> {
    let token = standing_of_user(app, text).await?;
    if is_for_issuer_alone(app, &token.token.aud) {
        return Ok(token);
    }
    let (client_id, audience) = (token.token.client_id.clone(), token.token.aud.clone());
    Err(BearerError::NotForIssuerAlone { client_id, audience })
}

/// Whether these audiences are the issuer and nobody else.
pub(super) fn is_for_issuer_alone(app: &App, audience: &[String]) -> bool {
    matches!(audience, [one] if *one == app.config.issuer)
}

async fn standing_of_user(app: &App, text: &str) -> Result<UserToken, BearerError> {
    let token = app.verifier.verify(text).await?;
    let client_id = || token.client_id.clone();
    let standing = standing(app, &token).await?;
    let Standing { grant, user } = standing.ok_or_else(|| BearerError::Ended { client_id: client_id() })?;
    let user = user.ok_or_else(|| BearerError::NotOfUser { client_id: client_id() })?;
    Ok(UserToken { token, grant, user })
}

/// The grant of a verified token, if it stands.
pub(super) async fn standing(app: &App, token: &AccessToken) -> Result<Option<Standing>, DatabaseError> {
    let Some(grant_id) = grant_of_jti(&token.jti) else { return Ok(None) };
    grants::standing(app, app.db.reader(), grant_id, app.clock.now()).await
}
