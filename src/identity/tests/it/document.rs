//! The OpenAPI document: the file in the repository is what the code says.

use std::{env, fs, path::Path};

use postern_identity::http::serve;
use serde_json::Value;

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
