//! Adds examples to an OpenAPI document, each of its own: to parameters, to error responses, and as `curl` lines.

use serde_json::{Value, json};

use super::{curl, schema};
use crate::problem::{MALFORMED, MEDIA_TYPE, Problem, ProblemKind};

/// For a parameter of which no example has the name: all of them identify something.
const ANY_IDENTIFIER: &str = "8f0e4c5a-3b6d-4f21-9a77-1c2d3e4f5a6b";

/// Adds examples to the parameters and the error responses of `document`. `own_error` knows the body of an operation's
/// error response by `operation_id` and status; otherwise a problem has the kind that says no more than the status. The
/// response `default` is shown as 500.
pub fn add_examples(document: &mut Value, own_error: impl Fn(&str, u16) -> Option<Value>) {
    let original = document.clone();
    for_each_operation(document, |_, _, operation| {
        add_parameter_examples(&original, operation);
        let fallback_field = first_field(&original, operation);
        let operation_id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
        for (status, response) in responses.into_iter().flatten() {
            let status = if status == "default" { 500 } else { status.parse().unwrap_or(0) };
            if status < 400 {
                continue;
            }
            let content = response.get_mut("content").and_then(Value::as_object_mut);
            for (media_type, content) in content.into_iter().flatten() {
                let plain = || (media_type == MEDIA_TYPE).then(|| plain_problem(status, &fallback_field));
                if let Some(example) = own_error(&operation_id, status).or_else(plain) {
                    content["example"] = example;
                }
            }
        }
    });
}

/// Adds each operation's request as a `curl` line (`x-codeSamples`, as other readers of OpenAPI know it).
pub(super) fn add_code_samples(document: &mut Value, server: &str) {
    let original = document.clone();
    for_each_operation(document, |path, method, operation| {
        let line = curl::line(&original, server, (path, method), operation);
        operation["x-codeSamples"] = json!([{ "lang": "Shell", "label": "curl", "source": line }]);
    });
}

fn for_each_operation(document: &mut Value, mut change: impl FnMut(&str, &str, &mut Value)) {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, methods) in paths.into_iter().flatten() {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            change(path, method, operation);
        }
    }
}

/// A parameter has the example of its schema; one that must be given otherwise that of a member of its name.
fn add_parameter_examples(document: &Value, operation: &mut Value) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        let own = Some(parameter["schema"]["example"].clone()).filter(|example| !example.is_null());
        let required = parameter["required"] == true;
        let name = parameter["name"].as_str().unwrap_or_default();
        let named = || schema::example_named(document, name).filter(|_| required);
        let identifier = || required.then(|| ANY_IDENTIFIER.into());
        if let Some(example) = own.or_else(named).or_else(identifier) {
            parameter["example"] = example;
        }
    }
}

/// The member or parameter that the example of a malformed request is about.
fn first_field(document: &Value, operation: &Value) -> String {
    let content = operation["requestBody"]["content"].as_object().into_iter().flatten().next();
    let body = content.map(|(_, content)| schema::fields(document, &content["schema"])).unwrap_or_default();
    let names = |required| body.iter().filter(move |field| field.required >= required);
    let in_body = names(true).chain(names(false)).map(|field| field.name.clone()).next();
    let in_parameters = || operation["parameters"][0]["name"].as_str().map(str::to_owned);
    in_body.or_else(in_parameters).unwrap_or_default()
}

fn plain_problem(status: u16, field: &str) -> Value {
    let status =
        poem::http::StatusCode::from_u16(status).unwrap_or(poem::http::StatusCode::INTERNAL_SERVER_ERROR);
    let kind = ProblemKind::from_status(status);
    let mut problem = Problem::new(kind);
    if kind == MALFORMED && !field.is_empty() {
        problem = problem.detail(format!("`{field}` is not valid")).field(field);
    }
    problem.to_example()
}
