//! Defines the error responses that the OpenAPI document shows as examples: for each operation and status a kind that
//! this operation answers with. Where this table has no entry, a problem says no more than its status.

use poem::http::StatusCode;
use postern_service::problem::{CONFLICT, NOT_FOUND, Problem, UNAUTHENTICATED};
use serde_json::Value;

use super::{
    auth::invitations::PUBLIC_CLIENT,
    oauth_error::OAuthError,
    problem::{
        self, INSUFFICIENT_AUTHENTICATION, INSUFFICIENT_SCOPE, LINK_OVER, LOGIN_FAILED, METHOD_NOT_OFFERED,
        NOT_BEGUN, OTHER_ACCOUNT, PASSKEY_REFUSED, REGISTRATION_CLOSED, WRONG_CODE,
    },
};

/// The body that `operation` answers with this status.
pub(super) fn find(operation: &str, status: u16) -> Option<Value> {
    match operation {
        "authorize" | "authorize_by_form" => Some(page(status, "We do not know this app")),
        "end_session" | "end_session_by_form" => Some(page(status, "We did not understand that")),
        "token" | "userinfo" | "userinfo_post" | "introspect" | "revoke" => oauth_error(operation, status),
        _ => problem(operation, status).map(|problem| problem.to_example()),
    }
}

/// What a person sees instead of an answer for the app.
fn page(status: u16, malformed: &str) -> Value {
    let heading = if status == 400 { malformed } else { "We cannot answer just now" };
    format!("<!doctype html> ... <h1>{heading}</h1> ...").into()
}

fn oauth_error(operation: &str, status: u16) -> Option<Value> {
    let error = match (operation, status) {
        ("token", 400) => {
            OAuthError::new("invalid_grant", "the code or refresh token is not valid for this request")
        }
        ("userinfo" | "userinfo_post", 400) => {
            OAuthError::invalid_request("the Authorization header is not one Bearer token")
        }
        ("userinfo" | "userinfo_post", 401) => OAuthError::new("invalid_token", "an access token is needed"),
        (_, 400) => OAuthError::invalid_request("token is missing"),
        (_, 401) => OAuthError::invalid_client(false),
        (_, 403) => OAuthError::new("insufficient_scope", "the access token lacks a scope"),
        (_, 413) => OAuthError::invalid_request("the body is too large"),
        (_, 415) => OAuthError::invalid_request("the media type is not supported"),
        (_, 429) => OAuthError::new("temporarily_unavailable", "too many requests"),
        (_, 503) => OAuthError::new("temporarily_unavailable", "try again later"),
        _ => return None,
    };
    let mut example = serde_json::to_value(error).ok()?;
    example["error_uri"] = "https://id.example.com/errors/7k2m9qxw4hd0t5vz".into();
    Some(example)
}

fn problem(operation: &str, status: u16) -> Option<Problem> {
    let code = StatusCode::from_u16(status).ok()?;
    let own = match code {
        StatusCode::BAD_REQUEST => match operation {
            "auth_email_verify" | "auth_password_reset" | "email_confirm" => {
                Problem::new(LINK_OVER).detail("ask for a new one")
            }
            _ => return None,
        },
        StatusCode::UNAUTHORIZED => unauthorized(operation),
        StatusCode::FORBIDDEN => forbidden(operation),
        StatusCode::NOT_FOUND => not_found(operation),
        StatusCode::CONFLICT => conflict(operation)?,
        _ => return None,
    };
    Some(own)
}

fn unauthorized(operation: &str) -> Problem {
    match operation {
        "auth_verify" | "auth_login" => Problem::new(LOGIN_FAILED),
        "auth_refresh" => problem::invalid_grant(),
        "email_change"
        | "email_confirm"
        | "totp_begin"
        | "totp_confirm"
        | "totp_remove"
        | "passkey_begin"
        | "passkey_confirm"
        | "passkey_remove"
        | "recovery_codes_renew"
        | "password_set"
        | "account_export"
        | "account_delete" => Problem::new(INSUFFICIENT_AUTHENTICATION),
        "auth_logout" | "auth_me" => Problem::new(UNAUTHENTICATED),
        operation if operation.starts_with("auth_") => problem::invalid_client(),
        _ => Problem::new(UNAUTHENTICATED),
    }
}

fn forbidden(operation: &str) -> Problem {
    match operation {
        "auth_verify" | "auth_login" => problem::mfa_required(
            vec!["totp".to_owned(), "passkey".to_owned()],
            "bKE9UspwyIPg8LsQHkJaiehiTeUdstI5JZOvaoQRgJA".to_owned(),
        ),
        "auth_me" => Problem::new(INSUFFICIENT_SCOPE).detail("the scope `openid` is needed"),
        "auth_register" => Problem::new(REGISTRATION_CLOSED),
        "auth_invite" => Problem::new(PUBLIC_CLIENT),
        "auth_email_verify" => Problem::new(OTHER_ACCOUNT).detail(problem::CONFIRM_WITH_TOKEN),
        "totp_confirm" => Problem::new(WRONG_CODE),
        "passkey_confirm" => Problem::new(PASSKEY_REFUSED),
        operation if operation.starts_with("auth_") => problem::not_first_party(),
        _ => Problem::new(INSUFFICIENT_SCOPE).detail(
            "the scope `account` is needed: the operator allows it by `postern client update CLIENT_ID --add-scope account`",
        ),
    }
}

fn not_found(operation: &str) -> Problem {
    match operation {
        "passkey_rename" | "passkey_remove" | "session_end" | "application_remove" => Problem::new(NOT_FOUND),
        _ => Problem::new(METHOD_NOT_OFFERED),
    }
}

fn conflict(operation: &str) -> Option<Problem> {
    Some(match operation {
        "totp_begin" => Problem::new(CONFLICT).detail("an authenticator is set up already"),
        "totp_confirm" | "passkey_confirm" => Problem::new(NOT_BEGUN),
        "recovery_codes_renew" => {
            Problem::new(CONFLICT).detail("set up an authenticator first: the codes stand in for it")
        }
        _ => return None,
    })
}
