//! Issues access tokens to clients in their own right (RFC 6749 section 4.4). No refresh token, no user, and no
//! statement: the client and its own grant are in memory. Counted in metrics, not recorded.

use std::borrow::Cow;

use super::{Issue, ScopeError, TokenError, TokenResponse, issue, resolve, scope::issuer_scope};
use crate::{
    App,
    clients::{Client, GrantType},
    grants,
    tokens::issue::GrantFacts,
};

/// Issues a token for what the client is allowed itself.
///
/// The issuer's scopes are about users, so a client in its own right has none of them, not even by default.
pub async fn issue_to(
    app: &App,
    client: &Client,
    scope: Option<&str>,
    resources: &[String],
) -> Result<TokenResponse, TokenError> {
    if !client.may_use(GrantType::ClientCredentials) {
        return Err(TokenError::GrantTypeNotAllowed);
    }
    let scope = match scope {
        Some(scope) => Cow::Borrowed(scope),
        None => Cow::Owned(default_scope(client)?),
    };
    if let Some(word) = scope.split(' ').find(|word| issuer_scope(word)) {
        return Err(ScopeError::NotAllowed(word.to_owned()).into());
    }
    let resolved = resolve(app, client, Some(&scope), resources)?;
    let grant = GrantFacts { id: grants::own(app, client, app.clock.now()).await?, ..GrantFacts::default() };
    let what = Issue { client, grant, user: None, resolved: &resolved, nonce: None, refresh_token: None };
    let issued = issue(app, what).await?;
    metrics::counter!("postern_client_credentials_total").increment(1);
    Ok(issued)
}

fn default_scope(client: &Client) -> Result<String, ScopeError> {
    let own = client.default_scopes.iter().map(String::as_str).filter(|word| !issuer_scope(word));
    let own: Vec<_> = own.collect();
    if own.is_empty() { Err(ScopeError::Empty) } else { Ok(own.join(" ")) }
}
