//! Defines the JSON API `/api/account`, with which first-party clients manage the signed-in user's own
//! account.
//!
//! An access token needs the scope `account` and the issuer as its only audience. A token that a resource
//! server receives too is refused, because the resource server could act for the user with it. Authentication
//! time and `acr` come from the token, not from the grant. Leaves the rules to the use cases in `accounts`
//! and `login`.

pub mod activity;
pub mod applications;
pub mod data;
pub mod email;
pub mod passkeys;
pub mod password;
pub mod profile;
pub mod recovery_codes;
pub mod sessions;
pub mod totp;

use postern_service::{clock::Timestamp, problem::Problem};

use super::{
    auth::{
        account_problem, bearer_problem, insufficient_authentication, login_problem, not_first_party,
        verify_issuer_token,
    },
    bearer::{AccountScope, RequiredScope},
};
use crate::{
    App,
    accounts::change_limit,
    acr::Acr,
    clients::Client,
    core::RequestContext,
    login::{credential_change::CredentialChange, second_factor},
    resources::ACCOUNT_SCOPE,
    tokens::access_token::UserToken,
};

/// The token of a first-party client that may manage the account: one that only signs people in does not.
async fn require_account_token(app: &App, bearer: RequiredScope<AccountScope>) -> Result<UserToken, Problem> {
    let token = verify_issuer_token(app, bearer.0).await?;
    let clients = app.clients();
    let client = clients.find(&token.grant.client_id).filter(|client| client.row.first_party);
    let client = client.ok_or_else(not_first_party)?;
    token.require_scope(ACCOUNT_SCOPE, Some(missing_scope_advice(client))).map_err(bearer_problem)?;
    Ok(token)
}

/// What its developer, or its operator, does about the missing scope.
fn missing_scope_advice(client: &Client) -> String {
    if client.row.scopes.iter().any(|own| own == ACCOUNT_SCOPE) {
        return "ask for it in a token of its own, without scopes of a resource".to_owned();
    }
    format!("the operator allows it by `postern client update {} --add-scope account`", client.client_id())
}

/// The change of a credential by the token's user. Other sessions end with it unless the request says
/// otherwise.
fn credential_change<'a>(
    token: &'a UserToken,
    ends_others: Option<bool>,
    context: &'a RequestContext,
) -> CredentialChange<'a> {
    let ends_others = ends_others.unwrap_or(true);
    CredentialChange { principal: token.principal(), ends_others, context }
}

/// RFC 9470 section 3: what changes how one signs in needs a recent sign-in, by the second factor if there is one. The
/// token says when and how it was.
async fn require_recent_authentication(app: &App, token: &UserToken) -> Result<(), Problem> {
    let second_factor = second_factor::has_second_factor(app, &token.user).await.map_err(login_problem)?;
    let requirement = second_factor::credential_change_requirement(second_factor);
    let acr = token.token.acr.as_deref().and_then(|word| word.parse().ok()).unwrap_or(Acr::Aal1);
    let auth_time = Timestamp::from_seconds(token.token.auth_time.unwrap_or(0));
    if requirement.met_by(acr, auth_time, app.clock.now()) {
        return Ok(());
    }
    Err(insufficient_authentication(&requirement))
}

/// Counts the change against the account's limit. Call it after authorization, so that nobody else can use
/// the limit up.
async fn count_change(app: &App, token: &UserToken) -> Result<(), Problem> {
    change_limit::count_change(app, &token.user).await.map_err(account_problem)
}
