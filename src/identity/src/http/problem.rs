//! Defines the problems of `/api/auth` and `/api/account`, and every mapping from a cause to a problem.
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

use super::{oidc::client_authentication::ClientAuthenticationError, presented_token::PresentedTokenError};
use crate::{
    accounts::AccountError,
    keys::SignError,
    login::{LoginError, passkey::enrolment::PasskeyError, totp::TotpError},
    sessions::{SessionEnded, WriteError},
    tokens::{
        IssueError, ScopeError, TokenError, access_token::AccessTokenError, revocation::RevocationError,
    },
    users::InvalidEmail,
};

pub(super) const LOGIN_FAILED: ProblemKind =
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
pub(super) const METHOD_NOT_OFFERED: ProblemKind =
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
pub(super) const INSUFFICIENT_SCOPE: ProblemKind =
    ProblemKind::new("insufficient_scope", StatusCode::FORBIDDEN, "The access token lacks a scope");
pub(super) const INSUFFICIENT_AUTHENTICATION: ProblemKind = ProblemKind::new(
    "insufficient_user_authentication",
    StatusCode::UNAUTHORIZED,
    "A newer or stronger sign-in is needed",
);

pub(super) const REGISTRATION_CLOSED: ProblemKind =
    ProblemKind::new("registration_closed", StatusCode::FORBIDDEN, "Nobody can register here");
const NO_MAIL: ProblemKind = ProblemKind::new("no_mail", StatusCode::FORBIDDEN, "No mail is sent here");
const MAILS_EXHAUSTED: ProblemKind = ProblemKind::new(
    "mails_exhausted",
    StatusCode::SERVICE_UNAVAILABLE,
    "No registration mail can be sent just now",
);
pub(super) const OTHER_ACCOUNT: ProblemKind =
    ProblemKind::new("other_account", StatusCode::FORBIDDEN, "The link is for another account");
pub(super) const LINK_OVER: ProblemKind =
    ProblemKind::new("link_over", StatusCode::BAD_REQUEST, "The link does not work any more");

pub(super) const WRONG_CODE: ProblemKind =
    ProblemKind::new("wrong_code", StatusCode::FORBIDDEN, "The code was not accepted");
pub(super) const PASSKEY_REFUSED: ProblemKind =
    ProblemKind::new("passkey_refused", StatusCode::FORBIDDEN, "The passkey was not accepted");
pub(super) const NOT_BEGUN: ProblemKind =
    ProblemKind::new("enrolment_not_begun", StatusCode::CONFLICT, "No enrolment was begun");

const RETRY_DELAY: Duration = Duration::from_secs(1);

/// What to do with a link that changes the email of an account.
pub(super) const CONFIRM_WITH_TOKEN: &str =
    "confirm a change of email at `/api/account/email/confirm`, with an access token of its account";

const NOT_FOR_ISSUER_ALONE: &str = "the access token is not for the issuer alone: \
     ask for one whose scopes are all the issuer's, or name the issuer as `resource`";

/// Why a sign-in does not go on.
impl From<LoginError> for Problem {
    fn from(cause: LoginError) -> Self {
        match cause {
            LoginError::ResponseRejected | LoginError::AttemptEnded => {
                tracing::info!(%cause, "sign-in refused");
                Self::new(LOGIN_FAILED)
            }
            LoginError::MethodNotOffered => Self::new(METHOD_NOT_OFFERED),
            LoginError::MalformedIdentifier => Self::new(problem::MALFORMED)
                .field("identifier")
                .detail("`identifier` is not an email address such as name@example.com"),
            LoginError::Limited { retry_after } => {
                Self::new(problem::TOO_MANY_REQUESTS).retry_after(retry_after)
            }
            LoginError::HasherBusy => Self::unavailable(&cause, RETRY_DELAY),
            LoginError::SessionEnded(cause) => cause.into(),
            LoginError::Database(cause) => cause.into(),
            LoginError::Crypto(_) | LoginError::MethodFailed(_) => Self::internal(&cause),
        }
    }
}

/// What people asked for about their account and did not get.
impl From<AccountError> for Problem {
    fn from(cause: AccountError) -> Self {
        let malformed = |field: &'static str, rule: &dyn std::fmt::Display| {
            Self::new(problem::MALFORMED).field(field).detail(format!("`{field}` {rule}"))
        };
        match cause {
            AccountError::RegistrationClosed => Self::new(REGISTRATION_CLOSED),
            AccountError::MailUnavailable => Self::new(NO_MAIL).detail("an administrator can help"),
            AccountError::InvitationRequired => Self::new(REGISTRATION_CLOSED)
                .detail("an account needs an invitation: ask the operator for one"),
            AccountError::MalformedEmail => malformed("email", &InvalidEmail),
            AccountError::SameEmail => malformed("email", &cause),
            AccountError::UnacceptablePassword(rule) => malformed("password", &rule),
            AccountError::InvalidClaim { field, rule } => malformed(field, &rule),
            AccountError::WrongPassword | AccountError::PasswordRequired => malformed("password", &cause),
            AccountError::NoAuthenticator => Self::new(problem::CONFLICT)
                .detail("set up an authenticator first: the codes stand in for it"),
            AccountError::Login(cause) => cause.into(),
            AccountError::LinkForOtherAccount => Self::new(OTHER_ACCOUNT).detail(CONFIRM_WITH_TOKEN),
            AccountError::EmailInUse => Self::new(problem::CONFLICT).detail("another account uses the email"),
            AccountError::InvalidLink => Self::new(LINK_OVER).detail("ask for a new one"),
            AccountError::RateLimited { retry_after } => {
                Self::new(problem::TOO_MANY_REQUESTS).retry_after(retry_after)
            }
            AccountError::MailQuotaExhausted { retry_after } => Self::new(MAILS_EXHAUSTED)
                .detail("nobody can register until then: as many mails were sent as may be")
                .retry_after(retry_after),
            AccountError::TooManyChanges { retry_after } => Self::new(problem::TOO_MANY_REQUESTS)
                .detail("the account was changed too often")
                .retry_after(retry_after),
            AccountError::HasherBusy(cause) => Self::unavailable(&cause, RETRY_DELAY),
            AccountError::SessionEnded(cause) => cause.into(),
            AccountError::Database(cause) => cause.into(),
            AccountError::Hash(_) | AccountError::Crypto(_) => Self::internal(&cause),
        }
    }
}

pub(super) fn malformed_email() -> Problem {
    AccountError::MalformedEmail.into()
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

impl From<ClientAuthenticationError> for Problem {
    fn from(cause: ClientAuthenticationError) -> Self {
        use ClientAuthenticationError as E;
        match cause {
            E::SeveralMethods | E::OtherClientId | E::MalformedAssertion(_) => {
                Self::new(problem::MALFORMED).detail(cause.to_string())
            }
            E::Rejected { .. } => invalid_client(),
            E::Vault(_) => Self::internal(&cause),
            E::TooManyFailures { retry_after } => {
                Self::new(problem::TOO_MANY_REQUESTS).retry_after(retry_after)
            }
            E::Database(cause) => cause.into(),
        }
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

impl From<ScopeError> for Problem {
    fn from(cause: ScopeError) -> Self {
        tracing::info!(%cause, "scope refused");
        let kind = if cause.concerns_resource() { INVALID_TARGET } else { INVALID_SCOPE };
        Self::new(kind).detail(cause.to_string())
    }
}

pub(super) fn invalid_grant() -> Problem {
    Problem::new(INVALID_GRANT)
}

pub(super) fn token_problem(client_id: &str, cause: TokenError) -> Problem {
    match cause {
        TokenError::Database(cause) => cause.into(),
        TokenError::Scope(cause) => cause.into(),
        TokenError::TooManyRequests { retry_after } => {
            Problem::new(problem::TOO_MANY_REQUESTS).retry_after(retry_after)
        }
        TokenError::GrantTypeNotAllowed { .. } => Problem::new(UNAUTHORIZED_CLIENT),
        TokenError::Issue(IssueError::Sign(SignError::Busy(cause))) => {
            Problem::unavailable(&cause, RETRY_DELAY)
        }
        TokenError::Issue(_) | TokenError::Crypto(_) => Problem::internal(&cause),
        _ => {
            tracing::info!(client_id, %cause, "refresh token refused");
            invalid_grant()
        }
    }
}

impl From<RevocationError> for Problem {
    fn from(cause: RevocationError) -> Self {
        match cause {
            RevocationError::OtherClient => invalid_grant(),
            RevocationError::KeysUnavailable => Self::unavailable(&cause, RETRY_DELAY),
            RevocationError::Database(cause) => cause.into(),
        }
    }
}

/// Maps the causes for which a request is refused because of its access token.
impl From<PresentedTokenError> for Problem {
    fn from(cause: PresentedTokenError) -> Self {
        use AccessTokenError as E;
        use PresentedTokenError as R;
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
            R::AuthorityEnded => Self::new(INVALID_TOKEN).www_authenticate(challenge),
            R::Login(cause) => cause.into(),
        }
    }
}

/// A grant or session that ended while the request was being looked at.
impl From<SessionEnded> for Problem {
    fn from(_: SessionEnded) -> Self {
        PresentedTokenError::AuthorityEnded.into()
    }
}

/// Maps the causes for which an authorised write is not made.
impl From<WriteError> for Problem {
    fn from(cause: WriteError) -> Self {
        match cause {
            WriteError::SessionEnded(cause) => cause.into(),
            WriteError::Database(cause) => cause.into(),
        }
    }
}

impl From<TotpError> for Problem {
    fn from(cause: TotpError) -> Self {
        match cause {
            TotpError::AlreadyEnrolled => {
                Self::new(problem::CONFLICT).detail("an authenticator is set up already")
            }
            TotpError::NotBegun => Self::new(NOT_BEGUN),
            TotpError::WrongCode => Self::new(WRONG_CODE),
            TotpError::Limited { retry_after } => {
                Self::new(problem::TOO_MANY_REQUESTS).retry_after(retry_after)
            }
            TotpError::SessionEnded(cause) => cause.into(),
            TotpError::Database(cause) => cause.into(),
            TotpError::Login(cause) => cause.into(),
        }
    }
}

impl From<PasskeyError> for Problem {
    fn from(cause: PasskeyError) -> Self {
        let detail = cause.to_string();
        match cause {
            PasskeyError::NotBegun => Self::new(NOT_BEGUN),
            PasskeyError::RegistrationRejected(cause) => {
                let cause = cause.map(|cause| cause.to_string());
                tracing::info!(cause, "a passkey was not set up");
                Self::new(PASSKEY_REFUSED)
            }
            PasskeyError::AlreadyRegistered | PasskeyError::TooMany => {
                Self::new(problem::CONFLICT).detail(detail)
            }
            PasskeyError::UnknownPasskey => Self::new(problem::NOT_FOUND),
            PasskeyError::InvalidName => {
                Self::new(problem::MALFORMED).field("name").detail(format!("`name` {detail}"))
            }
            PasskeyError::Login(cause) => cause.into(),
        }
    }
}
