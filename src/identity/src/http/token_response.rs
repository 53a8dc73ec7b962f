//! Defines [`Tokens`], the token response of `/oauth2/token` and `/api/auth` (RFC 6749 section 5.1).

use poem_openapi::{Object, types::Example};
use secrecy::ExposeSecret as _;

use crate::tokens::TokenResponse;

/// The tokens (RFC 6749 section 5.1).
#[derive(Object)]
#[oai(example, skip_serializing_if_is_none, read_only_all)]
pub(super) struct Tokens {
    /// For the resources; a JWT (RFC 9068), but opaque to the client.
    access_token: String,
    /// How the access token is presented: `Bearer`.
    token_type: &'static str,
    /// Life of the access token in seconds.
    expires_in: u64,
    /// Scope of the access token.
    scope: String,
    /// Who signed in (OpenID Connect Core section 2), with the scope `openid`.
    id_token: Option<String>,
    /// For the next access token, once; `/api/auth` keeps it in a cookie with `cookies`.
    refresh_token: Option<String>,
    /// After a sign-in by `/api/auth` without `cookies`: keep it for the next sign-in on this device.
    device: Option<String>,
}

impl Tokens {
    pub(super) fn with_device(self, device: String) -> Self {
        Self { device: Some(device), ..self }
    }
}

impl Example for Tokens {
    fn example() -> Self {
        Self {
            access_token: "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiJ9...".to_owned(),
            token_type: "Bearer",
            expires_in: 900,
            scope: "openid tasks:read tasks:write".to_owned(),
            id_token: Some("eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiJ9...".to_owned()),
            refresh_token: Some("0pYzXTUyWbtO5IPm1LNYBs9PAXeBKWHZ0hIzKAEJrJ0".to_owned()),
            device: None,
        }
    }
}

impl From<TokenResponse> for Tokens {
    fn from(issued: TokenResponse) -> Self {
        Self {
            access_token: issued.access_token,
            token_type: issued.token_type.name(),
            expires_in: issued.expires_in,
            scope: issued.scope,
            id_token: issued.id_token,
            refresh_token: issued.refresh_token.map(|token| token.expose_secret().to_owned()),
            device: None,
        }
    }
}
