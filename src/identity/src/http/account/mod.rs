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

use postern_service::problem::Problem;

use crate::{
    App, accounts::change_limit, core::RequestContext, login::credential_change::CredentialChange,
    tokens::access_token::UserToken,
};

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

/// Counts the change against the account's limit. Call it after authorization, so that nobody else can use
/// the limit up.
async fn count_change(app: &App, token: &UserToken) -> Result<(), Problem> {
    Ok(change_limit::count_change(app, &token.user).await?)
}
