//! The JSON API of one's own account. Bearer access tokens with the issuer as audience.

pub mod applications;
pub mod password;
pub mod recovery_codes;
pub mod sessions;
pub mod totp;

use postern_service::{clock::Timestamp, problem::Problem};

use super::auth::insufficient;
use crate::{
    App,
    login::{policy::Acr, totp::requirement_to_change},
    tokens::access_token::UserToken,
};

/// RFC 9470 section 3: what changes how one signs in needs a recent sign-in, by the second factor if there is one.
fn must_be_recent(app: &App, token: &UserToken, with_authenticator: bool) -> Result<(), Problem> {
    let requirement = requirement_to_change(with_authenticator);
    let acr = token.grant.acr.as_deref().and_then(|word| word.parse().ok()).unwrap_or(Acr::Aal1);
    let auth_time = Timestamp::from_micros(token.grant.auth_time.unwrap_or(0));
    if requirement.met_by(acr, auth_time, app.clock.now()) {
        return Ok(());
    }
    Err(insufficient(&requirement))
}
