//! Defines the problems of the first-party API, and the mapping from causes to problems.
//!
//! The caller learns the kind. The log learns the cause, once, here. All rejected proofs map to one kind, so
//! that the response does not tell which part was wrong.

use std::time::Duration;

use poem::http::StatusCode;
use postern_service::{
    clock::Timestamp,
    problem::{self, Problem, ProblemKind},
};
use postern_token_verifier::{Refusal, poem::BearerCause};

use super::super::{error::OAuthError, presented_token::TokenRefused};
use crate::{
    accounts::AccountError,
    keys::SignError,
    login::LoginError,
    sessions::{SessionEnded, WriteError},
    tokens::{
        IssueError, ScopeError, TokenError, access_token::AccessTokenError, revocation::RevocationError,
    },
    users::InvalidEmail,
};

const LOGIN_FAILED: ProblemKind =
    ProblemKind::new("login_failed", StatusCode::UNAUTHORIZED, "The sign-in was not accepted");
const MFA_REQUIRED: ProblemKind =
    ProblemKind::new("mfa_required", StatusCode::FORBIDDEN, "Another factor is needed");
const ACCOUNT_CLOSED: ProblemKind =
    ProblemKind::new("account_closed", StatusCode::FORBIDDEN, "The account is closed and will be deleted");
const INVALID_CLIENT: ProblemKind = ProblemKind::new(
    "invalid_client",
    StatusCode::UNAUTHORIZED,
    "The client is unknown or did not prove who it is",
);
const NOT_FIRST_PARTY: ProblemKind =
    ProblemKind::new("not_first_party", StatusCode::FORBIDDEN, "The client may not use this API");
const ORIGIN_NOT_ALLOWED: ProblemKind =
    ProblemKind::new("origin_not_allowed", StatusCode::FORBIDDEN, "The page's origin is not registered");
const METHOD_NOT_OFFERED: ProblemKind =
    ProblemKind::new("method_not_offered", StatusCode::NOT_FOUND, "The login method is not offered here");
const INVALID_SCOPE: ProblemKind =
    ProblemKind::new("invalid_scope", StatusCode::BAD_REQUEST, "The scope is not available");
const INVALID_TARGET: ProblemKind =
    ProblemKind::new("invalid_target", StatusCode::BAD_REQUEST, "The resource is not available");
const INVALID_GRANT: ProblemKind =
    ProblemKind::new("invalid_grant", StatusCode::UNAUTHORIZED, "The refresh token is not valid");
const UNAUTHORIZED_CLIENT: ProblemKind =
    ProblemKind::new("unauthorized_client", StatusCode::FORBIDDEN, "The client may not refresh tokens");
const INVALID_TOKEN: ProblemKind =
    ProblemKind::new("invalid_token", StatusCode::UNAUTHORIZED, "The access token is not accepted");
const INSUFFICIENT_SCOPE: ProblemKind =
    ProblemKind::new("insufficient_scope", StatusCode::FORBIDDEN, "The access token lacks a scope");
const INSUFFICIENT_AUTHENTICATION: ProblemKind = ProblemKind::new(
    "insufficient_user_authentication",
    StatusCode::UNAUTHORIZED,
    "A newer or stronger sign-in is needed",
);

const REGISTRATION_CLOSED: ProblemKind =
    ProblemKind::new("registration_closed", StatusCode::FORBIDDEN, "Nobody can register here");
const NO_MAIL: ProblemKind = ProblemKind::new("no_mail", StatusCode::FORBIDDEN, "No mail is sent here");
const MAILS_EXHAUSTED: ProblemKind = ProblemKind::new(
    "mails_exhausted",
    StatusCode::SERVICE_UNAVAILABLE,
    "No registration mail can be sent just now",
);
const OTHER_ACCOUNT: ProblemKind =
    ProblemKind::new("other_account", StatusCode::FORBIDDEN, "The link is for another account");
const LINK_OVER: ProblemKind =
    ProblemKind::new("link_over", StatusCode::BAD_REQUEST, "The link does not work any more");

const RETRY_DELAY: Duration = Duration::from_secs(1);

const NOT_FOR_ISSUER_ALONE: &str = "the access token is not for the issuer alone: \
     ask for one whose scopes are all the issuer's, or name the issuer as `resource`";

/// Why a sign-in does not go on.
pub(in crate::http) fn login_problem(cause: LoginError) -> Problem {
    match cause {
        LoginError::ResponseRejected | LoginError::AttemptEnded => {
            tracing::info!(%cause, "sign-in refused");
            Problem::new(LOGIN_FAILED)
        }
        LoginError::MethodNotOffered => Problem::new(METHOD_NOT_OFFERED),
        LoginError::MalformedIdentifier => Problem::new(problem::MALFORMED)
            .field("identifier")
            .detail("`identifier` is not an email address such as name@example.com"),
        LoginError::Limited { retry_after } => {
            Problem::new(problem::TOO_MANY_REQUESTS).retry_after(retry_after)
        }
        LoginError::HasherBusy => Problem::unavailable(&cause, RETRY_DELAY),
        LoginError::SessionEnded(cause) => session_ended_problem(cause),
        LoginError::Database(cause) => cause.into(),
        LoginError::Crypto(_) | LoginError::MethodFailed(_) => Problem::internal(&cause),
    }
}

/// What people asked for about their account and did not get.
pub(in crate::http) fn account_problem(cause: AccountError) -> Problem {
    let malformed = |field: &'static str, rule: &dyn std::fmt::Display| {
        Problem::new(problem::MALFORMED).field(field).detail(format!("`{field}` {rule}"))
    };
    match cause {
        AccountError::RegistrationClosed => Problem::new(REGISTRATION_CLOSED),
        AccountError::MailUnavailable => Problem::new(NO_MAIL).detail("an administrator can help"),
        AccountError::InvitationRequired => Problem::new(REGISTRATION_CLOSED)
            .detail("an account needs an invitation: ask the operator for one"),
        AccountError::MalformedEmail => malformed("email", &InvalidEmail),
        AccountError::SameEmail => malformed("email", &cause),
        AccountError::UnacceptablePassword(rule) => malformed("password", &rule),
        AccountError::InvalidClaim { field, rule } => malformed(field, &rule),
        AccountError::WrongPassword => malformed("password", &cause),
        AccountError::NoAuthenticator => {
            Problem::new(problem::CONFLICT).detail("set up an authenticator first: the codes stand in for it")
        }
        AccountError::Login(cause) => login_problem(cause),
        AccountError::LinkForOtherAccount => Problem::new(OTHER_ACCOUNT).detail(
            "confirm a change of address by `/api/account/email/confirm`, with a token of its account",
        ),
        AccountError::EmailInUse => Problem::new(problem::CONFLICT).detail("another account uses the email"),
        AccountError::InvalidLink => Problem::new(LINK_OVER).detail("ask for a new one"),
        AccountError::RateLimited { retry_after } => {
            Problem::new(problem::TOO_MANY_REQUESTS).retry_after(retry_after)
        }
        AccountError::MailQuotaExhausted { retry_after } => Problem::new(MAILS_EXHAUSTED)
            .detail("nobody can register until then: as many mails were sent as may be")
            .retry_after(retry_after),
        AccountError::TooManyChanges { retry_after } => Problem::new(problem::TOO_MANY_REQUESTS)
            .detail("the account was changed too often")
            .retry_after(retry_after),
        AccountError::HasherBusy(cause) => Problem::unavailable(&cause, RETRY_DELAY),
        AccountError::SessionEnded(cause) => session_ended_problem(cause),
        AccountError::Database(cause) => cause.into(),
        AccountError::Hash(_) | AccountError::Crypto(_) => Problem::internal(&cause),
    }
}

pub(super) fn malformed_email() -> Problem {
    account_problem(AccountError::MalformedEmail)
}

pub(super) fn mfa_required(methods: Vec<String>, attempt: String) -> Problem {
    let detail = if methods.is_empty() {
        "the account has no second factor; set one up first"
    } else {
        "go on with one of `methods` and the same attempt"
    };
    Problem::new(MFA_REQUIRED).detail(detail).with("methods", methods).with("attempt", attempt)
}

/// For a user who has verified every required factor of a closed account. Nobody else learns that it is
/// closed.
pub(super) fn account_closed(deletion_at: Timestamp, issuer: &str) -> Problem {
    Problem::new(ACCOUNT_CLOSED)
        .detail("its owner can keep it at `restore_uri` until `deletion_at`")
        .with("deletion_at", deletion_at.rfc3339())
        .with("restore_uri", format!("{issuer}/account/restore"))
}

pub(super) fn client_problem(refusal: &OAuthError) -> Problem {
    let wait = refusal.retry_after().unwrap_or(RETRY_DELAY);
    match refusal.status_code() {
        StatusCode::BAD_REQUEST => {
            Problem::new(problem::MALFORMED).detail("the client must authenticate in one way")
        }
        StatusCode::TOO_MANY_REQUESTS => Problem::new(problem::TOO_MANY_REQUESTS).retry_after(wait),
        status if status.is_server_error() => Problem::new(problem::UNAVAILABLE).retry_after(wait),
        _ => invalid_client(),
    }
}

pub(super) fn invalid_client() -> Problem {
    Problem::new(INVALID_CLIENT)
}

pub(super) fn not_first_party() -> Problem {
    Problem::new(NOT_FIRST_PARTY)
}

pub(super) fn origin_not_allowed() -> Problem {
    Problem::new(ORIGIN_NOT_ALLOWED).detail("cookies need an `Origin` that the client has registered")
}

pub(super) fn exactly_one_required(one: &'static str, other: &'static str) -> Problem {
    Problem::new(problem::MALFORMED).field(one).detail(format!("give either `{one}` or `{other}`"))
}

pub(super) fn scope_problem(cause: &ScopeError) -> Problem {
    tracing::info!(%cause, "scope refused");
    let kind = if cause.concerns_resource() { INVALID_TARGET } else { INVALID_SCOPE };
    Problem::new(kind).detail(cause.to_string())
}

pub(super) fn invalid_grant() -> Problem {
    Problem::new(INVALID_GRANT)
}

pub(super) fn token_problem(client_id: &str, cause: TokenError) -> Problem {
    match cause {
        TokenError::Database(cause) => cause.into(),
        TokenError::Scope(cause) => scope_problem(&cause),
        TokenError::TooManyRequests { retry_after } => {
            Problem::new(problem::TOO_MANY_REQUESTS).retry_after(retry_after)
        }
        TokenError::GrantTypeNotAllowed { .. } => Problem::new(UNAUTHORIZED_CLIENT),
        TokenError::Issue(IssueError::Sign(SignError::Busy(cause))) => {
            Problem::unavailable(&cause, RETRY_DELAY)
        }
        TokenError::Issue(_) | TokenError::Crypto(_) => Problem::internal(&cause),
        _ => {
            tracing::info!(client_id, %cause, "refresh refused");
            invalid_grant()
        }
    }
}

pub(super) fn revocation_problem(cause: RevocationError) -> Problem {
    match cause {
        RevocationError::OtherClient => invalid_grant(),
        RevocationError::KeysUnavailable => Problem::unavailable(&cause, RETRY_DELAY),
        RevocationError::Database(cause) => cause.into(),
    }
}

/// Maps the causes for which a request is refused because of its access token.
impl From<TokenRefused> for Problem {
    fn from(cause: TokenRefused) -> Self {
        use AccessTokenError as E;
        use TokenRefused as R;
        let challenge = cause.challenge(None);
        let refused = |kind| {
            tracing::info!(%cause, "access token refused");
            Self::new(kind).www_authenticate(challenge.clone())
        };
        match cause {
            R::Presentation(BearerCause::InvalidRequest(_)) => Self::new(problem::MALFORMED)
                .detail("the Authorization header is not one Bearer token")
                .www_authenticate(challenge),
            R::Presentation(_) => Self::new(problem::UNAUTHENTICATED).www_authenticate(challenge),
            R::Token(E::Database(cause)) => cause.into(),
            R::Token(E::InvalidToken(Refusal::KeysUnavailable)) => Self::unavailable(&cause, RETRY_DELAY),
            R::Token(E::NotFirstParty { .. }) => not_first_party(),
            R::Token(E::AudienceNotIssuerOnly { .. }) => refused(INVALID_TOKEN).detail(NOT_FOR_ISSUER_ALONE),
            R::Token(_) => refused(INVALID_TOKEN),
            R::InsufficientScope { scope, ref advice, .. } => {
                let needed = format!("the scope `{scope}` is needed");
                let detail =
                    advice.as_ref().map_or_else(|| needed.clone(), |advice| format!("{needed}: {advice}"));
                refused(INSUFFICIENT_SCOPE).detail(detail)
            }
            R::InsufficientAuthentication(_) => {
                Self::new(INSUFFICIENT_AUTHENTICATION).www_authenticate(challenge)
            }
            R::Ended => Self::new(INVALID_TOKEN).www_authenticate(challenge),
            R::Login(cause) => login_problem(cause),
        }
    }
}

/// A grant or session that ended while the request was being looked at.
pub(in crate::http) fn session_ended_problem(_: SessionEnded) -> Problem {
    TokenRefused::Ended.into()
}

/// Maps the causes for which an authorised write is not made.
pub(in crate::http) fn write_problem(cause: WriteError) -> Problem {
    match cause {
        WriteError::SessionEnded(cause) => session_ended_problem(cause),
        WriteError::Database(cause) => cause.into(),
    }
}
