//! Issues access tokens to clients that act on their own behalf (RFC 6749 section 4.4).
//!
//! There is no refresh token and no user. Usually there is no statement either: the client and its own grant
//! are in memory. The requests are counted in metrics and not recorded as audit events.

use postern_service::database::DatabaseError;
use uuid::Uuid;

use super::{
    IssueRequest, TokenError, TokenResponse, issue,
    scope::{RequestedTarget, resolve_client_credentials},
};
use crate::{
    App,
    clients::{self, Client, GrantType},
    core::RequestContext,
    grants,
    tokens::issue::GrantClaims,
};

/// Issues a token for the client's own scope.
pub async fn issue_to(
    app: &App,
    client: &Client,
    requested: RequestedTarget<'_>,
    context: &RequestContext,
) -> Result<TokenResponse, TokenError> {
    if !client.may_use(GrantType::ClientCredentials) {
        return Err(TokenError::grant_type_not_allowed(client));
    }
    let target = resolve_client_credentials(app, client, requested)?;
    let grant = GrantClaims { id: own_grant(app, client, context).await?, ..GrantClaims::default() };
    let request =
        IssueRequest { client, grant, user: None, target: &target, nonce: None, refresh_token: None };
    let issued = issue(app, request).await?;
    metrics::counter!("postern_client_credentials_total").increment(1);
    Ok(issued)
}

/// The client's own grant, which is kept in memory with the client.
async fn own_grant(app: &App, client: &Client, context: &RequestContext) -> Result<Uuid, DatabaseError> {
    if let Some(id) = client.own_grant {
        return Ok(id);
    }
    let id =
        app.write(context, async |write| grants::ensure_own_grant(write, client.client_id()).await).await?;
    app.reload(clients::TOPIC).await?;
    Ok(id)
}
