//! Issues access tokens to clients in their own right (RFC 6749 section 4.4). No refresh token, no user, and no
//! statement: the client and its own grant are in memory. Counted in metrics, not recorded.

use super::{
    Issue, TokenError, TokenResponse, issue,
    scope::{Wanted, in_own_right},
};
use crate::{
    App,
    clients::{Client, GrantType},
    grants,
    tokens::issue::GrantFacts,
};

/// Issues a token for what the client is allowed itself.
pub async fn issue_to(app: &App, client: &Client, wanted: Wanted<'_>) -> Result<TokenResponse, TokenError> {
    if !client.may_use(GrantType::ClientCredentials) {
        return Err(TokenError::grant_type_not_allowed(client));
    }
    let target = in_own_right(app, client, wanted)?;
    let grant = GrantFacts { id: grants::own(app, client, app.clock.now()).await?, ..GrantFacts::default() };
    let what = Issue { client, grant, user: None, target: &target, nonce: None, refresh_token: None };
    let issued = issue(app, what).await?;
    metrics::counter!("postern_client_credentials_total").increment(1);
    Ok(issued)
}
