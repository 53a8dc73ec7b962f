//! Answers which claims of a user a token releases (OpenID Connect Core section 5.4).

use postern_service::{clock::Timestamp, database::DatabaseError};

use super::access_token::UserToken;
use crate::{clients, users::Profile};

/// What is released: nothing that no scope asks for, and nothing empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// `sub`, as in the ID token.
    pub sub: String,
    /// The claims of `profile`, `address` and `phone`.
    pub profile: Profile,
    /// Seconds since the epoch; with `profile`.
    pub updated_at: Option<i64>,
    /// With `email`: the address and whether it is verified.
    pub email: Option<(String, bool)>,
}

/// The claims that a token releases.
pub fn released(token: &UserToken) -> Result<Released, DatabaseError> {
    let (user, scope) = (&token.user, &token.token);
    let mut stored: Profile = clients::read(user.profile.clone())?;
    let address = stored.address.take().filter(|_| scope.has_scope("address"));
    let phone_number = stored.phone_number.take().filter(|_| scope.has_scope("phone"));
    let phone_number_verified = stored.phone_number_verified.take().filter(|_| phone_number.is_some());
    let (profile, updated_at) = if scope.has_scope("profile") {
        (stored, Some(Timestamp::from_micros(user.updated_at).seconds()))
    } else {
        (Profile::default(), None)
    };
    Ok(Released {
        sub: user.subject.to_string(),
        profile: Profile { phone_number, phone_number_verified, address, ..profile },
        updated_at,
        email: scope.has_scope("email").then(|| (user.email.clone(), user.email_verified)),
    })
}
