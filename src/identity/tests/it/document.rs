//! The OpenAPI document: the file in the repository is what the code says.

use std::{env, fs, path::Path};

use postern_identity::{
    authorization::{logout, parameters::Parameter, request_parameters},
    http::serve,
};
use serde_json::{Value, json};

#[test]
fn the_document_in_the_repository_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi/identity.json");
    let document = serve::document();
    if env::var_os("UPDATE_OPENAPI").is_some() {
        fs::write(&path, format!("{document:#}\n")).unwrap();
    }
    let written: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert!(written == document, "openapi/identity.json differs from the code: run with UPDATE_OPENAPI=1");
}

#[test]
fn every_operation_has_a_name_and_a_summary() {
    let document = serve::document();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for member in ["operationId", "summary", "tags"] {
                assert!(!operation[member].is_null(), "{method} {path} has no {member}");
            }
        }
    }
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
