//! The OpenAPI document: the file in the repository is what the code says.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use postern_identity::{
    authorization::{logout, parameters::Parameter, request_parameters},
    http::serve,
};
use serde_json::{Value, json};

#[test]
fn the_document_in_the_repository_is_that_of_the_code() {
    let path = root().join("openapi/identity.json");
    let document = serve::document();
    if env::var_os("UPDATE_OPENAPI").is_some() {
        fs::write(&path, format!("{document:#}\n")).unwrap();
    }
    let written: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert!(written == document, "openapi/identity.json differs from the code: run with UPDATE_OPENAPI=1");
}

/// The operations, each with its path and method.
pub fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap();
        methods.iter().map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    operations.collect()
}

#[test]
fn every_operation_has_a_summary_of_its_own_a_group_and_words_for_its_parameters() {
    let document = serve::document();
    let groups: Vec<_> = document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].clone()).collect();
    assert_eq!(groups, ["Protocol", "First-party sign-in", "Account", "Metadata"], "in the order of use");
    let mut summaries = BTreeSet::new();
    for (name, operation) in operations(&document) {
        assert!(operation["operationId"].is_string(), "{name}");
        assert!(groups.contains(&operation["tags"][0]), "{name} is in no group");
        let summary = operation["summary"].as_str().unwrap_or_else(|| panic!("{name} has no summary"));
        assert!(!summary.is_empty() && !summary.ends_with('.'), "{name}: {summary}");
        assert!(summaries.insert(summary.to_lowercase()), "{name} has the summary of another: {summary}");
        let words = [summary, operation["description"].as_str().unwrap_or_default()];
        for unclear in ["one is", "Who is", "Remove it", "Complete it", "let in", "shown out", "Show one"] {
            assert!(words.iter().all(|text| !text.contains(unclear)), "{name}: {unclear}");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let described = parameter["description"].as_str().is_some_and(|text| !text.is_empty());
            assert!(described, "{name}: {} has no description", parameter["name"]);
            assert!(parameter["required"] != true || !parameter["example"].is_null(), "{name}: {parameter}");
        }
    }
}

#[test]
fn every_error_response_has_an_example_of_its_own_with_its_status_and_a_kind_that_is_explained() {
    let document = serve::document();
    let explained = fs::read_to_string(root().join("docs/problems.md")).unwrap();
    let mut examples = 0;
    for (name, operation) in operations(&document) {
        let errors = operation["responses"].as_object().unwrap().iter().filter_map(|(status, response)| {
            let status = if status == "default" { 500 } else { status.parse().unwrap() };
            (status >= 400).then_some((status, response))
        });
        for (status, response) in errors {
            let (media_type, content) = response["content"].as_object().unwrap().iter().next().unwrap();
            let example = &content["example"];
            let what = format!("{status} of {name}: {example}");
            examples += 1;
            match media_type.as_str() {
                "application/problem+json" => {
                    assert_eq!(example["status"], status, "{what}");
                    let kind =
                        example["type"].as_str().unwrap().strip_prefix("urn:postern:problem:").unwrap();
                    assert!(explained.contains(&format!("| `{kind}` | {status} |")), "{what}");
                }
                "application/json" => {
                    let error = example["error"].as_str().unwrap_or_else(|| panic!("{what}"));
                    let row = explained.lines().find(|line| {
                        line.contains(&format!("`{error}`")) && line.contains(&status.to_string())
                    });
                    assert!(row.is_some(), "docs/problems.md does not know {what}");
                }
                _ => assert!(example.as_str().unwrap().contains("<h1>"), "{what}"),
            }
        }
    }
    assert!(examples > 200, "{examples}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The name, whether the parameter is required, and whether its value is a list.
fn described(parameters: &[Parameter]) -> Vec<(Value, Value, bool)> {
    let described = parameters
        .iter()
        .map(|parameter| (json!(parameter.name), json!(parameter.required), parameter.repeatable));
    described.collect()
}

#[test]
fn the_document_has_the_parameters_that_the_endpoints_read() {
    let document = serve::document();
    for (path, table) in
        [("/oauth2/authorize", request_parameters::PARAMETERS), ("/oauth2/logout", logout::PARAMETERS)]
    {
        let query = document["paths"][path]["get"]["parameters"].as_array().unwrap();
        let written = query.iter().map(|parameter| {
            let list = parameter["schema"]["type"] == "array";
            (parameter["name"].clone(), parameter["required"].clone(), list)
        });
        assert_eq!(written.collect::<Vec<_>>(), described(table), "{path}");
        let content = &document["paths"][path]["post"]["requestBody"]["content"];
        let fields =
            content["application/x-www-form-urlencoded"]["schema"]["properties"].as_object().unwrap();
        assert_eq!(fields.len(), table.len(), "{path}");
        assert!(table.iter().all(|parameter| fields.contains_key(parameter.name)), "{path}");
    }
}
