//! Converts the errors of poem and poem-openapi into problems.
//!
//! A malformed body, parameter or path never reaches the error type of a handler: the framework answers those
//! errors, and 404 and 405, by itself and as plain text. [`respond`] is called at the root of a service and
//! gives all of them one form. The messages of the framework quote the received value; the messages made here
//! name only the member and the rule, because the value may be a secret.

use std::{error::Error as StdError, time::Duration};

use poem::{
    Error, IntoResponse, PathPattern, Response,
    error::{MethodNotAllowedError, ParseFormError, ParseJsonError, ParseQueryError, ReadBodyError},
    http::{StatusCode, header::ALLOW},
};
use poem_openapi::error::{ContentTypeError, ParseParamError, ParsePathError, ParseRequestPayloadError};

use super::{
    INTERNAL, MALFORMED, METHOD_NOT_ALLOWED, Problem, ProblemKind, UNAVAILABLE, UNSUPPORTED_MEDIA_TYPE,
};
use crate::{body::BodyError, routing::DocumentedRoutes, telemetry::log_failure};

/// `Retry-After` of a 503 that names no time of its own.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The response to any error of an endpoint. An error that contains a finished response keeps it.
pub fn respond(error: Error, paths: &DocumentedRoutes) -> Response {
    if error.is_from_response() || error.is::<Problem>() {
        return error.into_response();
    }
    let pattern = error.data::<PathPattern>().cloned();
    let mut response = problem_for(&error, pattern.as_ref(), paths).into_response();
    if let Some(pattern) = pattern {
        response.set_data(pattern);
    }
    response
}

fn problem_for(error: &Error, pattern: Option<&PathPattern>, paths: &DocumentedRoutes) -> Problem {
    let pattern = pattern.map_or("", |pattern| &*pattern.0);
    if let Some(problem) = malformed(error, pattern, paths) {
        return problem;
    }
    if error.is::<MethodNotAllowedError>() {
        let problem = Problem::new(METHOD_NOT_ALLOWED);
        return match paths.allow(pattern) {
            Some(allow) => problem.header(ALLOW, allow.clone()),
            None => problem,
        };
    }
    match error.status() {
        StatusCode::SERVICE_UNAVAILABLE => Problem::new(UNAVAILABLE).retry_after(RETRY_AFTER),
        status if status.is_server_error() => {
            log_failure(error);
            Problem::new(INTERNAL)
        }
        status => Problem::new(ProblemKind::from_status(status)),
    }
}

/// The problem for an error that the framework raises before a handler runs.
fn malformed(error: &Error, pattern: &str, paths: &DocumentedRoutes) -> Option<Problem> {
    if let Some(cause) = error.downcast_ref::<ParseParamError>() {
        return Some(wrong_parameter(cause.name, &cause.reason));
    }
    if let Some(cause) = error.downcast_ref::<ParsePathError>() {
        let name = paths.parameter(pattern, cause.name).unwrap_or(cause.name);
        return Some(wrong_parameter(name, &cause.reason));
    }
    if let Some(cause) = error.downcast_ref::<ReadBodyError>() {
        return Some(unreadable(cause));
    }
    if error.is::<ContentTypeError>() {
        return Some(UNSUPPORTED_MEDIA_TYPE.into());
    }
    if error.is::<ParseQueryError>() {
        return Some(Problem::new(MALFORMED).detail("the query is not valid"));
    }
    if error.is::<ParseFormError>() || error.is::<ParseJsonError>() || error.is::<ParseRequestPayloadError>()
    {
        return Some(match error.status() {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => UNSUPPORTED_MEDIA_TYPE.into(),
            _ => Problem::new(MALFORMED).detail("the body is not valid"),
        });
    }
    None
}

fn wrong_parameter(name: &str, reason: &str) -> Problem {
    Problem::new(MALFORMED).field(name).detail(format!("`{name}` {}", rule_in(reason)))
}

fn unreadable(cause: &ReadBodyError) -> Problem {
    match cause {
        ReadBodyError::PayloadTooLarge => BodyError::TooLarge.into(),
        ReadBodyError::Io(cause) => BodyError::from(cause).into(),
        ReadBodyError::Utf8(_) => Problem::new(MALFORMED).detail("the body is not valid UTF-8"),
        // Two extractors of one handler read the body: a defect of this program.
        ReadBodyError::BodyHasBeenTaken => Problem::internal(cause as &dyn StdError),
    }
}

/// The rule in a message of poem-openapi, without the value that broke it.
fn rule_in(reason: &str) -> String {
    let quoted = |after: &str| reason.split_once(after)?.1.split_once('"').map(|(name, _)| name.to_owned());
    if let Some((_, rule)) = reason.split_once("verification failed. ") {
        let rule = rule.split(" (occurred").next().unwrap_or(rule);
        return format!("must satisfy {rule}");
    }
    if reason.contains(" expects an input value") {
        return "is required".to_owned();
    }
    if let Some(name) = quoted("Expected input type \"").or_else(|| quoted("failed to parse \"")) {
        return format!("must be a valid {}", name.strip_prefix("optional_").unwrap_or(&name));
    }
    "is not valid".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_told_without_the_value_that_broke_them() {
        for (reason, rule) in [
            (r#"Expected input type "integer_uint16", found "hunter2"."#, "must be a valid integer_uint16"),
            (r#"failed to parse "string_uuid": invalid character: found `h`"#, "must be a valid string_uuid"),
            (r#"Type "string" expects an input value."#, "is required"),
            (
                "verification failed. maximum(100, exclusive: false)",
                "must satisfy maximum(100, exclusive: false)",
            ),
            ("anything else", "is not valid"),
        ] {
            assert_eq!(rule_in(reason), rule);
        }
    }
}
