//! Explains to an app's developer why a token request is refused.

use super::{ScopeError, TokenError};
use crate::{
    clients::Client,
    explanation::{Explanation, update_command},
    resources::Resources,
};

impl ScopeError {
    /// What the client may have instead.
    pub fn explanation(&self, client: &Client, known: &Resources) -> Explanation {
        let available = format!("scopes of the client: {}", client.row.scopes.join(" "));
        match self {
            Self::Syntax(cause) => {
                Explanation::new("scope", &cause.to_string(), "scopes with single spaces between")
            }
            Self::NotAllowed { words, .. } => {
                let existing: Vec<_> = words.split(' ').filter(|word| known.scope_exists(word)).collect();
                let remedy = update_command(client.client_id(), "--add-scope", existing.iter().copied());
                let remedy = remedy.filter(|_| !existing.is_empty());
                Explanation::new("scope", words, &available).with_remedy(remedy)
            }
            Self::Empty { .. } => Explanation::new("scope", "no scope that is left", &available),
            Self::Target { resource, rule, .. } => Explanation::new("resource", resource, rule)
                .with_remedy(Some("postern resource list".to_owned())),
        }
    }
}

impl TokenError {
    /// None for a fault of this provider, and for a limit.
    pub fn explanation(&self, client: &Client, grant_type: &str, known: &Resources) -> Option<Explanation> {
        let explained = |check, came: &str, expected: &str| Some(Explanation::new(check, came, expected));
        match self {
            Self::GrantTypeNotAllowed { allowed } => {
                let own = client.row.grant_types.iter().map(|own| own.word());
                let remedy = update_command(client.client_id(), "--grant-type", own.chain([grant_type]));
                Some(Explanation::new("grant_type", grant_type, allowed).with_remedy(remedy))
            }
            Self::RedirectUriMismatch { found, expected } => {
                let expected = format!("the one of the authorization request: {expected}");
                explained("redirect_uri", found, &expected)
            }
            Self::CodeVerifier { found } => {
                explained("code_verifier", found, "the code_verifier of which the code_challenge was made")
            }
            Self::UnknownCode => {
                explained("code", "an unknown code, or one of another client", "a code of this client")
            }
            Self::CodeReplayed => {
                explained("code", "a code that was used before", "a code that is used once")
            }
            Self::CodeExpired => {
                explained("code", "a code that has expired", "a code right after it was issued")
            }
            Self::UnknownRefreshToken => explained(
                "refresh_token",
                "an unknown one, or one of another client",
                "the newest one of this client",
            ),
            Self::RefreshTokenExpired => {
                explained("refresh_token", "one that has expired", "one that is in use")
            }
            Self::RefreshTokenReused => explained(
                "refresh_token",
                "one that was used before",
                "the newest one: each answer has the next, and the one before has ended",
            ),
            Self::GrantEnded => explained(
                "grant",
                "a code or token of a grant that has ended",
                "a new sign-in: the session, the account or the access of the app has ended",
            ),
            Self::Scope(cause) => Some(cause.explanation(client, known)),
            Self::TooManyRequests { .. } | Self::Issue(_) | Self::Crypto(_) | Self::Database(_) => None,
        }
    }
}
