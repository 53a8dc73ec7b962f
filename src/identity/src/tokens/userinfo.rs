//! Answers which claims about the user a token releases (OpenID Connect Core section 5.4). Leaves the
//! response to `http::oidc::userinfo`.

use postern_service::database::DatabaseError;

use super::access_token::UserToken;
use crate::{core::read_json_column, users::Profile};

/// The claims that the token's scope covers and that have a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReleasedClaims {
    pub sub: String,
    /// For the scopes `profile`, `address` and `phone`.
    pub profile: Profile,
    /// Seconds since the epoch; for the scope `profile`.
    pub updated_at: Option<i64>,
    /// For the scope `email`: the email and whether it is verified.
    pub email: Option<(String, bool)>,
}

pub fn released_claims(token: &UserToken) -> Result<ReleasedClaims, DatabaseError> {
    let (user, scope) = (&token.user, &token.token);
    let mut stored: Profile = read_json_column(user.profile.clone())?;
    let address = stored.address.take().filter(|_| scope.has_scope("address"));
    let phone_number = stored.phone_number.take().filter(|_| scope.has_scope("phone"));
    let phone_number_verified = stored.phone_number_verified.take().filter(|_| phone_number.is_some());
    let (profile, updated_at) = if scope.has_scope("profile") {
        (stored, Some(user.updated_at.seconds()))
    } else {
        (Profile::default(), None)
    };
    Ok(ReleasedClaims {
        sub: user.subject.to_string(),
        profile: Profile { phone_number, phone_number_verified, address, ..profile },
        updated_at,
        email: scope.has_scope("email").then(|| (user.email.clone(), user.email_verified)),
    })
}
