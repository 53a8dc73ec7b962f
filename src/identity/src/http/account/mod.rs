//! The JSON API of one's own account. Bearer access tokens of first-party clients, with the issuer as audience.

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
    auth::{account_problem, insufficient, login_problem, not_first_party, user_token},
    bearer::BearerHeader,
};
use crate::{
    App,
    accounts::changes,
    login::{policy::Acr, second_factor},
    tokens::access_token::UserToken,
};

/// The token of a first-party client: one that only signs people in does not manage their accounts.
async fn own_token(app: &App, bearer: BearerHeader) -> Result<UserToken, Problem> {
    let token = user_token(app, bearer).await?;
    let clients = app.clients();
    match clients.find(&token.grant.client_id) {
        Some(client) if client.row.first_party => Ok(token),
        _ => Err(not_first_party()),
    }
}

/// RFC 9470 section 3: what changes how one signs in needs a recent sign-in, by the second factor if there is one.
async fn must_be_recent(app: &App, token: &UserToken) -> Result<(), Problem> {
    let second_factor = second_factor::has_second_factor(app, &token.user).await.map_err(login_problem)?;
    let requirement = second_factor::requirement_to_change(second_factor);
    let acr = token.grant.acr.as_deref().and_then(|word| word.parse().ok()).unwrap_or(Acr::Aal1);
    let auth_time = Timestamp::from_micros(token.grant.auth_time.unwrap_or(0));
    if requirement.met_by(acr, auth_time, app.clock.now()) {
        return Ok(());
    }
    Err(insufficient(&requirement))
}

/// Counts a change of the account, for somebody who may make it.
async fn count_change(app: &App, token: &UserToken) -> Result<(), Problem> {
    changes::count(app, &token.user).await.map_err(account_problem)
}
